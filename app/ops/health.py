"""Whether the site does what it is there for: what ``/sante`` tells machines, in a few words each.

A look opens a connection of its own, and is over soon: all others may be taken, or the database gone.
"""

import enum
import logging
import shutil
import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, func, select

from app.extensions import db
from app.mail.outbox import CLAIM, RETRIES
from app.models import Letter, LetterState
from app.ops import schema_version
from app.web.logging import describe

log = logging.getLogger(__name__)

#: A letter that has been due for so long, while nobody tried any, says that no courier looks.
STUCK = timedelta(minutes=15)
#: A letter that was tried so often has trouble, and not only bad luck.
TROUBLED = 3
#: Bytes free, below which somebody should know, and below which hardly anything can be written any more.
DISK_NOTICE, DISK_FULL = 500 * 1024 * 1024, 1024 * 1024
#: Seconds that a look waits for the database; for each thing that it asks.
PATIENCE = 2
#: How long what was seen is told again, so that a thousand questions are one look.
FRESH = timedelta(seconds=1)


class Reason(enum.Enum):
    """What may be wrong; its value is a word of the interface, and stays."""

    UNREACHABLE = "base-injoignable"
    READ_ONLY = "base-en-lecture-seule"
    BEHIND = "migrations"  # the database is older than the program
    AHEAD = "base-plus-recente"  # an update is going on, most likely
    STUCK = "courrier-arrete"
    RELAY = "relais-en-panne"
    BLOCKED = "lettre-bloquee"
    DISK = "disque-presque-plein"
    FULL = "disque-plein"

    @property
    def stops(self) -> bool:
        """Whether somebody must act now. A relay that is down is no such reason: letters wait for it."""
        return self in (Reason.UNREACHABLE, Reason.READ_ONLY, Reason.BEHIND, Reason.STUCK, Reason.FULL)


@dataclass(frozen=True)
class Outbox:
    """How the letters do."""

    due: int  # that should have left by now
    waits: timedelta  # how long the first of them has; zero where none does
    idle: timedelta | None  # how long no letter was tried; None where none ever was
    troubled: int  # tried again and again
    others_leave: bool  # since the first of those was written


class _Lookout:
    """Remembers what was seen last, and lets one thread look at a time."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._at: datetime | None = None
        self._reasons: list[Reason] = []

    def reasons(self, now: datetime) -> list[Reason]:
        with self._lock:
            if self._at is None or not timedelta() <= now - self._at < FRESH:
                self._reasons = _look(self.engine, now)
                self._at = now
            return self._reasons


def init_app(app: Flask) -> None:
    """Make ready to look."""
    with app.app_context():
        app.extensions["health"] = _Lookout(_engine(db.engine.url))


def reasons(now: datetime) -> list[Reason]:
    """Return what is wrong, as it was seen within the last second. Whatever happens, it is an answer."""
    lookout: _Lookout = current_app.extensions["health"]
    return lookout.reasons(now)


def outbox(connection: Connection, now: datetime) -> Outbox:
    """Look at the outbox: two statements, answered from the index of what waits.

    Trying a letter moves its due time, so that due times tell when the last one was tried.
    """
    waiting = connection.execute(
        select(Letter.attempts, func.count(), func.min(Letter.created_at), func.max(Letter.due_at))
        .where(Letter.state == LetterState.WAITING)
        .group_by(Letter.attempts)
    ).all()
    due, first_due = connection.execute(
        select(func.count(), func.min(Letter.due_at)).where(
            Letter.state == LetterState.WAITING, Letter.due_at <= now
        )
    ).one()
    left, refused = (
        connection.scalar(select(func.max(Letter.due_at)).where(Letter.state == state))
        for state in (LetterState.SENT, LetterState.REFUSED)
    )
    tried = [last_due - RETRIES[min(n, len(RETRIES)) - 1] for n, _, _, last_due in waiting if n]
    tried += [last_due - CLAIM for last_due in (left, refused) if last_due]
    troubled = [(count, created_at) for n, count, created_at, _ in waiting if n >= TROUBLED]
    first = min((created_at for _, created_at in troubled), default=now)
    return Outbox(
        due=due,
        waits=now - first_due if due else timedelta(),
        idle=now - max(tried) if tried else None,
        troubled=sum(count for count, _ in troubled),
        others_leave=left is not None and left - CLAIM > first,
    )


def letters(connection: Connection, now: datetime) -> list[Reason]:
    """Return what is wrong with the letters."""
    if not current_app.config["MAIL_SERVER"]:
        return []  # while developing, they wait for nobody
    found, post = [], outbox(connection, now)
    if post.waits > STUCK and (post.idle is None or post.idle > STUCK):
        found.append(Reason.STUCK)
    if post.troubled:
        found.append(Reason.BLOCKED if post.others_leave else Reason.RELAY)
    return found


def migrations(connection: Connection) -> list[Reason]:
    """Return whether program and database are of the same time."""
    present = schema_version.present(connection)
    if present == schema_version.wanted():
        return []
    return [Reason.BEHIND if present is None or present in schema_version.known() else Reason.AHEAD]


def disk(url: URL) -> list[Reason]:
    """Return whether there is room left beside the database, where it is a file."""
    if url.get_backend_name() != "sqlite":
        return []
    free = shutil.disk_usage(Path(url.database or ".").parent).free
    return [Reason.FULL] if free < DISK_FULL else [Reason.DISK] if free < DISK_NOTICE else []


def _look(engine: Engine, now: datetime) -> list[Reason]:
    try:
        found = disk(engine.url)
        with engine.connect() as connection:
            age = migrations(connection)
            if Reason.BEHIND in age:
                return [*age, *found]  # what else would be asked is not there, perhaps
            return [*age, *_writing(connection), *letters(connection, now), *found]
    except Exception as error:  # this is where one asks why: there must be an answer
        log.error("health: %s", describe(error))
        return [Reason.UNREACHABLE]


def _writing(connection: Connection) -> list[Reason]:
    """Return whether the database can be written to; nothing is kept of the trial."""
    if connection.dialect.name != "sqlite":
        read_only = connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
        return [Reason.READ_ONLY] if read_only else []
    raw: Any = connection.connection.driver_connection
    try:
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("UPDATE alembic_version SET version_num = version_num")
        raw.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return []  # somebody is writing
        return [Reason.READ_ONLY]
    return []


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        # "rw": a database that is gone is not made anew, empty, by asking after it.
        file = f"{Path(url.database or '').absolute().as_uri()}?mode=rw"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(file, uri=True, timeout=PATIENCE, isolation_level=None)

        return create_engine(url, creator=connect, poolclass=NullPool, hide_parameters=True)
    limits = f"{url.query.get('options', '')} -c statement_timeout={PATIENCE}s"
    arguments = {"connect_timeout": PATIENCE, "tcp_user_timeout": 1000 * PATIENCE, "options": limits}
    return create_engine(url, connect_args=arguments, poolclass=NullPool, hide_parameters=True)
