"""The only place that knows htmx."""

from flask import Response, after_this_request, redirect, request
from flask.typing import ResponseReturnValue


def wants_fragment() -> bool:
    """Whether the answer goes inside the page on screen. Asking marks it as varying."""
    after_this_request(_vary_on_htmx)
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-Request-Type") != "full"


def go_to(url: str) -> ResponseReturnValue:
    """Send the visitor to another page, whoever asked: htmx would put a redirect's page inside this one."""
    if wants_fragment():
        return "", 204, {"HX-Redirect": url}
    return redirect(url, code=303)


def shown_address(url: str) -> dict[str, str]:
    """Return the header that has htmx show this address for the page; browsers do not look at it."""
    return {"HX-Replace-Url": url}


def _vary_on_htmx(response: Response) -> Response:
    response.vary.update(("HX-Request", "HX-Request-Type"))
    return response
