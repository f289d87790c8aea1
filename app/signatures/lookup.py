"""Rows found for the views: who is this, who else is that, how many letters already."""

import hashlib
import hmac
from datetime import datetime, timedelta

from flask import current_app, request
from sqlalchemy import func, select, update

from app.extensions import db
from app.models import Certificate, Event, Letter, LetterKind, LetterState, Signature, Status
from app.signatures.rules import Signatory


def by_code(code: str) -> Signature | None:
    """Return the signature of that code, whatever its status; nobody changes it before a POST has ended.

    What somebody confirms is what they were shown, and not what their other tab has just taken. SQLite lets
    in one writer at a time as it is.
    """
    found = select(Signature).where(Signature.code == code)
    return db.session.scalar(found.with_for_update(key_share=True) if request.method == "POST" else found)


def certificate(number: str) -> Certificate | None:
    """Return the certificate of that number."""
    return db.session.scalar(select(Certificate).where(Certificate.number == number))


def certificate_of_file(sha256: str) -> Certificate | None:
    """Return the certificate whose PDF has that SHA-256, in hexadecimal."""
    return db.session.scalar(select(Certificate).where(Certificate.sha256 == sha256))


def standing(person: Signature | Signatory, email: str | None = None) -> Signature | None:
    """Return the confirmed signature of the same person: name, commune and address (or another one)."""
    return db.session.scalar(
        select(Signature).where(
            Signature.email == (email or person.email),
            Signature.name_key == person.name_key,
            Signature.commune == person.commune,
            Signature.status == Status.CONFIRMED,
        )
    )


def at_address(email: str) -> list[Signature]:
    """Return what an address has signed: first what is confirmed, then what still waits."""
    found = db.session.scalars(
        select(Signature)
        .where(Signature.email == email, Signature.status.in_((Status.CONFIRMED, Status.PENDING)))
        .order_by(Signature.status, Signature.id)  # "confirmed" < "pending"
    )
    return list(found)


def set_letters_apart(signature: Signature) -> None:
    """Take the letters that have left away from what is about to be erased, and blind their address.

    They count for `may_write` still: erasing must not be a way to write to somebody without end.
    """
    for owner in (signature, *signature.merged):
        for letter in list(owner.letters):
            if letter.state in (LetterState.SENT, LetterState.REFUSED):
                db.session.execute(
                    update(Letter)
                    .where(Letter.id == letter.id)
                    .values(signature_id=None, address=_blinded(letter.address), trouble=None)
                )
                db.session.expunge(letter)
        db.session.expire(owner, ["letters"])


def _blinded(address: str) -> str:
    """Return what tells an address only to those who have it, and the site's secret."""
    secret = current_app.config["SECRET_KEY"].encode()
    return hmac.new(secret, address.encode(), hashlib.sha256).hexdigest()


def _wait_for_turn(address: str) -> None:
    """Until this transaction ends, let nobody else count the letters of an address.

    Of forty that press at once, each would count before the others have written. SQLite lets in one writer
    at a time as it is.
    """
    if db.session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(address.encode()).digest()[:8], signed=True)
        db.session.execute(select(func.pg_advisory_xact_lock(key)))


def may_write(kind: LetterKind, email: str, per_day: int, now: datetime) -> bool:
    """Whether an address may be sent one more letter of that kind: so many a day, until one is answered.

    Each kind has its own count, so that asking for access, which writes to known addresses only, changes
    nothing of what signing does for that address.
    """
    _wait_for_turn(email)
    answers = {LetterKind.CONFIRM: "confirmed", LetterKind.ACCESS: "opened", LetterKind.MOVE: "moved"}
    answered = db.session.scalar(
        select(func.max(Event.at))
        .join(Signature)
        .where(Signature.email == email, Event.what == answers.get(kind))
    )
    since = max(now - timedelta(days=1), answered) if answered else now - timedelta(days=1)
    sent = db.session.scalar(
        select(func.count())
        .select_from(Letter)
        .where(
            Letter.address.in_((email, _blinded(email))),
            Letter.kind == kind,
            Letter.state != LetterState.VOID,
            Letter.created_at > since,
        )
    )
    return (sent or 0) < per_day
