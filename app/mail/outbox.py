"""The courier: takes letters from the outbox to the SMTP relay, whatever happens on the way.

Several couriers may share one outbox: a letter is claimed by one statement that moves its due time forward.
A courier that dies lets go of its letter when that time comes, and the next one sends it again under the same
Message-ID. No transaction is open while the relay is spoken to.
"""

import hashlib
import logging
import os
import smtplib
import ssl
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import flask_mail
from flask import Flask, current_app
from sqlalchemy import or_, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app.certificates.key import seal_key
from app.clock import now
from app.extensions import db
from app.mail.letters import SEAL_WARNINGS, compose, enclose, file
from app.models import Letter, LetterKind, LetterState
from app.register.update import publish_waiting
from app.signatures.rules import new_letter

log = logging.getLogger(__name__)

#: How long a claimed letter is left alone. Longer than any conversation with the relay lasts.
CLAIM = timedelta(minutes=10)
#: Waiting time after each failed attempt; the last one repeats, so that a relay down for days delays only.
RETRIES = [timedelta(minutes=m) for m in (1, 2, 5, 15, 30, 60)]
#: Seconds between two looks at the outbox.
PAUSE = 2.0


class Refused(Exception):
    """The relay refused this letter for good (SMTP 5xx, RFC 5321)."""


class _Connection(flask_mail.Connection):
    """Flask-Mail's connection, with a timeout, a verified certificate, and a quiet way out."""

    def configure_host(self) -> smtplib.SMTP:
        config = current_app.config
        # Our own name, as RFC 5321 (4.1.1.1) asks; left out, the standard library asks the DNS for one.
        name, timeout = config["SERVER_NAME"].partition(":")[0], config["MAIL_TIMEOUT"]
        host: smtplib.SMTP
        if self.mail.use_ssl:
            context = ssl.create_default_context()
            host = smtplib.SMTP_SSL(self.mail.server, self.mail.port, name, timeout=timeout, context=context)
        else:
            host = smtplib.SMTP(self.mail.server, self.mail.port, name, timeout=timeout)
        try:
            if self.mail.use_tls:
                host.starttls(context=ssl.create_default_context())
            if self.mail.username and self.mail.password:
                host.login(self.mail.username, self.mail.password)
        except BaseException:
            host.close()
            raise
        return host

    def __exit__(self, *_: object) -> None:
        try:
            if self.host is not None:
                self.host.quit()
        except (OSError, smtplib.SMTPException):
            pass  # the letter was answered already: leaving badly does not unsend it


def deliver_due() -> int:
    """Try every letter that is due, once; return how many were sent. Needs an application context.

    Whatever else must come in time is done first, since this is what always runs.
    """
    publish_waiting(now())
    _warn_of_seal()
    return sum(_deliver(letter) for letter in _claimed())


def _deliver(letter: Letter) -> bool:
    """Try one letter, keep what came of it, and return whether it was sent."""
    sent = False
    try:
        message = compose(letter)
        if message is not None:
            file(letter)
            enclose(letter, message)
        db.session.commit()  # what was read is let go: the relay may take its time, nobody waits for it
        if message is None:
            _let_go(letter)
        else:
            _send(message)
            letter.state, letter.sent_at, letter.trouble = LetterState.SENT, now(), None
            sent = True
    except Refused as error:
        letter.state, letter.trouble = LetterState.REFUSED, str(error)[:200]
        log.warning("letter %s refused", letter.id)  # its trouble may name the address: not in a log
    except Exception as error:  # a letter is owed: whatever happened, try again later
        db.session.rollback()  # where the database said no, it hears nothing before that
        letter.due_at = now() + RETRIES[min(letter.attempts, len(RETRIES)) - 1]
        letter.trouble = f"{type(error).__name__}: {error}"[:200]
        log.warning("letter %s delayed: %s", letter.id, type(error).__name__)
    if letter.kind is LetterKind.WITHDRAWN and letter.state is not LetterState.WAITING:
        letter.address, letter.trouble = "", None  # all else was erased already
    try:
        db.session.commit()
    except StaleDataError:  # erased while the relay was spoken to, with what it was about
        db.session.rollback()
    return sent


