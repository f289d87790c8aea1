"""What the program tells of its own work, on stderr: never of whom.

A message of another library may hold anything: a typed value, an address, the link of a letter. So
messages of exceptions are not told, nor are values in the messages of libraries. Where each happened is.
"""

import errno
import json
import logging
import secrets
import sqlite3
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO, cast

from flask import Flask, has_request_context, request
from flask.logging import wsgi_errors_stream

#: The loggers whose messages were reviewed: no personal data in them.
TRUSTED = ("app", "paraphe", "flask-limiter")
#: The last calls before an error.
FRAMES = 30
#: What would begin another line, or colour a terminal.
CONTROLS = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " ")

_handler = logging.StreamHandler(cast(TextIO, wsgi_errors_stream))
_access = logging.getLogger("paraphe.access")
_access.setLevel(logging.INFO)


def init_app(app: Flask) -> None:
    """Write all logs of this process in our format. While developing, they stay as Flask writes them."""
    if app.debug:
        return
    formatter = _Formatter(as_json=app.config["LOG_FORMAT"] == "json")
    _handler.setFormatter(formatter)
    logging.getLogger().addHandler(_handler)
    for handler in logging.getLogger("gunicorn.error").handlers:
        handler.setFormatter(formatter)


def log_request(
    route: str, method: str, status: int, seconds: float, size: int | None, request_id: str
) -> None:
    """Write the line of one request; ``route`` is the rule, and ``size`` in bytes."""
    facts = {"request": request_id, "method": method, "route": route, "status": status}
    facts |= {"ms": round(seconds * 1000, 1), "bytes": size}
    _access.info("%s %s %s", method, route, status, extra={"facts": facts})


def request_id(environ: dict[str, object]) -> str:
    """Return the name of a request, made the first time: it joins the lines that are about it."""
    return str(environ.setdefault("paraphe.request", secrets.token_hex(8)))


def describe(error: BaseException) -> str:
    """Say what an error is, without the values that its message may hold.

    PostgreSQL quotes them in each detail. SQLite names what the statement names, and statements have none.
    """
    cause = getattr(error, "orig", None) or error
    name = type(error).__name__
    if isinstance(cause, sqlite3.Error):
        return f"{name}: {cause}"
    if sqlstate := getattr(cause, "sqlstate", None):
        constraint = getattr(getattr(cause, "diag", None), "constraint_name", None)
        return f"{name}: {type(cause).__name__}, SQLSTATE {sqlstate}" + f", {constraint}" * bool(constraint)
    if isinstance(cause, OSError) and cause.errno:
        return f"{name}: {errno.errorcode.get(cause.errno, cause.errno)}"
    return name if cause is error else f"{name}: {type(cause).__name__}"


class _Formatter(logging.Formatter):
    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        words, level = _words(record), record.levelname.lower()
        facts = {"time": at, "level": level, "logger": record.name, "message": words}
        if has_request_context():
            facts["request"] = request_id(request.environ)
        facts |= getattr(record, "facts", {})
        trace = list(_trace(record.exc_info[1])) if record.exc_info else []
        if self.as_json:
            return json.dumps(facts | ({"trace": trace} if trace else {}))
        about = f" [{facts['request']}]" if "request" in facts else ""
        first = f"{at} {level} {record.name}{about}: {words}".translate(CONTROLS)
        return "\n".join([first, *(f"  {line.translate(CONTROLS)}" for line in trace)])


def _words(record: logging.LogRecord) -> str:
    """Return a message; of a library, without its values, and where there is no telling, whence it came."""
    args = record.args if isinstance(record.args, tuple) else (record.args,)
    if record.name.partition(".")[0] in TRUSTED or (args and all(isinstance(arg, int) for arg in args)):
        return record.getMessage()
    if isinstance(record.msg, str) and record.args:
        return record.msg
    return f"{record.module}.{record.funcName}, line {record.lineno}"


def _trace(error: BaseException | None) -> Iterator[str]:
    """Yield each error of a chain, the first cause last, and the calls that led to it."""
    told: set[int] = set()
    while error is not None and id(error) not in told:
        told.add(id(error))
        yield describe(error)
        frames = traceback.walk_tb(error.__traceback__)
        for frame in traceback.StackSummary.extract(frames, lookup_lines=False)[-FRAMES:]:
            yield f"{frame.filename}:{frame.lineno} {frame.name}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
