"""How Alembic reaches the database: through the application's own engine."""

from typing import Literal

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from app.models import UTCDateTime

db = current_app.extensions["migrate"].db


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our type as the column it makes, so that a migration never depends on the models."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False


def keep_children(connection: Connection, kept: bool) -> None:
    """Let SQLite alter a table by copying it, without deleting what refers to the table that it drops."""
    if connection.dialect.name == "sqlite":
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute(f"PRAGMA foreign_keys = {'OFF' if kept else 'ON'}")


with db.engine.connect() as connection:
    keep_children(connection, True)
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        compare_type=True,
        render_item=render_item,
        render_as_batch=True,  # SQLite alters a table by copying it
    )
    with context.begin_transaction():
        context.run_migrations()
    keep_children(connection, False)
