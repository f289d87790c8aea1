"""The quota of letters: so many to one mailbox in a day, across all signatures; none after a refusal."""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.extensions import db
from app.mail.addresses import mailbox_of
from app.models import Event, Letter, LetterKind, LetterState, Signature, Status
from app.signatures.rules import new_letter

#: The letters that a stranger can cause: they share one count for each mailbox.
STRANGERS = (LetterKind.CONFIRM, LetterKind.ACCESS, LetterKind.MOVE)
#: The events of the journal that answer one of them, and so reset the count.
ANSWERS = ("confirmed", "opened", "moved")


def within_quota(kind: LetterKind, address: str, now: datetime) -> bool:
    """Return True if a letter of that kind may leave for an address.

    A mailbox gets fewer than `LETTERS_PER_DAY` unanswered letters in 24 hours, of all `STRANGERS` kinds
    together; a kind that needs an open session has a count of its own, so that strangers cannot use it up.
    A mailbox that refused a signature gets none for KEEP_LETTERS_DAYS, except the access link to a signature
    that it confirmed. Until the end of the transaction, a second request for that mailbox waits here.
    """
    mailbox = mailbox_of(address)
    _lock_mailbox(mailbox)
    if (
        kind in STRANGERS
        and _has_refused(mailbox, now)
        and not (kind is LetterKind.ACCESS and _has_confirmed(mailbox))
    ):
        return False
    answered = db.session.scalar(
        select(func.max(Event.at))
        .join(Signature)
        .where(_belongs_to(Signature.email, mailbox), Event.what.in_(ANSWERS))
    )
    since = max(now - timedelta(days=1), answered) if answered else now - timedelta(days=1)
    sent = db.session.scalar(
        select(func.count())
        .select_from(Letter)
        .where(
            or_(_belongs_to(Letter.address, mailbox), Letter.address == _hash_mailbox(mailbox)),
            Letter.kind.in_(STRANGERS if kind in STRANGERS else (kind,)),
            Letter.state != LetterState.VOID,
            Letter.created_at > since,
        )
    )
    return (sent or 0) < int(current_app.config["LETTERS_PER_DAY"])


def record_refusal(signature: Signature, now: datetime) -> None:
    """Record that the mailbox of a pending signature refuses it: an HMAC, erased as a sent letter is."""
    refusal = new_letter(
        LetterKind.CONFIRM, _hash_mailbox(mailbox_of(str(signature.email))), now, _key(signature.code)
    )
    refusal.state = LetterState.DENIED
    db.session.add(refusal)


def find_refusal(code: str) -> Letter | None:
    """Return the refusal of the signature of that code, to be deleted when its mailbox changes its mind."""
    return db.session.scalar(
        select(Letter).where(Letter.message_key == _key(code), Letter.state == LetterState.DENIED)
    )


def _has_refused(mailbox: str, now: datetime) -> bool:
    oldest = now - timedelta(days=current_app.config["KEEP_LETTERS_DAYS"])
    refusal = select(Letter.id).where(
        Letter.address == _hash_mailbox(mailbox),
        Letter.state == LetterState.DENIED,
        Letter.created_at > oldest,
    )
    return db.session.scalar(refusal.limit(1)) is not None


def _has_confirmed(mailbox: str) -> bool:
    confirmed = select(Signature.id).where(
        Signature.status == Status.CONFIRMED, _belongs_to(Signature.email, mailbox)
    )
    return db.session.scalar(confirmed.limit(1)) is not None


def _belongs_to(column: InstrumentedAttribute[Any], mailbox: str) -> ColumnElement[bool]:
    """Return the condition that an address, with or without a +tag, is that of a mailbox."""
    name, _, domain = mailbox.rpartition("@")
    tagged = column.startswith(f"{name}+", autoescape=True) & column.endswith(f"@{domain}", autoescape=True)
    return or_(column == mailbox, tagged)


def _key(code: str) -> str:
    """Return the message key of the refusal of a signature: one refusal for each."""
    return hashlib.sha256(f"refusal {code}".encode()).hexdigest()[:32]


def detach_sent_letters(signature: Signature) -> None:
    """Detach sent letters from a signature before it is deleted, and replace their address by an HMAC.

    They still count towards the quota: deleting signatures must not allow letters to one address without end.
    """
    for owner in (signature, *signature.merged):
        for letter in owner.letters:
            if letter.state in (LetterState.SENT, LetterState.REFUSED):
                letter.signature_id, letter.trouble = None, None
                letter.address = _hash_mailbox(mailbox_of(letter.address))
        db.session.flush()
        db.session.expire(owner, ["letters"])  # the deletion takes the letters that it finds here


def _hash_mailbox(mailbox: str) -> str:
    """Return the HMAC of a mailbox: the same for equal ones, and useless without the secret key."""
    secret = current_app.config["SECRET_KEY"].encode()
    return hmac.new(secret, mailbox.encode(), hashlib.sha256).hexdigest()


def _lock_mailbox(mailbox: str) -> None:
    """Lock a mailbox until the transaction ends: of forty requests at once, each sees the letters before it.

    PostgreSQL needs an advisory lock. SQLite has one writer at a time anyway.
    """
    if db.session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(mailbox.encode()).digest()[:8], signed=True)
        db.session.execute(select(func.pg_advisory_xact_lock(key)))
