"""Log and count each request by its URL rule: an address may have a token or a name."""

import time

from flask import Flask, Response, current_app, g, request

from app.ops import metrics
from app.web import logging

#: Another method is logged as "other": clients may send any text.
METHODS = ("GET", "HEAD", "POST", "OPTIONS")


def init_app(app: Flask) -> None:
    """Log requests if logs are JSON, count them if metrics are on. Call it before other rooms' `init_app`."""
    app.before_request(_start_timer)
    app.after_request(_record_request)


def _start_timer() -> None:
    g.started = time.perf_counter()


def _record_request(response: Response) -> Response:
    rule = request.url_rule.rule if request.url_rule else "-"
    route = "/static" if request.endpoint == "static" else rule  # whose rule has a hash of each release
    method = request.method if request.method in METHODS else "other"
    if current_app.config["LOG_FORMAT"] == "json":
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        # Calculating the length of a stream would read it whole.
        size = response.calculate_content_length() if response.is_sequence else response.content_length
        request_id = logging.request_id(request.environ)
        logging.log_request(route, method, response.status_code, seconds, size, request_id)
    if current_app.config["METRICS_TOKEN"] and metrics.FOLDER:
        metrics.REQUESTS.labels(route, method, response.status_code).inc()
    return response
