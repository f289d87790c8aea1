"""The file of SQLite under a running site: gone, replaced, read-only or damaged, and come back.

SQLite would go on writing to a file that was deleted, and make an empty one where it finds none.
"""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError

#: After these a connection is of no use: it keeps what it knew of the file (SQLite, result codes).
FATAL = frozenset(
    (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    )
)


class Presence:
    """Watches over the file of one engine, if it has one."""

    def __init__(self, engine: Engine) -> None:
        self.expected = False
        self._file = Path(engine.url.database or "")
        if engine.dialect.name != "sqlite" or not self._file.is_absolute():
            return
        event.listen(engine, "do_connect", self._open)
        event.listen(engine, "connect", self._note)
        event.listen(engine, "checkout", self._compare)
        event.listen(engine, "handle_error", self._judge)

    def expect(self) -> None:
        """From now on the database is there or away: it is never made. For whoever serves."""
        self.expected = True

    def _open(self, _dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        if self.expected:
            arguments[0] = f"file:{quote(str(self._file))}?mode=rw"
            options["uri"] = True

    def _note(self, _connection: Any, record: Any) -> None:
        record.info["file"] = self._identity()

    def _compare(self, _connection: Any, record: Any, _fairy: Any) -> None:
        """Have a connection opened anew where its file is no longer the one of that name."""
        if record.info["file"] != self._identity():
            raise DisconnectionError

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _judge(self, context: ExceptionContext) -> None:
        """Have every connection opened anew after an error that would last with them."""
        error = context.original_exception
        # The lowest eight bits tell the kind of an error, those above which one.
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in FATAL:
            context.is_disconnect = True
