"""The letters: one folder of ``templates/mail`` each, their text made when they leave."""

from email.charset import QP, Charset

import flask_mail
from flask import current_app, render_template, url_for
from flask_mail import Message

from app.certificates import current
from app.certificates.issue import is_certifiable, issue
from app.certificates.key import seal_key
from app.clock import now
from app.extensions import charter
from app.french import duration
from app.mail import addresses
from app.mail.links import ACCESS_SIGNATURE, CONFIRM_SIGNATURE, DENY_SIGNATURE, MOVE_SIGNATURE
from app.models import Letter, LetterKind, Signature, Status
from app.signatures import lookup

#: UTF-8 in short lines: RFC 5321 (4.5.3.1.6) allows 1,000 octets, which a long name and its link exceed.
QUOTED_PRINTABLE = Charset("utf-8")
QUOTED_PRINTABLE.header_encoding = QUOTED_PRINTABLE.body_encoding = QP

# Flask-Mail names each letter by itself first, and asks the DNS for the name of this machine to do so. Ours
# takes the place of that one (`compose`); and where the DNS is down, letters do not wait for it.
flask_mail.make_msgid = lambda *_: ""  # type: ignore[attr-defined]  # it imports it for itself alone

#: Organisers are written to when the seal has so many days left.
SEAL_WARNINGS = (60, 7)


def compose(letter: Letter) -> Message | None:
    """Write a letter, or return None where what it was about is gone meanwhile."""
    if letter.kind is LetterKind.ACCESS:
        message = _access(letter.address)
    elif letter.signature is None:
        message = _seal(letter.address)
    else:
        writers = {
            LetterKind.CONFIRM: _confirm,
            LetterKind.CONFIRMED: _confirmed,
            LetterKind.MOVE: _move,
            LetterKind.MOVING: _moving,
            LetterKind.WITHDRAWN: _withdrawn,
        }
        message = writers[letter.kind](letter.signature, letter.address)
    if message is not None:
        domain = current_app.config["SERVER_NAME"].partition(":")[0]
        message.msgId = f"<{letter.message_key}@{domain}>"
    return message


def file(letter: Letter) -> None:
    """File an access letter under a signature of its address, to be erased with it.

    Nobody looked when it was asked for, so that asking takes as long for an address that is not known.
    """
    if letter.kind is LetterKind.ACCESS:
        letter.signature = lookup.at_address(letter.address)[0]


def enclose(letter: Letter, message: Message) -> None:
    """Put the certificate in the letter that announces it; it is sealed now, where it was not before.

    Raises: CertificateError.
    """
    if letter.kind is LetterKind.CONFIRMED and letter.signature and is_certifiable(letter.signature):
        certificate = issue(letter.signature)
        filename = current.snapshot_of(certificate).filename
        assert certificate.pdf is not None  # of a signature that stands
        message.attach(filename, "application/pdf", certificate.pdf)


def _confirm(signature: Signature, address: str) -> Message | None:
    """Ask to confirm; void once confirmed, or corrected to another address."""
    if signature.status is not Status.PENDING or signature.email != address:
        return None
    token = CONFIRM_SIGNATURE.token(signature)
    return _message(
        "confirm",
        address,
        signature=signature,
        link=url_for("candidate.confirm", token=token, _external=True),
        refusal=url_for("candidate.deny", token=DENY_SIGNATURE.token(signature), _external=True),
        lifetime=duration(current_app.config["CONFIRMATION_MAX_AGE"]),
    )


def _confirmed(signature: Signature, address: str) -> Message | None:
    """Say that it is done; the certificate is enclosed where there still is something to certify."""
    if not signature.is_confirmed:
        return None
    return _message(
        "confirmed",
        address,
        signature=signature,
        enclosed=is_certifiable(signature),
        page=url_for("citizen.signatory", code=signature.code, _external=True),
        back=url_for("candidate.request_access", _external=True),
    )


def _access(address: str) -> Message | None:
    """Give the way back to every signature of this address: opened if confirmed, else to be confirmed."""
    doors = [
        (s, url_for("candidate.access", token=ACCESS_SIGNATURE.token(s), _external=True))
        if s.is_confirmed
        else (s, url_for("candidate.confirm", token=CONFIRM_SIGNATURE.token(s), _external=True))
        for s in lookup.at_address(address)
    ]
    if not doors:
        return None
    waits = any(not s.is_confirmed for s, _ in doors)
    return _message(
        "access",
        address,
        doors=doors,
        lifetime=duration(current_app.config["ACCESS_MAX_AGE"]),
        confirmation=duration(current_app.config["CONFIRMATION_MAX_AGE"]) if waits else None,
    )


def _move(signature: Signature, address: str) -> Message | None:
    """Ask at the new address; void once answered, called off, or asked elsewhere."""
    if not signature.is_confirmed or signature.new_email != address:
        return None
    token = MOVE_SIGNATURE.token(signature)
    return _message(
        "move",
        address,
        signature=signature,
        link=url_for("candidate.move", token=token, _external=True),
        lifetime=duration(current_app.config["CONFIRMATION_MAX_AGE"]),
    )


def _moving(signature: Signature, address: str) -> Message | None:
    """Tell the old address, which names no new one."""
    if signature.status not in (Status.PENDING, Status.CONFIRMED):
        return None
    back = url_for("candidate.request_access", _external=True)
    return _message("moving", address, signature=signature, back=back)


def _withdrawn(signature: Signature, address: str) -> Message | None:
    """Say that a signature was taken back; the letter names nobody."""
    return _message("withdrawn", address, withdrawn_on=signature.withdrawn_at)


def _seal(address: str) -> Message | None:
    """Warn an organiser that the seal expires; void once there is a new one."""
    days = seal_key.days_left(now())
    if days > SEAL_WARNINGS[0]:
        return None
    return _message("seal", address, days=days, expires_on=seal_key.not_after)


def _message(folder: str, address: str, **values: object) -> Message:
    subject = render_template(f"mail/{folder}/subject.txt", **values).strip()
    return Message(
        subject=subject,
        recipients=[addresses.wire(address)],
        body=render_template(f"mail/{folder}/body.txt", **values),
        html=render_template(f"mail/{folder}/body.html", subject=subject, **values),
        sender=(f"{charter.short_title} {charter.territory.name}", current_app.config["MAIL_DEFAULT_SENDER"]),
        charset=QUOTED_PRINTABLE,  # type: ignore[arg-type]  # which the standard library takes as well
        # RFC 3834: no answering machine answers us.
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
