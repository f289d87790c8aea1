"""Figures for Prometheus: how many of what, and nothing of anybody. Off until ``METRICS_TOKEN`` is set.

What is in the database is counted there at each scrape, the same whoever answers. Requests are counted by
each process, in files that all share: prometheus-client reads ``PROMETHEUS_MULTIPROC_DIR`` once, as it is
imported. Where that names no folder, they are not: the figures of one process of several would be no figures.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from flask import Flask
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.certificates.key import seal_key
from app.config import ConfigError
from app.extensions import db
from app.models import Certificate, Letter, LetterState, Signature, Status
from app.ops import health

CONTENT_TYPE = CONTENT_TYPE_LATEST
FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")

_requests = Counter("paraphe_requests", "Requests answered.", ["route", "method", "status"], registry=None)
_seconds = Histogram(
    "paraphe_request_seconds",
    "How long an answer took, to its last byte.",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=None,
)


def init_app(app: Flask) -> None:
    """Look whether requests can be counted. Raises: ConfigError."""
    if app.config["METRICS_TOKEN"] and FOLDER and not Path(FOLDER).is_dir():
        raise ConfigError(f"PROMETHEUS_MULTIPROC_DIR is {FOLDER}: make this folder, empty at each start.")


def count(*, route: str, method: str, status: int, seconds: float, **_: object) -> None:
    """Count one request; ``route`` is the rule."""
    _requests.labels(route, method, status).inc()
    _seconds.labels(route).observe(seconds)


def render(now: datetime) -> bytes:
    """Write all figures in Prometheus' text format."""
    registry = CollectorRegistry()
    if FOLDER:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # theirs has no types
    registry.register(_Figures(now))
    return generate_latest(registry)


class _Figures(Collector):
    """What the site itself knows, at one moment."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        reasons = health.reasons(self.now)
        yield _by(
            "health", "1 where /sante gives this reason.", "reason", {r: r in reasons for r in health.Reason}
        )
        yield _one(
            "seal_days_left", "Days until the certificate of the seal ends.", seal_key.days_left(self.now)
        )
        try:
            yield from self._counted()
        except SQLAlchemyError:
            db.session.rollback()  # /sante has the reason; what is not known is left out

    def _counted(self) -> Iterator[Metric]:
        read = db.session.execute
        signatures = read(select(Signature.status, func.count()).group_by(Signature.status)).tuples()
        letters = read(select(Letter.state, func.count()).group_by(Letter.state)).tuples()
        certificates = read(select(func.count()).select_from(Certificate)).scalar_one()
        post = health.outbox(db.session.connection(), self.now)
        yield _by("signatures", "Signatures.", "status", dict.fromkeys(Status, 0) | dict(signatures.all()))
        yield _by("letters", "Letters kept.", "state", dict.fromkeys(LetterState, 0) | dict(letters.all()))
        yield _one("letters_due", "Letters that should have left by now.", post.due)
        yield _one(
            "letters_oldest_due_seconds", "How long the first of them has waited.", post.waits.total_seconds()
        )
        yield _one("letters_troubled", "Letters that were tried three times or more, in vain.", post.troubled)
        yield _one("certificates", "Certificates issued.", certificates)


def _one(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"paraphe_{name}", words, value=value)


def _by(
    name: str,
    words: str,
    label: str,
    values: dict[health.Reason, bool] | dict[Status, int] | dict[LetterState, int],
) -> Metric:
    metric = GaugeMetricFamily(f"paraphe_{name}", words, labels=[label])
    for of, value in values.items():
        metric.add_metric([of.value], value)
    return metric
