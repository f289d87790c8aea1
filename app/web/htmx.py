"""The only place that knows htmx."""

from flask import Response, after_this_request, redirect, request
from werkzeug.wrappers import Response as BaseResponse


def wants_fragment() -> bool:
    """Return True if the answer goes inside the page on screen; it then varies on htmx's headers."""
    after_this_request(_vary_on_htmx)
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-Request-Type") != "full"


def go_to(url: str) -> BaseResponse:
    """Return a redirect to another page; htmx would put the page of a 303 inside the page on screen."""
    if wants_fragment():
        return Response(status=204, headers={"HX-Redirect": url})
    return redirect(url, code=303)


def shown_address(url: str) -> dict[str, str]:
    """Return the header with the URL that htmx shows in the address bar; browsers ignore it."""
    return {"HX-Replace-Url": url}


def _vary_on_htmx(response: Response) -> Response:
    response.vary.update(("HX-Request", "HX-Request-Type"))
    return response
