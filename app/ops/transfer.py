"""Whole databases, carried from one to another, whatever the engines: read at one moment, filled in one go.

Tables are taken as the database describes them, never as the models do: what is carried may be older.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from flask import current_app
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    NullPool,
    Table,
    bindparam,
    create_engine,
    func,
    insert,
    inspect,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from app.database import prepare_sqlite, read_snapshot
from app.ops import schema_version
from app.ops.schema_version import VERSION

#: Rows read, then written, at a time: a certificate is tens of kilobytes.
BATCH = 200

Row = dict[str, Any]
#: How the values of a column are written where there is no database: "time", "bytes" or "plain".
Columns = Mapping[str, str]


class TransferError(Exception):
    """It cannot be carried over; the message says why, and nothing was changed."""


class Source(Protocol):
    """What a database can be filled from."""

    revision: str
    tables: Mapping[str, Columns]

    def rows(self, table: str) -> Iterator[list[Row]]:
        """Read the rows of one table, some at a time; times are in UTC."""


class Database:
    """What one connection reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.revision = schema_version.present(connection) or ""
        metadata = MetaData()
        metadata.reflect(connection)
        #: A table comes after those that it refers to.
        self.described = {table.name: table for table in metadata.sorted_tables if table.name != VERSION}
        for table in self.described.values():
            for column in table.columns:
                if isinstance(column.type, JSON):
                    column.type = JSON(none_as_null=True)
        self.tables: Mapping[str, Columns] = {
            table.name: {column.name: _kind(column.type) for column in table.columns}
            for table in self.described.values()
        }

    def rows(self, table: str) -> Iterator[list[Row]]:
        """Read the rows of one table, some at a time; times are in UTC."""
        times = [name for name, kind in self.tables[table].items() if kind == "time"]
        everything = select(self.described[table])
        result = self._connection.execute(everything, execution_options={"yield_per": BATCH})
        for partition in result.mappings().partitions():
            batch = [dict(row) for row in partition]
            for row in batch:
                for name in times:
                    row[name] = row[name] and in_utc(row[name])
            yield batch

    def count(self, table: str) -> int:
        """Count the rows of one table."""
        return self._connection.scalar(select(func.count()).select_from(self.described[table])) or 0

    def is_empty(self) -> bool:
        """Whether no table has a row."""
        return not any(self.count(table) for table in self.tables)


def copy(source: str, target: str) -> dict[str, int]:
    """Copy what one database holds, at one moment, into an empty one; return the rows of each table.

    Both are URLs, as in `SQLALCHEMY_DATABASE_URI`. The copy is upgraded. Raises: TransferError.
    """
    origin = open_engine(source)
    if origin.dialect.name == "sqlite" and not Path(str(origin.url.database)).is_file():
        raise TransferError(f"{origin.url.database} is not there")
    try:
        with read_snapshot(origin) as reading:
            database = Database(reading)
            if not database.revision:
                raise TransferError(f"{origin.url} holds no database of this program")
            with filling(open_engine(target)) as writing:
                if inspect(writing).get_table_names():
                    raise TransferError(f"{writing.engine.url} is not empty")
                return fill(writing, database)
    except SQLAlchemyError as error:
        raise TransferError(told(error)) from error


def open_engine(url: str) -> Engine:
    """Open a database by its URL; a relative path is inside ``instance/``. Raises: TransferError."""
    try:
        where = make_url(url)
        if where.get_backend_name() == "sqlite":
            where = where.set(database=str(Path(current_app.instance_path, where.database or "")))
        engine = create_engine(where, poolclass=NullPool, hide_parameters=True)
    except (ArgumentError, ImportError, SQLAlchemyError) as error:
        raise TransferError("it is not the URL of a database that can be opened") from error
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise TransferError(f"{engine.dialect.name} is neither sqlite nor postgresql")
    if engine.dialect.name == "sqlite":
        prepare_sqlite(engine)
    return engine


@contextmanager
def filling(engine: Engine) -> Iterator[Connection]:
    """Begin the one transaction in which a database is filled, and commit it at the end."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":  # rows may come before those that they refer to, until the end
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            yield connection
            if engine.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).all():
                raise TransferError("rows refer to others that are not there")


def fill(connection: Connection, source: Source) -> dict[str, int]:
    """Make the tables of the source's revision, put its rows there, upgrade; return the rows of each table.

    In the transaction of the caller, who rolls it back. Raises: TransferError.
    """
    _migrate(connection, source.revision)
    here = Database(connection)
    counts = {}
    for name, table in here.described.items():
        if name not in source.tables or set(source.tables[name]) != set(here.tables[name]):
            raise TransferError(f"the table {name} is not the one of revision {source.revision}")
        try:
            counts[name] = _fill_table(connection, table, source)
        except SQLAlchemyError as error:
            raise TransferError(f"a row of {name} does not fit: {told(error)}") from error
        if here.count(name) != counts[name]:
            raise TransferError(f"{name} has {here.count(name)} rows, not {counts[name]}")
    _migrate(connection, schema_version.wanted())
    return counts


def in_utc(value: datetime) -> datetime:
    """Return a time in UTC, which it is in where it says nothing."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def told(error: SQLAlchemyError) -> str:
    """Say what the database said; what it adds on further lines may be somebody's."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


def _fill_table(connection: Connection, table: Table, source: Source) -> int:
    (key, *_) = table.primary_key
    # Which row of its own table a row refers to is said when all are there. Few do: they are held meanwhile.
    own = [fk.parent for fk in table.foreign_keys if fk.column.table is table]
    later: dict[Column[Any], list[Row]] = {column: [] for column in own}
    count = 0
    for batch in source.rows(table.name):
        count += len(batch)
        for row in batch:
            for column, references in later.items():
                if row[column.name] is not None:
                    references.append({"of": row[key.name], "to": row[column.name]})
                    row[column.name] = None
        connection.execute(insert(table), batch)
    for column, references in later.items():
        refer = update(table).where(key == bindparam("of")).values({column: bindparam("to")})
        if references:
            connection.execute(refer, references)
    if connection.dialect.name == "postgresql":
        # The next number that the database gives is after those that came along.
        sequence = connection.scalar(
            text("SELECT pg_get_serial_sequence(:table, :column)"),
            {"table": f'"{table.name}"', "column": key.name},
        )
        if sequence:
            last = select(func.max(key)).scalar_subquery()
            connection.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))
    return count


def _migrate(connection: Connection, revision: str) -> None:
    """Bring a database to a revision, in the transaction that is there. Raises: TransferError."""
    if revision not in schema_version.known():
        raise TransferError(f"revision {revision!r} is not known here: update the program first")
    from alembic import command  # not for whoever serves: app/ops/schema_version.py

    config = current_app.extensions["migrate"].migrate.get_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _kind(type_: object) -> str:
    if isinstance(type_, DateTime):
        return "time"
    return "bytes" if isinstance(type_, LargeBinary) else "plain"
