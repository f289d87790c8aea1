"""The headers that every answer bears, whatever its route and status."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, current_app, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Nothing but our own files, and no exception for inline code: MDN, « Content-Security-Policy ».
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not "no-referrer": Flask-WTF compares it to refuse foreign forms over HTTPS.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
#: Two years, as browsers' preload lists ask.
HSTS = "max-age=63072000; includeSubDomains"


def init_app(app: Flask) -> None:
    """Add the headers to every answer of the application."""
    app.after_request(_say_who_keeps_it)
    inner = app.wsgi_app
    https = app.config["PREFERRED_URL_SCHEME"] == "https"
    ours = [*HEADERS.items(), *([("Strict-Transport-Security", HSTS)] if https else [])]
    app.extensions["headers"] = ours  # for what the server itself refuses: gunicorn.conf.py

    def add(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            said = {name for name, _ in headers}
            headers += [one for one in ours if one[0] not in said]
            return start_response(status, headers, *error)

        return inner(environ, start)

    app.wsgi_app = add  # type: ignore[method-assign]  # Flask's own idiom


def _say_who_keeps_it(response: Response) -> Response:
    response.headers.pop("Expires", None)  # a year from now on whatever is sent as a file: Cache-Control says
    if request.endpoint == "static" and response.status_code in (200, 206, 304) and not current_app.debug:
        response.cache_control.immutable = True
        # Small files: read whole, so that they can be compressed for every browser.
        response.direct_passthrough = False
        response.get_data()
        response.headers.pop("Content-Disposition", None)  # fifty bytes on each of eight answers
    elif request.blueprint == "candidate" or response.status_code >= 400:
        # What somebody ticked or typed: the back button must ask again, and no cache keep it.
        response.headers["Cache-Control"] = "private, no-store"
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-cache"
    return response
