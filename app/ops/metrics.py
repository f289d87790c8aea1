"""Metrics for Prometheus, without personal data. Off until `METRICS_TOKEN` is set.

Gauges are read from the database at each scrape. Requests are counted by each process in files of
`PROMETHEUS_MULTIPROC_DIR`, which prometheus-client reads at import; without it, they are not counted.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.certificates.key import seal_key
from app.clock import now
from app.config import ConfigError
from app.extensions import db
from app.models import Certificate, Letter, LetterState, Signature, Status
from app.ops import health

FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
REQUESTS = Counter("paraphe_requests", "Requests answered.", ["route", "method", "status"], registry=None)


def init_app(app: Flask) -> None:
    """Check the folder of the counter. Raises: ConfigError."""
    if app.config["METRICS_TOKEN"] and FOLDER and not Path(FOLDER).is_dir():
        raise ConfigError(f"PROMETHEUS_MULTIPROC_DIR is {FOLDER}: make this folder, empty at each start.")


def render_metrics() -> bytes:
    """Return all metrics in the text format of Prometheus."""
    registry = CollectorRegistry()
    if FOLDER:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus-client has no type here
    registry.register(_Gauges())
    return generate_latest(registry)


class _Gauges(Collector):
    """The state of the site, read at each scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        reasons = health.find_reasons(now())
        found = {reason: reason in reasons for reason in health.Reason}
        yield _gauge_by("reason", "paraphe_health", "1 if /sante gives this reason.", found)
        days_left = seal_key.days_left(now())
        yield GaugeMetricFamily("paraphe_seal_days_left", "Days until the seal key expires.", days_left)
        signatures = select(Signature.status, func.count()).group_by(Signature.status)
        letters = select(Letter.state, func.count()).group_by(Letter.state)
        try:
            by_status = dict.fromkeys(Status, 0) | dict(db.session.execute(signatures).tuples().all())
            by_state = dict.fromkeys(LetterState, 0) | dict(db.session.execute(letters).tuples().all())
            certificates = db.session.scalar(select(func.count(Certificate.id)))
        except SQLAlchemyError:
            db.session.rollback()  # the health gauge has the reason
            return
        yield _gauge_by("status", "paraphe_signatures", "Signatures.", by_status)
        yield _gauge_by("state", "paraphe_letters", "Letters in the outbox.", by_state)
        yield GaugeMetricFamily("paraphe_certificates", "Certificates issued.", certificates)


def _gauge_by(label: str, name: str, words: str, numbers: dict[Any, Any]) -> GaugeMetricFamily:
    """Return a gauge with a number for each member of an enum."""
    gauge = GaugeMetricFamily(name, words, labels=[label])
    for member, number in numbers.items():
        gauge.add_metric([member.value], number)
    return gauge
