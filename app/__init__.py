"""Paraphe: sign a charter commitment by commitment, and get a certificate anyone can check."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Flask, Request, request
from jinja2 import StrictUndefined
from werkzeug.routing import MapAdapter

from app import candidate, citizen, extensions
from app.certificates import key
from app.config import configure
from app.mail import preview
from app.ops import cli, health, metrics, request_log, views
from app.web import errors, headers, http_cache, logging, rate_limits, template_filters
from app.web.request import OurRequest, TextConverter
from app.web.sessions import Sessions

STATIC = Path(__file__).parents[1] / "static"


class OurFlask(Flask):
    """Keeps tokens out of the log, and does not do again what comes to the same for each request."""

    request_class = OurRequest

    def log_exception(self, exc_info: object) -> None:
        """Tell which rule an error that nobody caught happened under: the address may hold a token."""
        self.logger.error("not caught: %s %s", request.method, request.url_rule, exc_info=exc_info)  # type: ignore[arg-type]  # as Flask gives it

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function as it is: none of ours is a coroutine, and a dozen are looked at each time."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what reads and writes addresses; outside of a request it is always the same."""
        return self._own_adapter if request is None else super().create_url_adapter(request)

    @cached_property
    def _own_adapter(self) -> MapAdapter | None:
        return super().create_url_adapter(None)


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Build one application; ``overrides`` has the last word on configuration.

    Raises: ConfigError.
    """
    app = OurFlask(
        __name__,
        instance_relative_config=True,
        template_folder="../templates",
        static_folder=STATIC,
        static_url_path=f"/static/{_static_version()}",
    )
    app.session_interface = Sessions()
    app.url_map.converters["default"] = TextConverter
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    configure(app, overrides or {})
    logging.init_app(app)
    extensions.init_app(app)
    key.init_app(app)
    health.init_app(app)
    metrics.init_app(app)
    rate_limits.init_app(app)
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
    request_log.init_app(app)
    return app


def _static_version() -> str:
    """Name the static files by their content: one changes, all their URLs do, and CSS finds its fonts."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*.*")):
        digest.update(path.relative_to(STATIC).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]
