"""Fill a register in bulk, with the rows that signing would have made."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import JSON, URL, Table, create_engine, func, select

from app import create_app
from app.extensions import communes, db
from app.models import Base, Entry, Pledge, Revision, Signature, Spelling, Status, Tally
from app.register.update import entry_values, tally_changes
from app.text import fold
from bench.population import people

CHUNK = 10_000


def application(folder: Path, url: URL) -> Flask:
    """Make an application on a database."""
    return create_app(
        {
            "SECRET_KEY": "a-secret-for-a-bench-that-is-long-enough",
            "SERVER_NAME": "localhost",
            "PREFERRED_URL_SCHEME": "http",
            "SQLALCHEMY_DATABASE_URI": url.render_as_string(hide_password=False),
            "SEAL_FILE": str(folder / "seal.p12"),
            "ERASURE_LEDGER": str(folder / "erased.txt"),
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_DEFAULT_SENDER": "charte@example.org",
            "RATELIMIT_ENABLED": False,
        }
    )


def fill(app: Flask, size: int) -> None:
    """Make the tables and fill them with so many signatures, unless that was done before."""
    with app.app_context():
        db.create_all()
        engine = db.engine
        with engine.connect() as connection:
            counted = select(func.sum(Tally.count)).where(Tally.number == 0)
            loaded = connection.execute(counted).scalar()
        if loaded == size:
            return
        if loaded:
            raise SystemExit(f"There are {loaded:,} signatures, not {size:,}: keep them in another folder.")
        indexes = [index for table in Base.metadata.sorted_tables for index in table.indexes]
        for index in indexes:
            index.drop(engine)
        load = {"sqlite": into_sqlite, "postgresql": into_postgres}[engine.dialect.name]
        load(engine.url, rows(size))
        for index in indexes:
            index.create(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE")
        engine.dispose()


def rows(size: int) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Yield what the tables hold, some thousand rows of one at a time."""
    tally: Counter[Any] = Counter()
    revisions: dict[str, list[datetime]] = {}
    everybody = people(size)
    while some := list(islice(everybody, CHUNK)):
        signatures, pledges, entries, spellings = [], [], [], []
        for person in some:
            changed_at = max(person.taken.values())
            line = entry_values(person, person.taken, communes)
            signatures.append(
                {
                    "id": person.id,
                    "code": person.code,
                    "status": Status.CONFIRMED,
                    "edition": "2026-01",
                    "given_name": person.given_name,
                    "family_name": person.family_name,
                    "name_key": fold(f"{person.given_name} {person.family_name}"),
                    "role": person.role,
                    "commune": person.commune,
                    "list_name": person.list_name,
                    "email": person.email,
                    "created_at": person.created_at,
                    "touched_at": changed_at,
                    "confirmed_at": person.confirmed_at,
                    "access_count": 0,
                }
            )
            pledges += [
                {"signature_id": person.id, "number": number, "taken_at": at}
                for number, at in person.taken.items()
            ]
            entries.append(line | {"changed_at": changed_at})
            spellings += spellings(line)
            tally.update(tally_changes(line))
            revisions.setdefault(line["epci"], []).append(changed_at)
        yield Signature.__table__, signatures
        yield Pledge.__table__, pledges
        yield Entry.__table__, entries
        yield Spelling.__table__, spellings
    yield (
        Tally.__table__,
        [
            {"number": number, "commune": commune, "role": role, "count": count}
            for (number, commune, role), count in tally.items()
        ],
    )
    yield (
        Revision.__table__,
        [
            {"epci": epci, "number": len(changes), "changed_at": max(changes)}
            for epci, changes in revisions.items()
        ],
    )


def into_sqlite(url: URL, tables: Iterable[tuple[Table, list[dict[str, Any]]]]) -> None:
    """Insert everything in one transaction."""
    dialect = create_engine(url).dialect
    with closing(sqlite3.connect(str(url.database))) as connection, connection:
        for table, some in tables:
            names = list(some[0])
            marks = ", ".join("?" * len(names))
            connection.executemany(
                f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})",  # noqa: S608  # our own names
                plain(table, some, dialect),
            )


def into_postgres(url: URL, tables: Iterable[tuple[Table, list[dict[str, Any]]]]) -> None:
    """Copy everything in one transaction."""
    dialect = create_engine(url).dialect
    with psycopg.connect(address(url)) as connection, connection.cursor() as cursor:
        for table, some in tables:
            with cursor.copy(f"COPY {table.name} ({', '.join(some[0])}) FROM STDIN") as copy:
                for row in plain(table, some, dialect):
                    copy.write_row(row)


def plain(table: Table, some: list[dict[str, Any]], dialect: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows as their columns give them to the driver."""
    processors = []
    for name in some[0]:
        kind = table.columns[name].type
        process = kind.dialect_impl(dialect).bind_processor(dialect) or (lambda value: value)
        processors.append((name, process if isinstance(kind, JSON) else lru_cache(64)(process)))
    for row in some:
        yield tuple([process(row[name]) for name, process in processors])


def address(url: URL) -> str:
    """Return a URL as PostgreSQL's own library reads it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
