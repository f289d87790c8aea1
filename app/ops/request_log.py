"""Each request as it is answered: for the log and for the figures, by its rule and never by its address."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from werkzeug.wsgi import ClosingIterator

from app.ops import metrics
from app.web import logging

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Other methods are what somebody made up.
METHODS = ("GET", "HEAD", "POST", "OPTIONS")


class _Watched:
    """One request, from its first byte to its last."""

    def __init__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> None:
        self.environ, self.start_response = environ, start_response
        self.begun, self.status, self.size = time.perf_counter(), 0, 0

    def start(self, status: str, headers: Any, *error: Any) -> Callable[[bytes], object]:
        self.status = int(status[:3])
        return self.start_response(status, headers, *error)

    def count(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            yield chunk

    def facts(self) -> dict[str, Any]:
        method = self.environ["REQUEST_METHOD"]
        return {
            "route": self.environ.get("paraphe.route", "-"),
            "method": method if method in METHODS else "other",
            "status": self.status,
            "seconds": time.perf_counter() - self.begun,
            "size": self.size,
            "request_id": logging.request_id(self.environ),
        }


def init_app(app: Flask) -> None:
    """Watch the requests, where anybody wants to know of them."""
    told: list[Callable[..., None]] = []
    if app.config["LOG_FORMAT"] == "json":
        told.append(logging.access)
    if app.config["METRICS_TOKEN"] and metrics.FOLDER:
        told.append(metrics.count)
    if not told:
        return
    inner = app.wsgi_app

    def watch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        watched = _Watched(environ, start_response)
        chunks = inner(environ, watched.start)

        def tell() -> None:
            facts = watched.facts()
            for listener in told:
                listener(**facts)

        return ClosingIterator(watched.count(chunks), [getattr(chunks, "close", lambda: None), tell])

    app.wsgi_app = watch  # type: ignore[method-assign]  # Flask's own idiom
    app.after_request(_name_the_route)


def _name_the_route(response: Response) -> Response:
    if request.endpoint == "static":
        request.environ["paraphe.route"] = "/static"  # whose rule has the hash of each release in it
    elif request.url_rule is not None:
        request.environ["paraphe.route"] = request.url_rule.rule
    return response
