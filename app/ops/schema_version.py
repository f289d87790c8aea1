"""At which revision the tables of a database are, and at which one this program wants them.

Alembic would tell, but it weighs 11 MB and a fifth of the start, and whoever serves has no other use for it.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

MIGRATIONS = Path(__file__).parents[1] / "migrations"
#: Where Alembic writes it down.
VERSION = "alembic_version"


@cache
def known() -> tuple[str, ...]:
    """Return the revisions of this program, the oldest first. Their files bear their numbers."""
    return tuple(sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/*.py")))


def wanted() -> str:
    """Return the revision that this program works with."""
    return known()[-1]


def present(connection: Connection) -> str | None:
    """Return the revision of a database; None where it has no tables of ours."""
    if not inspect(connection).has_table(VERSION):
        return None
    our_own = f"SELECT version_num FROM {VERSION}"  # noqa: S608  # nosec B608  # a constant
    revision = connection.scalar(text(our_own))
    return str(revision) if revision else None