def _let_go(letter: Letter) -> None:
    """Mark a letter void; one that belongs to no signature is erased, for anybody typed its address."""
    if letter.kind is LetterKind.ACCESS:
        db.session.delete(letter)
    else:
        letter.state = LetterState.VOID


def _warn_of_seal() -> None:
    """Owe each organiser a letter when the seal has few days left: one for each term of `SEAL_WARNINGS`."""
    organisers = current_app.config["ORGANISERS"]
    if not organisers:
        return  # and the key is not read for nothing
    left = seal_key.days_left(now())
    term = next((days for days in sorted(SEAL_WARNINGS) if left <= days), None)
    for address in organisers if term else []:
        # The same key in every process: the table takes it once.
        key = hashlib.sha256(f"{seal_key.fingerprint} {term} {address}".encode()).hexdigest()[:32]
        if db.session.scalar(select(Letter.id).where(Letter.message_key == key)) is None:
            db.session.add(new_letter(LetterKind.SEAL, address, now(), key))
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()


def _claimed() -> Iterator[Letter]:
    """Claim due letters one by one, each in its own short transaction."""
    while True:
        db.session.expire_all()  # rows outlive a commit here, and people wrote during the last letter
        moment = now()
        # Nothing waits for longer than the longest retry: a clock that was wrong wrote a later time.
        is_due = or_(Letter.due_at <= moment, Letter.due_at > moment + RETRIES[-1])
        due = (
            select(Letter.id)
            .where(Letter.state == LetterState.WAITING, is_due)
            .order_by(Letter.due_at, Letter.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # PostgreSQL: what another courier takes is passed over
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


def _send(message: flask_mail.Message) -> None:
    """Hand a message to the relay. Raises: Refused, OSError, smtplib.SMTPException.

    Only what the relay says of the recipient or of the text is final. What it says of us (greeting, login,
    sender) is for the person who runs the site to mend, and the letter waits for it.
    """
    try:
        with _Connection(current_app.extensions["mail"]) as connection:
            connection.send(message)
    except smtplib.SMTPRecipientsRefused as error:
        ((code, _),) = error.recipients.values()
        _raise_if_final(code, error)
        raise
    except smtplib.SMTPDataError as error:
        _raise_if_final(error.smtp_code, error)
        raise


def _raise_if_final(code: int, error: Exception) -> None:
    if 500 <= code < 600:
        raise Refused(str(error)) from error


def greet() -> None:
    """Speak to the relay as when a letter leaves, and send none. Raises: OSError, smtplib.SMTPException."""
    with _Connection(current_app.extensions["mail"]) as connection:
        assert connection.host is not None
        connection.host.ehlo_or_helo_if_needed()
        code, answer = connection.host.noop()
        if code != 250:
            raise smtplib.SMTPResponseException(code, answer)


def next_due() -> datetime | None:
    """Return when the next waiting letter is due, if there is one."""
    waiting = select(Letter.due_at).where(Letter.state == LetterState.WAITING).order_by(Letter.due_at)
    return db.session.scalar(waiting.limit(1))


def start(app: Flask) -> None:
    """Run the courier in a thread of this process; once it forks, in each process forked from it instead.

    A process with a connection to the database, or a lock, in the hands of a thread must not be forked.
    """
    stopped = threading.Event()

    def run() -> None:
        nonlocal stopped
        stopped = threading.Event()  # the other one may have been forked with its own lock held
        threading.Thread(target=_keep_delivering, args=(app, stopped), name="courier", daemon=True).start()

    os.register_at_fork(before=lambda: stopped.set(), after_in_child=run)
    run()


def _keep_delivering(app: Flask, stopped: threading.Event) -> None:
    away = False
    while not stopped.wait(PAUSE):
        try:
            with app.app_context():
                if app.config["MAIL_SERVER"]:
                    deliver_due()
                else:  # development: the letters wait, and ``/dev/courrier`` shows them
                    publish_waiting(now())
            if away:
                log.warning("the courier looks at the outbox again")
            away = False
        except DBAPIError as error:  # the outbox is as durable as it is: told once, and tried again
            if not away:
                log.warning("the courier cannot look at the outbox: %s", error.orig)
            away = True
        except Exception:
            log.exception("the courier could not look at the outbox")
