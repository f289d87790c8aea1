"""The migration revision of a database, and the one that this program needs.

The revisions are read from file names: importing Alembic costs 11 MB and a fifth of the start, and only
commands need it.
"""

from functools import cache
from pathlib import Path

from flask import current_app
from sqlalchemy import Connection, column, inspect, select, table

MIGRATIONS = Path(__file__).parents[1] / "migrations"
#: The table where Alembic stores the revision.
VERSION_TABLE = "alembic_version"


@cache
def known_revisions() -> tuple[str, ...]:
    """Return the revisions of this program, the oldest first: the numbers that begin the file names."""
    return tuple(sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/*.py")))


def latest_revision() -> str:
    """Return the revision that this program works with."""
    return known_revisions()[-1]


def read_revision(connection: Connection) -> str | None:
    """Return the revision of a database, or None if it has no tables of this program."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision = connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))
    return str(revision) if revision else None


def migrate_to(connection: Connection, revision: str) -> None:
    """Run the migrations up to a revision, in the transaction of the connection."""
    from alembic import command  # commands only: see the module docstring

    config = current_app.extensions["migrate"].migrate.get_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
