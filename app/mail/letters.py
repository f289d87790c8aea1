"""The messages of letters: each kind is a folder of `templates/mail`, rendered when the letter is sent."""

from email.charset import QP, Charset
from email.utils import quote
from typing import Any

import flask_mail
from flask import current_app, render_template, url_for
from flask_mail import Message
from sqlalchemy import select

from app.certificates.issue import is_certifiable, issue_certificate, load_snapshot
from app.certificates.key import seal_key
from app.clock import now
from app.extensions import charter, db
from app.french import duration
from app.mail.addresses import encode_address
from app.mail.links import ACCESS_SIGNATURE, CONFIRM_SIGNATURE, DENY_SIGNATURE, MOVE_SIGNATURE, REFUSE_MOVE
from app.models import Job, Letter, LetterKind, Status
from app.signatures import lookup

#: UTF-8 in short lines: RFC 5321 (4.5.3.1.6) allows 1,000 octets, which a long name and its link exceed.
QUOTED_PRINTABLE = Charset("utf-8")
QUOTED_PRINTABLE.header_encoding = QUOTED_PRINTABLE.body_encoding = QP

# Flask-Mail makes a Message-ID for each message, and asks the DNS for this machine's name to do so: where the
# DNS is down, each letter would wait for its timeout (resolv.conf(5): twice 5 seconds by default).
# `compose_message` sets the Message-ID.
flask_mail.make_msgid = lambda *_: ""  # type: ignore[attr-defined]  # imported there by name

#: The nightly jobs, as letters to organisers call them.
JOB_NAMES = {
    "backup": "sauvegarde",
    "check": "contrôle du site",
    "purge": "effacement des données arrivées à leur terme",
    "register": "contrôle du registre",
}
#: Organisers get a letter when the seal has so many days left.
SEAL_WARNINGS = (60, 7)


def compose_message(letter: Letter) -> Message | None:
    """Return the message of a letter as it reads now, or None if the letter is void."""
    values = _collect_values(letter)
    if values is None:
        return None
    folder, config = f"mail/{letter.kind.value}", current_app.config
    sender = encode_address(config["MAIL_DEFAULT_SENDER"])
    subject = render_template(f"{folder}/subject.txt", **values)
    message = Message(
        subject=subject,
        sender=f'"{quote(f"{charter.short_title} {charter.territory.name}")}" <{sender}>',
        recipients=[encode_address(letter.address)],
        body=render_template(f"{folder}/body.txt", **values),
        html=render_template(f"{folder}/body.html", subject=subject, **values),
        reply_to=encode_address(config["MAIL_REPLY_TO"]) or None,
        charset=QUOTED_PRINTABLE,  # type: ignore[arg-type]  # the standard library takes a Charset too
        extra_headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: no automatic reply
    )
    message.msgId = f"<{letter.message_key}@{config['SERVER_NAME'].partition(':')[0]}>"
    return message


def prepare_message(letter: Letter) -> Message | None:
    """Return the message to send, with the certificate that it announces, or None if the letter is void.

    This also files an access letter under a signature of its address, to be erased with it. The request for
    the letter does not look for signatures, so that it takes as long for an unknown address.
    Raises: CertificateError.
    """
    message = compose_message(letter)
    if message is None:
        return None
    if letter.kind is LetterKind.ACCESS:
        letter.signature = lookup.find_by_address(letter.address)[0]
    elif letter.kind is LetterKind.CONFIRMED and letter.signature and is_certifiable(letter.signature):
        certificate = issue_certificate(letter.signature)
        filename = load_snapshot(certificate).filename
        assert certificate.pdf is not None  # of a signature that stands
        message.attach(filename, "application/pdf", certificate.pdf)
    return message


def _collect_values(letter: Letter) -> dict[str, Any] | None:
    """Return what the templates of a letter need, or None if the letter is void: its cause is gone."""
    signature, address = letter.signature, letter.address
    if letter.kind is LetterKind.ACCESS:
        return _collect_access_links(address)
    if letter.kind is LetterKind.SEAL:
        days = seal_key.days_left(now())  # more once the seal was replaced
        return {"days": days, "expires_on": seal_key.not_after} if days <= SEAL_WARNINGS[0] else None
    if letter.kind is LetterKind.JOB:
        failed = select(Job).where(Job.failed_at.is_not(None)).order_by(Job.failed_at)
        failures = [(JOB_NAMES[job.name], job.failed_at) for job in db.session.scalars(failed)]
        return {"failures": failures} if failures else None  # it has succeeded since
    if signature is None:
        return None
    values = {"signature": signature, "lifetime": duration(current_app.config["CONFIRMATION_MAX_AGE"])}
    back = url_for("candidate.request_access", _external=True)
    match letter.kind:
        case LetterKind.CONFIRM if signature.status is Status.PENDING and signature.email == address:
            refusal = DENY_SIGNATURE.make_url(signature)
            return values | {"link": CONFIRM_SIGNATURE.make_url(signature), "refusal": refusal}
        case LetterKind.CONFIRMED if signature.is_confirmed:
            page = url_for("citizen.signatory", code=signature.code, _external=True)
            return values | {"enclosed": is_certifiable(signature), "page": page, "back": back}
        case LetterKind.MOVE if signature.is_confirmed and signature.new_email == address:
            return values | {"link": MOVE_SIGNATURE.make_url(signature)}
        case LetterKind.MOVING if signature.status in (Status.PENDING, Status.CONFIRMED):
            # Without the new address. A pending signature has no move to refuse; nor has an address that a
            # signature moved to within the week: the one before it may take it back.
            present = signature.is_confirmed and address == (signature.former_email or signature.email)
            return values | {"refusal": REFUSE_MOVE.make_url(signature) if present else None, "back": back}
        case LetterKind.HIDDEN if signature.hidden_at:
            return values | {"reason": signature.hidden_reason, "back": back}
        case LetterKind.WITHDRAWN:
            return {"withdrawn_on": signature.withdrawn_at}  # without a name
    return None


def _collect_access_links(address: str) -> dict[str, Any] | None:
    """Return a link to each signature of an address: to open it if confirmed, else to confirm it."""
    signatures = lookup.find_by_address(address)
    purposes = [ACCESS_SIGNATURE if s.is_confirmed else CONFIRM_SIGNATURE for s in signatures]
    confirmation = duration(current_app.config["CONFIRMATION_MAX_AGE"])
    values = {
        "doors": [(s, purpose.make_url(s)) for s, purpose in zip(signatures, purposes, strict=True)],
        "lifetime": duration(current_app.config["ACCESS_MAX_AGE"]),
        "confirmation": confirmation if CONFIRM_SIGNATURE in purposes else None,
    }
    return values if signatures else None
