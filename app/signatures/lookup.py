"""Queries that find signatures: by code, by e-mail address, by person."""

from flask import request
from sqlalchemy import select

from app.extensions import db
from app.models import Signature, Status
from app.signatures.rules import Signatory


def find_by_code(code: str) -> Signature | None:
    """Return the signature of that code, of any status; a POST request locks its row until it commits.

    The lock prevents a second tab from changing the commitments while the first one confirms them. SQLite
    has one writer at a time, and needs no row lock.
    """
    found = select(Signature).where(Signature.code == code)
    return db.session.scalar(found.with_for_update(key_share=True) if request.method == "POST" else found)


def find_confirmed(person: Signature | Signatory, email: str | None = None) -> Signature | None:
    """Return the confirmed signature of the same name, commune and e-mail address, or `email` instead."""
    return db.session.scalar(
        select(Signature).where(
            Signature.email == (email or person.email),
            Signature.name_key == person.name_key,
            Signature.commune == person.commune,
            Signature.status == Status.CONFIRMED,
        )
    )


def find_by_address(email: str) -> list[Signature]:
    """Return the signatures of an e-mail address: the confirmed ones, then the pending ones."""
    found = db.session.scalars(
        select(Signature)
        .where(Signature.email == email, Signature.status.in_((Status.CONFIRMED, Status.PENDING)))
        .order_by(Signature.status, Signature.id)  # "confirmed" < "pending"
    )
    return list(found)
