"""What machines ask: whether the site is well, and its figures for those who watch it."""

import hmac

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from app.clock import now
from app.ops import health, metrics

bp = Blueprint("ops", __name__)
#: Seconds after which one may ask whether it is over.
RETRY = 30


@bp.get("/sante")
def sante() -> ResponseReturnValue:
    """Say whether the site is well: 503 where somebody must act now. No figure, no name: anybody may ask."""
    reasons = health.reasons(now())
    down = any(reason.stops for reason in reasons)
    response = jsonify(
        etat="panne" if down else "alerte" if reasons else "ok", raisons=[reason.value for reason in reasons]
    )
    response.cache_control.no_store = True
    if down:
        response.status_code = 503
        response.retry_after = RETRY
    return response


def metriques() -> ResponseReturnValue:
    """Give the figures to whoever knows the token (RFC 6750)."""
    given, token = request.authorization, current_app.config["METRICS_TOKEN"]
    told = given.token if given and given.type == "bearer" else None
    if not hmac.compare_digest((told or "").encode(), token.encode()):
        return Response(status=401, headers={"WWW-Authenticate": "Bearer"})
    response = Response(metrics.render(now()), content_type=metrics.CONTENT_TYPE)
    response.cache_control.no_store = True
    return response


def init_app(app: Flask) -> None:
    """Open the pages of machines; the figures only where a token was chosen."""
    app.register_blueprint(bp)
    if app.config["METRICS_TOKEN"]:
        app.add_url_rule("/metriques", "ops.metrics", metriques, methods=["GET"])
