"""How Alembic reaches the database: through the application's own engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from app.models import UTCDateTime

db = current_app.extensions["migrate"].db

#: By which those who migrate one PostgreSQL database know each other: any number that is only ours.
LOCK = 7_274_101


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our type as the column it makes, so that a migration never depends on the models."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False


@contextmanager
def keeping_children(connection: Connection) -> Iterator[None]:
    """Let SQLite alter a table by copying it, without deleting what refers to the table that it drops."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys = ON")


def migrate(connection: Connection) -> None:
    """Do all that is wanted, or nothing; of two that start together, one waits, then finds it done."""
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        compare_type=True,
        render_item=render_item,
        render_as_batch=True,  # SQLite alters a table by copying it
        transactional_ddl=True,  # on SQLite too: no driver begins or commits behind our back
    )
    with context.begin_transaction():  # which takes the write lock of SQLite
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        context.run_migrations()


if given := context.config.attributes.get("connection"):  # in the transaction of the caller
    migrate(given)
else:
    with db.engine.connect() as connection, keeping_children(connection):
        migrate(connection)
