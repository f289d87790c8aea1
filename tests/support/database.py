"""The database of a test, whatever its engine: made, looked at from outside, and thrown away."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import URL, Connection, NullPool, create_engine, event, make_url, text

from app.extensions import db
from app.models import Base

_numbers = count()


def new_database(server: URL) -> str:
    """Make an empty database on a PostgreSQL server, and return its URL."""
    name = f"test_{next(_numbers)}"
    # Copying the files of the template is the quickest way on a server that need not be durable.
    _administer(server, f"CREATE DATABASE {name} STRATEGY = file_copy")
    return server.set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Throw a database away, whoever is still connected to it."""
    server = make_url(url)
    _administer(server.set(database="postgres"), f"DROP DATABASE {server.database} WITH (FORCE)")


def copy_database(source: str, target: str) -> None:
    """Put a copy of a database that nobody is connected to in the place of an empty one."""
    made, url = make_url(source), make_url(target)
    if url.drivername == "sqlite":
        shutil.copy(str(made.database), str(url.database))
        return
    drop_database(target)
    statement = f"CREATE DATABASE {url.database} TEMPLATE {made.database} STRATEGY = file_copy"
    _administer(url.set(database="postgres"), statement)


def _administer(server: URL, statement: str) -> None:
    engine = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))


@contextmanager
def empty_database(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Make an empty database on the engine under test, and yield its URL."""
    if request.config.getoption("engine") == "sqlite":
        yield f"sqlite:///{folder}/paraphe.sqlite3"
        return
    url = new_database(request.getfixturevalue("postgresql"))
    yield url
    drop_database(url)


@contextmanager
def looked_at(database: Flask | str) -> Iterator[Connection]:
    """Open a connection of its own to the database of an application, or to a URL."""
    url = database if isinstance(database, str) else database.config["SQLALCHEMY_DATABASE_URI"]
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


def listen_to_statements(app: Flask, note: Callable[..., None]) -> Callable[[], None]:
    """Have each statement of an application told as SQLAlchemy tells it; return what ends that."""
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)

    def end() -> None:
        event.remove(engine, "before_cursor_execute", note)

    return end


@contextmanager
def counted(app):
    """Note the statements that are executed."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_):
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    end = listen_to_statements(app, note)
    yield statements
    end()


def rows(database: Flask | str, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Run one statement, and return what it answers."""
    with looked_at(database) as connection:
        result = connection.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def dump(database: Flask | str) -> str:
    """Return what the database holds, one row a line, bytes in hexadecimal; not when jobs last ran."""
    with looked_at(database) as connection:
        return "\n".join(
            " | ".join(value.hex() if isinstance(value, bytes) else str(value) for value in row)
            for table in Base.metadata.sorted_tables
            if table.name != "job"
            for row in connection.execute(table.select().order_by(*table.primary_key))
        )
