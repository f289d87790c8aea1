"""The filters and globals of every template."""

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, current_app, url_for
from markupsafe import Markup

from app import french
from app.clock import now
from app.extensions import charter, communes


def init_app(app: Flask) -> None:
    """Register the filters and the globals of templates."""
    panels = _render_once(app, "citizen/_panels.html")
    app.jinja_env.filters.update(
        long_date=french.long_date,
        clock_time=french.clock_time,
        before_list=french.before_list,
        duration=french.duration,
        days=french.days,
        thousands=french.thousands,
        percentage=french.percentage,
        commitments_of=french.commitments_of,
        typeset=french.typeset,
        short_name=french.short_name,
        commune=lambda signature: communes.get_or_placeholder(signature.commune),
        panels=lambda numbers: panels(taken=frozenset(numbers)),
        capitalize_first=lambda text: text[:1].upper() + text[1:],
    )
    integrity = _integrity(app)
    communes_datalist = _render_once(app, "_communes.html")
    app.jinja_env.globals.update(
        charter=charter,
        silence_until=lambda: charter.campaign.silence_until(now()),
        public_url=public_url,
        integrity=integrity,
        communes_datalist=communes_datalist,
    )


def _integrity(app: Flask) -> Callable[[str], str]:
    """Return the function that gives the integrity hash of a static file (W3C, Subresource Integrity)."""

    def integrity(filename: str) -> str:
        digest = hashlib.sha256(Path(str(app.static_folder), filename).read_bytes()).digest()
        return f"sha256-{base64.b64encode(digest).decode()}"

    return integrity if app.debug else cache(integrity)  # while scripts are edited


def _render_once(app: Flask, name: str) -> Callable[..., Markup]:
    """Return a function that renders a template of the charter and the communes, once for the same values."""

    def render(**values: object) -> Markup:
        extensions = app.extensions
        template = app.jinja_env.get_template(name)
        rendered = template.render(charter=extensions["charter"], communes=extensions["communes"], **values)
        return Markup(rendered)  # noqa: S704  # nosec B704  # a template of ours, that escapes

    return render if app.debug else cache(render)  # while templates are edited


def public_url(endpoint: str, **values: Any) -> str:
    """Return the absolute URL of a page, from the configuration alone, whatever the request."""
    scheme = current_app.config["PREFERRED_URL_SCHEME"]
    return url_for(endpoint, **values, _external=True, _scheme=scheme)
