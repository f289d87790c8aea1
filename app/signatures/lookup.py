"""Rows found for the views: who is this, who else is that."""

from flask import request
from sqlalchemy import select

from app.extensions import db
from app.models import Signature, Status
from app.signatures.rules import Signatory


def by_code(code: str) -> Signature | None:
    """Return the signature of that code, whatever its status; nobody changes it before a POST has ended.

    What somebody confirms is what they were shown, and not what their other tab has just taken. SQLite lets
    in one writer at a time as it is.
    """
    found = select(Signature).where(Signature.code == code)
    return db.session.scalar(found.with_for_update(key_share=True) if request.method == "POST" else found)


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
