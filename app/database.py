"""Database engines: SQLite made durable, strict and patient, and consistent reads on either engine."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import has_request_context, request
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError

#: Milliseconds that a transaction waits for the write lock of SQLite, before the visitor gets a 503.
BUSY_TIMEOUT = 30_000
#: After these errors a connection is of no use: it keeps what it knew of the file (SQLite, result codes).
FATAL = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB)


@contextmanager
def read_snapshot(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that reads the database as it is at one moment, while others write."""
    options: dict[str, Any] = {"reads_only": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    with engine.connect().execution_options(**options) as connection:
        yield connection


def prepare_sqlite(engine: Engine) -> None:
    """Set up an engine on SQLite, and follow its file: it may be deleted, replaced or damaged under a site.

    The execution option ``creates_file`` (True) says whether a missing file is made; the server sets it to
    False, since an empty database in the place of a lost one would look like a site without signatures.
    """
    file = Path(engine.url.database or "")
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    if not file.is_absolute():  # in memory
        return

    @event.listens_for(engine, "do_connect")
    def open_file(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        if not engine.get_execution_options().get("creates_file", True):
            arguments[0], options["uri"] = f"file:{quote(str(file))}?mode=rw", True
        elif file.parent.is_dir():
            file.touch(mode=0o600)  # names and opinions: SQLite gives the same mode to its other files

    @event.listens_for(engine, "connect")
    def note_file(_connection: Any, record: Any) -> None:
        record.info["file"] = _file_identity(file)

    @event.listens_for(engine, "checkout")
    def check_file(_connection: Any, record: Any, _proxy: Any) -> None:
        """Reopen a connection whose file was deleted or replaced: SQLite would go on writing to it."""
        if record.info["file"] != _file_identity(file):
            raise DisconnectionError

    @event.listens_for(engine, "handle_error")
    def drop_connections(context: ExceptionContext) -> None:
        error = context.original_exception
        # The lowest eight bits are the kind of an error, the others its details.
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in FATAL:
            context.is_disconnect = True


def _file_identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _set_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")


def _begin(connection: Connection) -> None:
    """Begin with the write lock, except where nothing is written: a GET never changes anything.

    A transaction that reads, then wants to write, fails at once with "database is locked" if another wrote
    between the two, whatever the timeout.
    """
    reads_only = connection.get_execution_options().get("reads_only", False) or (
        has_request_context() and request.method in ("GET", "HEAD", "OPTIONS")
    )
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
