"""The only place that knows htmx."""

from flask import Response, after_this_request, request


def wants_fragment() -> bool:
    """Whether the answer goes inside the page on screen. Asking marks it as varying."""
    after_this_request(_vary_on_htmx)
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-Request-Type") != "full"


def _vary_on_htmx(response: Response) -> Response:
    response.vary.add("HX-Request")
    response.vary.add("HX-Request-Type")
    return response
