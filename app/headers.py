"""The headers that every answer bears, whatever its route and status."""

from flask import Flask, Response, current_app, request

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
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    response.headers.pop("Expires", None)  # a year from now on whatever is sent as a file: Cache-Control says
    said = {name.lower() for name, _ in response.headers}
    response.headers.extend((name, value) for name, value in HEADERS.items() if name.lower() not in said)
    if current_app.config["PREFERRED_URL_SCHEME"] == "https":
        response.headers["Strict-Transport-Security"] = HSTS
    if request.endpoint == "static" and response.status_code in (200, 206, 304) and not current_app.debug:
        response.cache_control.immutable = True
        # Small files: read whole, so that they can be compressed for every browser.
        response.direct_passthrough = False
        response.get_data()
        response.headers.pop("Content-Disposition", None)  # fifty bytes on each of eight answers
    elif request.blueprint == "charter" or response.status_code >= 400:
        # What somebody ticked or typed: the back button must ask again, and no cache keep it.
        response.headers["Cache-Control"] = "private, no-store"
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-cache"
    return response
