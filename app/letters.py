"""The letters: one folder of ``templates/mail`` each, their text made when they leave."""

from email.charset import QP, Charset

from flask import current_app, render_template, url_for
from flask_mail import Message

from app import loading, signatures
from app.certificate import draw_certificate
from app.extensions import charter
from app.french import duration
from app.models import Letter, LetterKind, Signature, Status
from app.tokens import ACCESS_SIGNATURE, CONFIRM_SIGNATURE

#: UTF-8 in short lines: RFC 5321 (4.5.3.1.6) allows 1,000 octets, which a long name and its link exceed.
QUOTED_PRINTABLE = Charset("utf-8")
QUOTED_PRINTABLE.header_encoding = QUOTED_PRINTABLE.body_encoding = QP


def compose(letter: Letter) -> Message | None:
    """Make the message of a letter, or None where what it was about is gone meanwhile."""
    writers = {
        LetterKind.CONFIRM: _confirm,
        LetterKind.CONFIRMED: _confirmed,
        LetterKind.ACCESS: _access,
    }
    message = writers[letter.kind](letter.signature, letter.address)
    if message is not None:
        domain = current_app.config["SERVER_NAME"].partition(":")[0]
        message.msgId = f"<{letter.message_key}@{domain}>"
    return message


def _confirm(signature: Signature, address: str) -> Message | None:
    """Ask to confirm; void once confirmed, or corrected to another address."""
    if signature.status is not Status.PENDING or signature.email != address:
        return None
    token = CONFIRM_SIGNATURE.token(signature)
    return _message(
        "confirm",
        address,
        signature=signature,
        link=url_for("charter.confirm", token=token, _external=True),
        lifetime=duration(current_app.config["CONFIRMATION_MAX_AGE"]),
    )


def _confirmed(signature: Signature, address: str) -> Message | None:
    """Say that it is done, with the certificate."""
    if not signature.is_confirmed:
        return None
    message = _message(
        "confirmed",
        address,
        signature=signature,
        page=url_for("public.signatory", code=signature.code, _external=True),
        back=url_for("charter.find", _external=True),
    )
    if signature.pledges:
        snapshot = signatures.snapshot(signature)
        message.attach(snapshot.filename, "application/pdf", draw_certificate(snapshot))
    return message


def _access(signature: Signature, address: str) -> Message | None:
    """Give the way back to every signature of this address: opened if confirmed, else to be confirmed."""
    doors = [
        (s, url_for("charter.access", token=ACCESS_SIGNATURE.token(s), _external=True))
        if s.is_confirmed
        else (s, url_for("charter.confirm", token=CONFIRM_SIGNATURE.token(s), _external=True))
        for s in loading.at_address(address)
    ]
    if not doors:
        return None
    return _message("access", address, doors=doors, lifetime=duration(current_app.config["ACCESS_MAX_AGE"]))


def _message(folder: str, address: str, **values: object) -> Message:
    subject = render_template(f"mail/{folder}/subject.txt", **values).strip()
    return Message(
        subject=subject,
        recipients=[address],
        body=render_template(f"mail/{folder}/body.txt", **values),
        html=render_template(f"mail/{folder}/body.html", subject=subject, **values),
        sender=(f"{charter.short_title} {charter.territory.name}", current_app.config["MAIL_DEFAULT_SENDER"]),
        charset=QUOTED_PRINTABLE,  # type: ignore[arg-type]  # which the standard library takes as well
        # RFC 3834: no answering machine answers us.
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
