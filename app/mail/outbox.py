"""The outbox: letters wait in a table, and are sent to the SMTP server with retries.

Several workers may share one outbox: a worker claims a letter by one statement that moves its due time
forward. If the worker dies, the claim ends at that time, and the next worker sends the letter under the same
Message-ID. No transaction is open during an SMTP session.
"""

import hashlib
import logging
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import flask_mail
from flask import current_app
from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app.certificates.key import seal_key
from app.clock import now
from app.extensions import db
from app.mail.letters import SEAL_WARNINGS, prepare_message
from app.models import Letter, LetterKind, LetterState
from app.register.update import publish_waiting
from app.signatures.rules import new_letter

log = logging.getLogger(__name__)

#: How long a claim lasts: longer than any SMTP session.
CLAIM = timedelta(minutes=10)
#: The delay after each failed attempt; the last one repeats, so that an SMTP server may be down for days.
RETRIES = [timedelta(minutes=m) for m in (1, 2, 5, 15, 30, 60)]


def deliver_due() -> int:
    """Run all that is due now: publications, seal warnings, letters. Return the number of letters sent.

    The worker and `flask letters deliver` run nothing else, so this publishes the register entries that
    waited for the end of an electoral silence, and queues the warnings about the seal. Then it tries each due
    letter once. Needs an application context.
    """
    publish_waiting(now())
    if not current_app.config["MAIL_SERVER"]:
        return 0  # development: letters wait in the outbox, and /dev/courrier shows them
    _queue_seal_warnings()
    return sum(_deliver(letter) for letter in _claim_letters())


def find_next_due() -> datetime | None:
    """Return when the next waiting letter is due, or None if no letter waits."""
    waiting = select(Letter.due_at).where(Letter.state == LetterState.WAITING).order_by(Letter.due_at)
    return db.session.scalar(waiting.limit(1))


def test_connection() -> None:
    """Connect to the SMTP server and log in, as to send a letter. Raises: OSError, smtplib.SMTPException."""
    with _Connection(current_app.extensions["mail"]) as connection:
        assert connection.host is not None
        connection.host.ehlo_or_helo_if_needed()


def _queue_seal_warnings() -> None:
    """Queue a letter to each organiser when the seal has few days left: one for each of `SEAL_WARNINGS`."""
    organisers = current_app.config["ORGANISERS"]
    if not organisers:
        return  # without reading the key
    left = seal_key.days_left(now())
    term = next((days for days in sorted(SEAL_WARNINGS) if left <= days), None)
    for address in organisers if term else []:
        # The same in every process, and unique in the table: one letter, whichever process is first.
        key = hashlib.sha256(f"{seal_key.fingerprint} {term} {address}".encode()).hexdigest()[:32]
        if db.session.scalar(select(Letter.id).where(Letter.message_key == key)) is None:
            db.session.add(new_letter(LetterKind.SEAL, address, now(), key))
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()


def _claim_letters() -> Iterator[Letter]:
    """Claim due letters one by one, each in its own short transaction."""
    while True:
        db.session.expire_all()  # requests have written during the last SMTP session; rows outlive a commit
        moment = now()
        # No letter waits longer than the longest retry: a later time was written by a wrong clock.
        is_due = or_(Letter.due_at <= moment, Letter.due_at > moment + RETRIES[-1])
        due = (
            select(Letter.id)
            .where(Letter.state == LetterState.WAITING, is_due)
            .order_by(Letter.due_at, Letter.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # PostgreSQL: skip what another worker is claiming
            .scalar_subquery()
        )
        claim = (
            update(Letter)
            .where(Letter.id == due, Letter.state == LetterState.WAITING, is_due)
            .values(due_at=moment + CLAIM, attempts=Letter.attempts + 1)
            .returning(Letter)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        letter = db.session.scalars(claim).first()
        db.session.commit()
        if letter is None:
            return
        yield letter


def _deliver(letter: Letter) -> bool:
    """Try one letter, and store the outcome: sent, void, refused, or a retry. Return True if it was sent."""
    sent = False
    try:
        message = prepare_message(letter)
        db.session.commit()  # the SMTP session may last: no transaction meanwhile
        if message is not None:
            with _Connection(current_app.extensions["mail"]) as connection:
                connection.send(message)
            letter.state, letter.sent_at, letter.trouble = LetterState.SENT, now(), None
            sent = True
        elif letter.kind is LetterKind.ACCESS:
            db.session.delete(letter)  # its address has no signature, and may be anyone's
        else:
            letter.state = LetterState.VOID
    except Exception as error:  # whatever failed: a queued letter is never lost
        db.session.rollback()  # before anything else, if it was the database
        # Read before the row changes: it is written once, without a lock on its signature (PostgreSQL).
        retry_at = now() + RETRIES[min(letter.attempts, len(RETRIES)) - 1]
        letter.trouble = f"{type(error).__name__}: {error}"[:200]  # with the address, maybe: not for the log
        if _is_final(error):
            letter.state = LetterState.REFUSED
            log.warning("letter %s refused", letter.id)
        else:
            letter.due_at = retry_at
            log.warning("letter %s delayed: %s", letter.id, type(error).__name__)
    if letter.kind is LetterKind.WITHDRAWN and letter.state is not LetterState.WAITING:
        letter.address, letter.trouble = "", None  # the last personal data of a withdrawn signature
    try:
        db.session.commit()
    except StaleDataError:  # deleted during the SMTP session, with its signature
        db.session.rollback()
    return sent


def _is_final(error: Exception) -> bool:
    """Return True if the SMTP server refused the recipient or the text for good (5xx, RFC 5321).

    A 5xx about this site (greeting, login, sender) is a fault that the administrator can fix: letters wait.
    """
    match error:
        case smtplib.SMTPRecipientsRefused():
            return all(500 <= code < 600 for code, _ in error.recipients.values())
        case smtplib.SMTPDataError():
            return 500 <= error.smtp_code < 600
    return False


class _Connection(flask_mail.Connection):
    """Flask-Mail's connection, with a timeout and a verified certificate, which it lacks."""

    def configure_host(self) -> smtplib.SMTP:
        """Open an SMTP session with the server of the settings, logged in."""
        # The name is what EHLO says (RFC 5321, 4.1.1.1); without it, smtplib asks the DNS for the machine's.
        config = current_app.config
        server = (config["MAIL_SERVER"], config["MAIL_PORT"], config["SERVER_NAME"].partition(":")[0])
        timeout = config["MAIL_TIMEOUT"]
        smtp: smtplib.SMTP
        if config["MAIL_USE_SSL"]:
            smtp = smtplib.SMTP_SSL(*server, timeout=timeout, context=ssl.create_default_context())
        else:
            smtp = smtplib.SMTP(*server, timeout=timeout)
        try:
            if config["MAIL_USE_TLS"]:
                smtp.starttls(context=ssl.create_default_context())
            if config["MAIL_USERNAME"] and config["MAIL_PASSWORD"]:
                smtp.login(config["MAIL_USERNAME"], config["MAIL_PASSWORD"])
        except BaseException:
            smtp.close()
            raise
        return smtp

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, smtplib.SMTPException):  # the answer to the letter counts, not the one to QUIT
            assert self.host is not None
            self.host.quit()
