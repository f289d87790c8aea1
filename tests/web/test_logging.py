"""One line of the log: what it says of an error, and what it leaves out."""

import json
import logging
import sqlite3
import sys

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from app import create_app
from app.clock import now
from app.config import ConfigError
from app.extensions import db
from app.models import LetterKind
from app.signatures.rules import new_letter
from app.web.logging import _Formatter, _handler, describe

WHO = "zoltan@hostile.example"


def line(as_json, name, message, *values, error=None):
    """Write one line as a logger of that name would."""
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(name, logging.ERROR, "a/module.py", 7, message, values, info, "function")
    return _Formatter(as_json).format(record)


def raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as caught:
        return caught


@pytest.mark.parametrize("as_json", [True, False])
def test_a_trace_has_places_and_no_messages(as_json):
    error = raised(ValueError(f"no address: {WHO}"), raised(KeyError(WHO), raised(OSError(28, "full", WHO))))
    error.__cause__.__cause__.__context__ = error  # a circle comes to an end
    text = line(as_json, "app.x", "went wrong", error=error)
    assert WHO not in text
    for told in ("went wrong", "ValueError", "KeyError", "OSError: ENOSPC", "test_logging.py:", " raised"):
        assert told in text
    if as_json:
        assert text.count("\n") == 0
        assert {"time", "level", "logger", "message", "trace"} == set(json.loads(text))


def test_a_library_is_quoted_without_its_values():
    assert "Error handling request %s" in line(
        False, "gunicorn.error", "Error handling request %s", f"/{WHO}"
    )
    assert line(False, "pypdf", f"cannot read {WHO}").endswith(" error pypdf: module.function, line 7")
    assert line(False, "app.mail.outbox", "letter %s refused", 3).endswith(
        " app.mail.outbox: letter 3 refused"
    )


@pytest.mark.parametrize("as_json", [True, False])
def test_a_line_is_one_line(as_json):
    text = line(as_json, "app", "a\nERROR forged\x1b[31m\u2028x\x85y")
    assert text.isprintable()


def test_postgresql_quotes_what_was_typed_and_we_do_not():
    class Violation(psycopg.errors.UniqueViolation):
        """As the server sends it."""

        diag = type("Diagnostic", (), {"constraint_name": "uq_signature_email"})

    original = Violation(f"duplicate key\nDETAIL: Key (email)=({WHO}) already exists.")
    told = describe(IntegrityError("INSERT …", {"email": WHO}, original))
    assert told == "IntegrityError: Violation, SQLSTATE 23505, uq_signature_email"
    told = describe(OperationalError("SELECT …", {}, psycopg.OperationalError(f"no server for {WHO}")))
    assert told == "OperationalError: OperationalError"


def test_a_conflict_is_told_by_the_database_itself(app):
    """On the engine under test: the same code twice, and what is logged of it."""
    with app.app_context():
        db.session.add_all(new_letter(LetterKind.SEAL, WHO, now(), "zoltan-hostile") for _ in range(2))
        with pytest.raises(IntegrityError) as refusal:
            db.session.commit()
    told = describe(refusal.value)
    assert "zoltan" not in told
    assert "message_key" in told


def test_sqlite_names_columns_alone():
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (email UNIQUE)")
        with pytest.raises(sqlite3.IntegrityError) as refusal:
            database.executemany("INSERT INTO t VALUES (?)", [(WHO,)] * 2)
    assert describe(refusal.value) == "IntegrityError: UNIQUE constraint failed: t.email"


def test_an_unknown_format_stops_the_start(settings):
    with pytest.raises(ConfigError, match="LOG_FORMAT must be text or json"):
        create_app(settings | {"LOG_FORMAT": "xml"})


def test_each_application_chooses_and_none_writes_twice(settings):
    for _ in range(2):
        create_app(settings | {"LOG_FORMAT": "json"})
    handlers = [handler for handler in logging.getLogger().handlers if handler is _handler]
    assert len(handlers) == 1
    assert _handler.stream.fileno() == sys.stderr.fileno()
