"""The time, asked in one place so that tests can move it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time in UTC."""
    return _time()


def _time() -> datetime:
    return datetime.now(UTC)
