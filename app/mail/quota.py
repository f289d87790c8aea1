"""The quota of letters: so many of each kind to one e-mail address in a day, across all signatures."""

import hashlib
import hmac
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import func, select

from app.extensions import db
from app.models import Event, Letter, LetterKind, LetterState, Signature

#: The event of the journal that answers a letter, and so resets the count of its kind.
ANSWERS = {LetterKind.CONFIRM: "confirmed", LetterKind.ACCESS: "opened", LetterKind.MOVE: "moved"}


def within_quota(kind: LetterKind, address: str, now: datetime) -> bool:
    """Return True if an address got fewer than `LETTERS_PER_DAY` letters of that kind in the last 24 hours.

    Only letters since the last answer count. Each kind has its own count: a request for access, which only
    known addresses receive, must not change what signing does for that address.
    Until the end of the transaction, a second request waits to count the letters of the same address.
    """
    _lock_address(address)
    answered = db.session.scalar(
        select(func.max(Event.at))
        .join(Signature)
        .where(Signature.email == address, Event.what == ANSWERS.get(kind))
    )
    since = max(now - timedelta(days=1), answered) if answered else now - timedelta(days=1)
    sent = db.session.scalar(
        select(func.count())
        .select_from(Letter)
        .where(
            Letter.address.in_((address, _hash_address(address))),
            Letter.kind == kind,
            Letter.state != LetterState.VOID,
            Letter.created_at > since,
        )
    )
    return (sent or 0) < int(current_app.config["LETTERS_PER_DAY"])


def detach_sent_letters(signature: Signature) -> None:
    """Detach sent letters from a signature before it is deleted, and replace their address by an HMAC.

    They still count towards the quota: deleting signatures must not allow letters to one address without end.
    """
    for owner in (signature, *signature.merged):
        for letter in owner.letters:
            if letter.state in (LetterState.SENT, LetterState.REFUSED):
                letter.signature_id, letter.trouble = None, None
                letter.address = _hash_address(letter.address)
        db.session.flush()
        db.session.expire(owner, ["letters"])  # the deletion takes the letters that it finds here


def _hash_address(address: str) -> str:
    """Return the HMAC of an address: the same for equal addresses, and useless without the secret key."""
    secret = current_app.config["SECRET_KEY"].encode()
    return hmac.new(secret, address.encode(), hashlib.sha256).hexdigest()


def _lock_address(address: str) -> None:
    """Lock an address until the transaction ends: of forty requests at once, each sees the letters before it.

    PostgreSQL needs an advisory lock. SQLite has one writer at a time anyway.
    """
    if db.session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(address.encode()).digest()[:8], signed=True)
        db.session.execute(select(func.pg_advisory_xact_lock(key)))
