"""What templates may call."""

import base64
import hashlib
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, current_app, url_for
from markupsafe import Markup

from app import french
from app.clock import now
from app.extensions import charter
from app.signatures import commune_of


def init_app(app: Flask) -> None:
    """Register the filters and the values that every template has."""
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
        commune=commune_of,
        panels=_panels(app),
        capitalize_first=lambda text: text[:1].upper() + text[1:],
    )
    integrity, communes_datalist = _integrity(app), _communes_datalist(app)
    app.context_processor(
        lambda: {
            "charter": charter,
            "silence_until": lambda: charter.campaign.silence_until(now()),
            "public_url": public_url,
            "integrity": integrity,
            "communes_datalist": communes_datalist,
        }
    )


def _integrity(app: Flask) -> Callable[[str], str]:
    """Return what names the content of a static file, so that browsers run no other (W3C, « SRI »)."""

    def name(filename: str) -> str:
        digest = hashlib.sha256(Path(str(app.static_folder), filename).read_bytes()).digest()
        return f"sha256-{base64.b64encode(digest).decode()}"

    return name if app.debug else cache(name)  # scripts are being edited


def _communes_datalist(app: Flask) -> Callable[[], Markup]:
    """Return what draws the communes that a field suggests: once, they are the same for everybody."""

    def draw() -> Markup:
        template = app.jinja_env.get_template("_communes.html")
        drawn = template.render(communes=app.extensions["communes"])
        return Markup(drawn)  # noqa: S704  # nosec B704  # a template of ours, that escapes

    return draw if app.debug else cache(draw)  # templates are being edited


def _panels(app: Flask) -> Callable[[Collection[int]], Markup]:
    """Return what draws the commitments that somebody took: once for each set, many took the same."""

    def draw(numbers: frozenset[int]) -> Markup:
        template = app.jinja_env.get_template("public/_panels.html")
        drawn = template.render(charter=app.extensions["charter"], taken=numbers)
        return Markup(drawn)  # noqa: S704  # nosec B704  # a template of ours, that escapes

    drawn = draw if app.debug else cache(draw)  # templates are being edited
    return lambda taken: drawn(frozenset(taken))


def public_url(endpoint: str, **values: Any) -> str:
    """Return the one whole address of a page, from the configuration alone, however it was asked for."""
    scheme = current_app.config["PREFERRED_URL_SCHEME"]
    return url_for(endpoint, **values, _external=True, _scheme=scheme)
