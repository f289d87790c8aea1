"""Pages for machines: `/sante` for uptime monitors, `/metriques` for Prometheus."""

import hmac

from flask import Blueprint, Flask, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST

from app.clock import now
from app.ops import health, metrics

bp = Blueprint("ops", __name__)


@bp.get("/sante")
def sante() -> ResponseReturnValue:
    """Answer 503 if a person must act now. The page is public: no figure, no name."""
    reasons = health.find_reasons(now())
    is_down = any(reason.is_critical for reason in reasons)
    state = "panne" if is_down else "alerte" if reasons else "ok"
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "30"} if is_down else {})
    content = jsonify(etat=state, raisons=[reason.value for reason in reasons])
    return content, 503 if is_down else 200, headers


def metriques() -> ResponseReturnValue:
    """Answer the metrics to a client that has the token (RFC 6750)."""
    given, token = request.authorization, current_app.config["METRICS_TOKEN"]
    bearer = given.token if given and given.type == "bearer" else None
    if not hmac.compare_digest((bearer or "").encode(), token.encode()):
        return "", 401, {"WWW-Authenticate": "Bearer"}
    headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
    return metrics.render_metrics(), 200, headers


def init_app(app: Flask) -> None:
    """Register the pages; `/metriques` only if `METRICS_TOKEN` is set."""
    app.register_blueprint(bp)
    if app.config["METRICS_TOKEN"]:
        app.add_url_rule("/metriques", "ops.metrics", metriques, methods=["GET"])
