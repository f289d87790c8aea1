"""Sessions whose time is the site's own, and which a clock that is set back does not end."""

from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import SignatureExpired, URLSafeTimedSerializer

from app.clock import ClockSigner, now


class _Signer(ClockSigner):
    """Takes what was signed a little later than now.

    The clocks of two hosts differ, and a clock that was wrong is set back: itsdangerous calls such a
    cookie expired, and whoever had ticked would find nothing.
    """

    def unsign(
        self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False
    ) -> Any:
        """Return what was signed. Raises: BadSignature, SignatureExpired."""
        value, signed_at = super().unsign(signed_value, return_timestamp=True)
        if max_age is not None and (now() - signed_at).total_seconds() > max_age:
            raise SignatureExpired("too old", payload=value, date_signed=signed_at)
        return (value, signed_at) if return_timestamp else value


class Sessions(SecureCookieSessionInterface):
    """Flask's own, with that signer; what reads and writes the cookie is made once for the same secrets."""

    def __init__(self) -> None:
        self._kept: tuple[object, URLSafeTimedSerializer | None] = (None, None)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what reads and writes the cookie."""
        secrets = (app.secret_key, *app.config["SECRET_KEY_FALLBACKS"])
        made_for, serializer = self._kept
        if serializer is None or made_for != secrets:
            serializer = super().get_signing_serializer(app)
            if serializer is not None:
                serializer.signer = _Signer
            self._kept = (secrets, serializer)
        return serializer
