"""The letters: one folder of ``templates/mail`` each, their text made when they leave."""

from flask import current_app, render_template, url_for
from flask_mail import Message

from app import loading, signatures
from app.certificate import draw_certificate
from app.extensions import charter
from app.models import Letter, LetterKind, Signature, Status
from app.tokens import ACCESS_SIGNATURE, CONFIRM_SIGNATURE


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
        days=current_app.config["CONFIRMATION_MAX_AGE"] // 86400,
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
    """Give the way back to every signature confirmed at this address."""
    doors = [
        (s, url_for("charter.access", token=ACCESS_SIGNATURE.token(s), _external=True))
        for s in loading.at_address(address)
        if s.is_confirmed
    ]
    if not doors:
        return None
    return _message("access", address, doors=doors, minutes=current_app.config["ACCESS_MAX_AGE"] // 60)


def _message(folder: str, address: str, **values: object) -> Message:
    subject = render_template(f"mail/{folder}/subject.txt", **values).strip()
    return Message(
        subject=subject,
        recipients=[address],
        body=render_template(f"mail/{folder}/body.txt", **values),
        html=render_template(f"mail/{folder}/body.html", subject=subject, **values),
        sender=(f"{charter.short_title} {charter.territory.name}", current_app.config["MAIL_DEFAULT_SENDER"]),
        # RFC 3834: no answering machine answers us.
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
