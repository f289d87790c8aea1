"""Paraphe: sign a charter commitment by commitment, and get a certificate anyone can check."""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Request, request
from jinja2 import StrictUndefined
from werkzeug.routing import BaseConverter, MapAdapter

from app import (
    caching,
    charter,
    cli,
    dev,
    errors,
    extensions,
    filters,
    headers,
    health,
    limits,
    logs,
    machine,
    metrics,
    public,
    watching,
)
from app.certificates import key
from app.config import configure
from app.sessions import Sessions
from app.signatures import drafts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

STATIC = Path(__file__).parents[1] / "static"
#: What an address may be written in, and what it may not.
WRITTEN = "".join(map(chr, range(33, 127)))
RAW = re.compile(r"[^!-~]")


class OurRequest(Request):
    """Takes any bytes for a query, a host in any case, no file to be guarded; keeps files in memory."""

    def __init__(self, environ: "WSGIEnvironment", *arguments: Any, **options: Any) -> None:
        if "HTTP_HOST" in environ:
            environ["HTTP_HOST"] = environ["HTTP_HOST"].lower()  # RFC 9110, 4.2.3
        # It guards what is written to a file, which nothing here is: Werkzeug answers it with a file and 412.
        environ.pop("HTTP_IF_MATCH", None)
        if RAW.search(environ.get("QUERY_STRING", "")):  # as it should have been written: RFC 3986, 2.1
            environ["QUERY_STRING"] = quote(environ["QUERY_STRING"], safe=WRITTEN, encoding="latin-1")
        super().__init__(environ, *arguments, **options)

    def _get_file_stream(self, *_: Any, **__: Any) -> BytesIO:
        return BytesIO()


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


class TextConverter(BaseConverter):
    """A part of an address that is text; NUL is none, and PostgreSQL cannot be asked for it."""

    regex = r"[^/\x00]+"


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Build one application; ``overrides`` has the last word on configuration.

    Raises: ConfigError, CharterError.
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
    logs.init_app(app)
    extensions.init_app(app)
    key.init_app(app)
    drafts.init_app(app)
    health.init_app(app)
    metrics.init_app(app)
    limits.init_app(app)
    app.register_blueprint(charter.bp)
    app.register_blueprint(public.bp)
    machine.init_app(app)
    if app.debug and not app.config["MAIL_SERVER"]:
        app.register_blueprint(dev.bp)
    caching.init_app(app)
    filters.init_app(app)
    cli.init_app(app)
    errors.init_app(app)
    headers.init_app(app)
    watching.init_app(app)
    return app


def _static_version() -> str:
    """Name the static files by their content: one changes, all their URLs do, and CSS finds its fonts."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*.*")):
        digest.update(path.relative_to(STATIC).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]
