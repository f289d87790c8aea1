"""Rows found for the views: who is this, who else is that, how many letters already."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from app.extensions import db
from app.models import Certificate, Letter, LetterKind, LetterState, Signature, Status
from app.signing import LETTERS_SPAN, Allowance


def by_code(code: str) -> Signature | None:
    """Return the signature of that code, whatever its status."""
    return db.session.scalar(select(Signature).where(Signature.code == code))


def by_number(number: str) -> Signature | None:
    """Return the signature that a certificate number stands for."""
    return db.session.scalar(select(Signature).join(Certificate).where(Certificate.number == number))


def standing(signature: Signature) -> Signature | None:
    """Return the confirmed signature of the same person: same address, name and commune."""
    return db.session.scalar(
        select(Signature).where(
            Signature.email == signature.email,
            Signature.name_key == signature.name_key,
            Signature.commune == signature.commune,
            Signature.status == Status.CONFIRMED,
        )
    )


def at_address(email: str) -> list[Signature]:
    """Return what an address has signed: first what is confirmed, then what still waits."""
    found = db.session.scalars(
        select(Signature)
        .where(Signature.email == email, Signature.status.in_((Status.CONFIRMED, Status.PENDING)))
        .options(selectinload(Signature.letters))
        .order_by(Signature.status, Signature.id)  # "confirmed" < "pending"
    )
    return list(found)


def allowance(email: str, per_day: int, now: datetime) -> Allowance:
    """Count how many letters an address may still be sent; confirming one resets the count."""
    answered = db.session.scalar(
        select(func.max(Signature.confirmed_at)).where(
            Signature.email == email, Signature.status == Status.CONFIRMED
        )
    )
    since = max(now - LETTERS_SPAN, answered) if answered else now - LETTERS_SPAN
    sent = db.session.scalar(
        select(func.count())
        .select_from(Letter)
        .where(
            Letter.address == email,
            Letter.kind.in_((LetterKind.CONFIRM, LetterKind.ACCESS)),
            Letter.state != LetterState.VOID,
            Letter.created_at > since,
        )
    )
    return Allowance(per_day - (sent or 0))
