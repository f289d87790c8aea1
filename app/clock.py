"""The time, asked in one place so that tests can move it."""

from datetime import UTC, datetime

from itsdangerous import TimestampSigner


def now() -> datetime:
    """Return the time in UTC."""
    return _time()


class ClockSigner(TimestampSigner):
    """itsdangerous, on our clock."""

    def get_timestamp(self) -> int:
        """Return the time in seconds since 1970."""
        return int(now().timestamp())


def _time() -> datetime:
    return datetime.now(UTC)
