"""How this program speaks to SQLite: durable, strict, and writers in a queue.

SQLite's own way to wait is to look again after a while, and whoever looks at the wrong moment waits on. Here
writers wait behind a lock of the process, then behind a lock of the operating system on a file beside the
database, which processes get in the order in which they asked. SQLite's own lock keeps the data right; these
only decide whose turn it is.
"""

import fcntl
import math
import os
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from flask import has_request_context, request
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

#: Seconds that a writer waits for the others before the visitor is told to try again.
PATIENCE = 30.0


class Queue:
    """Lets in one writer at a time, of this process and of all that share the file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # A lock of the operating system cannot be waited for with a limit: this one waits in our place.
        self._porter = ThreadPoolExecutor(1, "sqlite-queue")

    def enter(self, turn: int, deadline: float) -> None:
        """Wait for our turn: the lock of the open file ``turn``. Raises: TimeoutError."""
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        try:
            self._take(turn, deadline)
        except BaseException:
            self._lock.release()
            raise

    def _take(self, turn: int, deadline: float) -> None:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting = self._porter.submit(fcntl.flock, turn, fcntl.LOCK_EX)
            try:
                waiting.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                if not waiting.cancel():
                    waiting.add_done_callback(lambda _: fcntl.flock(turn, fcntl.LOCK_UN))
                raise

    def leave(self, turn: int) -> None:
        """Let the next one in."""
        fcntl.flock(turn, fcntl.LOCK_UN)
        self._lock.release()


class QueueingConnection(sqlite3.Connection):
    """A connection that leaves the queue when its transaction ends, however it ends."""

    def __init__(self, queue: Queue, turns: Path, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._queue = queue
        self._is_in = False
        try:
            self._turn = os.open(turns, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error

    def enter(self, deadline: float) -> None:
        """Wait for our turn to write. Raises: TimeoutError."""
        if not self._is_in:
            self._queue.enter(self._turn, deadline)
            self._is_in = True

    def _leave(self) -> None:
        if self._is_in:
            self._is_in = False
            self._queue.leave(self._turn)

    def commit(self) -> None:
        """Commit; where that fails, the transaction is still open, and the turn still ours."""
        super().commit()
        self._leave()

    def rollback(self) -> None:
        """Roll back."""
        try:
            super().rollback()
        finally:
            self._leave()

    def close(self) -> None:
        """Close, and close the file of the queue too."""
        super().close()
        self._leave()
        os.close(self._turn)


def prepare(engine: Engine) -> None:
    """Make an engine on SQLite durable, strict and patient; by default it is none of these."""
    queue = Queue()

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _arguments: list[Any], options: dict[str, Any]) -> None:
        """Make the files for their owner alone: they hold names and opinions. SQLite's own take its mode."""
        path = Path(engine.url.database or "")
        if path.is_absolute() and path.parent.is_dir():
            if not options.get("uri"):  # which `app.presence` asks for where none may be made
                path.touch(mode=0o600)
            options["factory"] = partial(QueueingConnection, queue, path.with_name(f"{path.name}.queue"))

    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)


def _set_up(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    _wait_at_most(PATIENCE, connection, record.info)


def _wait_at_most(seconds: float, connection: sqlite3.Connection, info: dict[str, Any]) -> None:
    """Let SQLite itself wait for whoever does not queue: a shell, a program that copies the file."""
    milliseconds = 1000 * math.ceil(seconds)
    if info.get("busy_timeout") != milliseconds:
        connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
        info["busy_timeout"] = milliseconds


def _begin(connection: Connection) -> None:
    """Take the write lock first, except where nothing is written: a GET never changes anything."""
    reads_only = connection.get_execution_options().get("reads_only", False) or (
        has_request_context() and request.method in ("GET", "HEAD", "OPTIONS")
    )
    if not reads_only:
        begin_writing(connection)
        return
    own: Any = connection.connection.dbapi_connection
    _wait_at_most(PATIENCE, own, connection.info)
    connection.exec_driver_sql("BEGIN")


def begin_writing(connection: Connection) -> None:
    """Begin a transaction that writes, once it is our turn. Raises: OperationalError.

    A transaction that reads, then wants to write, fails at once with "database is locked" when somebody
    else wrote between the two, whatever the timeout: this one has the lock from its beginning.
    """
    deadline = time.monotonic() + PATIENCE
    own: Any = connection.connection.dbapi_connection
    if isinstance(own, QueueingConnection):
        try:
            own.enter(deadline)
        except TimeoutError:
            error = sqlite3.OperationalError("database is locked")
            raise OperationalError("BEGIN IMMEDIATE", None, error) from None
    _wait_at_most(max(0.0, deadline - time.monotonic()), own, connection.info)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
