"""Paraphe: sign a charter commitment by commitment, and get a certificate anyone can check."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, request
from jinja2 import StrictUndefined

from app import candidate, citizen, extensions, register
from app.config import configure
from app.mail import preview
from app.ops import cli, metrics, request_log, views
from app.web import errors, headers, http_cache, logging, rate_limits, template_filters
from app.web.csrf import csrf
from app.web.request import NormalisedRequest, TextConverter, TokenConverter
from app.web.sessions import SessionInterface

STATIC = Path(__file__).parents[1] / "static"


class Paraphe(Flask):
    """Flask, with requests normalised and no URL in the log: it may hold a token."""

    request_class = NormalisedRequest
    session_interface = SessionInterface()

    def log_exception(self, exc_info: Any) -> None:
        """Log an uncaught error with the rule of its URL."""
        self.logger.error("not caught: %s %s", request.method, request.url_rule, exc_info=exc_info)


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Build one application; ``overrides`` has the last word on configuration.

    Raises: ConfigError.
    """
    app = Paraphe(
        __name__,
        instance_relative_config=True,
        template_folder="../templates",
        static_folder=STATIC,
        static_url_path=f"/static/{_static_version()}",
    )
    app.url_map.converters |= {"default": TextConverter, "token": TokenConverter}
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    configure(app, overrides or {})
    logging.init_app(app)
    request_log.init_app(app)  # before the others: it runs first before a request, and last after it
    extensions.init_app(app)
    register.init_app(app)
    csrf.init_app(app)
    rate_limits.init_app(app)
    metrics.init_app(app)
    app.register_blueprint(candidate.bp)
    app.register_blueprint(citizen.bp)
    views.init_app(app)
    if app.debug and not app.config["MAIL_SERVER"]:
        app.register_blueprint(preview.bp)
    http_cache.init_app(app)
    template_filters.init_app(app)
    cli.init_app(app)
    errors.init_app(app)
    headers.init_app(app)
    return app


def _static_version() -> str:
    """Return a hash of the static files: when one changes, all their URLs do, and CSS finds its fonts."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*.*")):
        digest.update(path.relative_to(STATIC).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]
