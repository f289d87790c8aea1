"""The reasons for which `/sante` says that the site is not well."""

import enum
import logging
import shutil
import sqlite3
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, func, select

from app.extensions import db
from app.mail.outbox import CLAIM, RETRIES
from app.models import Letter, LetterState
from app.ops import schema_version
from app.ops.jobs import find_overdue
from app.web.logging import describe

log = logging.getLogger(__name__)

#: No letter tried for so long, while one is due: the worker has stopped.
STUCK = timedelta(minutes=15)
#: Failed attempts after which a letter counts as blocked.
BLOCKED_ATTEMPTS = 3
#: Free bytes: a notice below the first, an alarm below the second.
DISK_NOTICE, DISK_FULL = 500 * 1024 * 1024, 1024 * 1024
#: Seconds that a health check waits for the database.
TIMEOUT = 2


class Reason(enum.Enum):
    """What may be wrong. The values are the words of `/sante`, and do not change."""

    UNREACHABLE = "base-injoignable"
    READ_ONLY = "base-en-lecture-seule"
    BEHIND = "migrations"  # the database is older than the program
    AHEAD = "base-plus-recente"  # an update is going on, most likely
    STUCK = "courrier-arrete"
    RELAY = "relais-en-panne"
    BLOCKED = "lettre-bloquee"
    JOBS = "taches-de-nuit"  # one has failed, or is late
    DISK = "disque-presque-plein"
    FULL = "disque-plein"

    @property
    def is_critical(self) -> bool:
        """True if a person must act now. A relay that is down is not critical: letters wait for it."""
        return self in (Reason.UNREACHABLE, Reason.READ_ONLY, Reason.BEHIND, Reason.STUCK, Reason.FULL)


def find_reasons(now: datetime) -> tuple[Reason, ...]:
    """Return what is wrong. Never raises. Cached for one second, so that the page may be public."""
    return _find_reasons(create_health_engine(db.engine.url), now.replace(microsecond=0))


def check_letters(connection: Connection, now: datetime) -> list[Reason]:
    """Return what is wrong with the letters. Each attempt moves the due time: that dates the last one."""
    if not current_app.config["MAIL_SERVER"]:
        return []  # development: letters wait in /dev/courrier
    columns = select(Letter.attempts, Letter.created_at, Letter.due_at)
    waiting = connection.execute(columns.where(Letter.state == LetterState.WAITING)).all()
    newest = select(func.max(Letter.due_at))
    sent = connection.scalar(newest.where(Letter.state == LetterState.SENT))
    refused = connection.scalar(newest.where(Letter.state == LetterState.REFUSED))
    attempts = [due_at - CLAIM for due_at in (sent, refused) if due_at]
    attempts += [due_at - RETRIES[min(n, len(RETRIES)) - 1] for n, _, due_at in waiting if n]
    found, limit = [], now - STUCK
    if any(due_at < limit for _, _, due_at in waiting) and not any(at >= limit for at in attempts):
        found.append(Reason.STUCK)
    if blocked := [created_at for n, created_at, _ in waiting if n >= BLOCKED_ATTEMPTS]:
        others_leave = sent is not None and sent - CLAIM > min(blocked)
        found.append(Reason.BLOCKED if others_leave else Reason.RELAY)
    return found


def check_disk_space() -> list[Reason]:
    """Return whether the disk of a SQLite file is full."""
    url = db.engine.url
    if url.get_backend_name() != "sqlite":
        return []
    free = shutil.disk_usage(Path(url.database or ".").parent).free
    return [Reason.FULL] if free < DISK_FULL else [Reason.DISK] if free < DISK_NOTICE else []


@lru_cache(maxsize=1)
def _find_reasons(engine: Engine, now: datetime) -> tuple[Reason, ...]:
    try:
        disk = check_disk_space()
        with engine.connect() as connection:
            schema = _check_schema(connection)
            if Reason.BEHIND in schema:
                return (*schema, *disk)  # the other checks may need missing columns
            overdue = [Reason.JOBS] if find_overdue(connection, now) else []
            return (*schema, *_check_writing(connection), *check_letters(connection, now), *overdue, *disk)
    except Exception as error:  # /sante must answer, whatever the error
        log.error("health: %s", describe(error))
        return (Reason.UNREACHABLE,)


def _check_schema(connection: Connection) -> list[Reason]:
    revision = schema_version.read_revision(connection)
    if revision == schema_version.latest_revision():
        return []
    is_known = revision is None or revision in schema_version.known_revisions()
    return [Reason.BEHIND if is_known else Reason.AHEAD]


def _check_writing(connection: Connection) -> list[Reason]:
    """Return whether the database is read-only; on SQLite by an update that is rolled back."""
    if connection.dialect.name != "sqlite":
        read_only = connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
        return [Reason.READ_ONLY] if read_only else []
    raw: Any = connection.connection.driver_connection
    try:
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("UPDATE alembic_version SET version_num = version_num")
        raw.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # another connection is writing
        return [] if is_busy else [Reason.READ_ONLY]
    return []


@cache
def create_health_engine(url: URL) -> Engine:
    """Return an engine for health checks: the connection pool of the site may be exhausted.

    It gives up after `TIMEOUT` seconds, and never creates a SQLite file.
    """
    arguments: dict[str, Any]
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "").absolute().as_uri()
        url = url.set(database=file, query={"mode": "rw", "uri": "true"})
        arguments = {"timeout": TIMEOUT, "isolation_level": None}
    else:
        options = f"{url.query.get('options', '')} -c statement_timeout={TIMEOUT}s"
        arguments = {"connect_timeout": TIMEOUT, "tcp_user_timeout": 1000 * TIMEOUT, "options": options}
    return create_engine(url, connect_args=arguments, poolclass=NullPool, hide_parameters=True)
