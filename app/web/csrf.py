"""CSRF protection (Flask-WTF) that treats an unparsable Referer as a CSRF error instead of crashing."""

from flask_wtf import CSRFProtect


class SafeCSRFProtect(CSRFProtect):  # type: ignore[misc]  # Flask-WTF has no types
    """Flask-WTF raises ValueError on a Referer such as "https://[": a 500 that any visitor can provoke."""

    def protect(self, **options: bool) -> None:
        """Check the token, and over HTTPS the Referer. Raises: CSRFError."""
        try:
            super().protect(**options)
        except ValueError:
            self._error_response("The referrer is not a URL.")


csrf = SafeCSRFProtect()
