"""The time, asked in one place so that tests can move it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time in UTC, to the second: nothing here is faster than a person."""
    return _time().replace(microsecond=0)


def _time() -> datetime:
    return datetime.now(UTC)
