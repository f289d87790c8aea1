"""The session cookie, signed on the program's clock, and valid although the clock was set back."""

from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import SignatureExpired, URLSafeTimedSerializer

from app.clock import ClockSigner, now


class _TolerantSigner(ClockSigner):
    """Accept a signature dated in the future.

    The clocks of two hosts differ, and a wrong clock is set back: itsdangerous calls such a cookie expired,
    and its draft would be lost.
    """

    def unsign(
        self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False
    ) -> Any:
        """Return the signed value. Raises: BadSignature, SignatureExpired."""
        value, signed_at = super().unsign(signed_value, return_timestamp=True)
        if max_age is not None and (now() - signed_at).total_seconds() > max_age:
            raise SignatureExpired("too old", payload=value, date_signed=signed_at)
        return (value, signed_at) if return_timestamp else value


class SessionInterface(SecureCookieSessionInterface):
    """Flask's session cookie, with that signer."""

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return the serializer of the cookie."""
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = _TolerantSigner
        return serializer
