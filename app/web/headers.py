"""The headers of every answer: security, and how long it may be cached."""

from flask import Flask, Response, current_app, request

#: Our own files only, and no exception for inline code: MDN, "Content-Security-Policy".
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
    """Add the headers to every answer of the application, errors included."""
    app.after_request(_add_security_headers)
    app.after_request(_set_cache_control)


def _add_security_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if current_app.config["PREFERRED_URL_SCHEME"] == "https":
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    return response


def _set_cache_control(response: Response) -> Response:
    response.headers.pop("Expires", None)  # send_file sets it to a year from now; Cache-Control decides
    if request.endpoint == "static" and response.status_code in (200, 206, 304) and not current_app.debug:
        response.cache_control.immutable = True
        # Small files: read whole, so that they can be compressed for every browser.
        response.direct_passthrough = False
        response.get_data()
        response.headers.pop("Content-Disposition", None)
    elif request.blueprint == "candidate" or response.status_code >= 400:
        # Ticks and typed values: the back button must ask again, and no cache may keep them.
        response.headers["Cache-Control"] = "private, no-store"
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-cache"
    return response
