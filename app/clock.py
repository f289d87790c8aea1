"""The clock: all code reads the time here, and tests replace it."""

from datetime import UTC, datetime

from itsdangerous import TimestampSigner


def now() -> datetime:
    """Return the time as an aware datetime in UTC."""
    return _time()


class ClockSigner(TimestampSigner):
    """A signer of itsdangerous whose timestamps come from this clock."""

    def get_timestamp(self) -> int:
        """Return the time in seconds since 1970."""
        return int(now().timestamp())


def _time() -> datetime:
    return datetime.now(UTC)
