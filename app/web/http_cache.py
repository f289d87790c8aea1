"""Conditional requests on public pages: ETag, Last-Modified, status 304 (RFC 9110, 8.8 and 13).

The ETag of a page is a hash of the release, the URL and the version of the register: a page that has not
changed is not rendered.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask, Response, current_app, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.http import is_resource_modified, quote_etag

from app.clock import now
from app.config import DEFAULTS
from app.extensions import charter
from app.register.queries import Version

ROOT = Path(__file__).parents[2]
#: Last-Modified counts in seconds: a page that changed this recently may change again in the same second.
SETTLED = timedelta(seconds=2)
#: The version of a page that does not depend on the register.
FIXED = Version(0, None)


@dataclass(frozen=True)
class Release:
    """The release that runs: the hash of its code, templates and settings; the time of its newest file."""

    name: str
    at: datetime


def init_app(app: Flask) -> None:
    """Hash the code, the templates, the files of the territory and the settings into `Release`."""
    territory = app.extensions["charter"].territory
    of_the_territory = [territory.communes, territory.former_names, app.config["CONTOURS_FILE"]]
    files = [*ROOT.glob("app/**/*.py"), *ROOT.glob("templates/**/*"), Path(app.config["CHARTER_FILE"])]
    files += [Path(app.instance_path, name) for name in of_the_territory]
    texts = sorted(path for path in files if path.is_file())
    digest = hashlib.sha256(str(app.static_url_path).encode())
    for path in texts:
        digest.update(path.read_bytes())
    settings = {name: app.config[name] for name in DEFAULTS}  # secrets too: a hash does not reveal them
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    newest = max(path.stat().st_mtime for path in texts)
    app.extensions["release"] = Release(digest.hexdigest(), datetime.fromtimestamp(newest, UTC))


def conditional(version: Version, render: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
    """Return a 304 response if the client has this version of the page; else the rendered page.

    Only a page of status 200 gets an ETag: errors are not cached.
    """
    if current_app.debug:  # templates are being edited
        return render()
    tag, changed_at = _compute_validators(version)
    if request.method in ("GET", "HEAD") and not is_resource_modified(
        request.environ, quote_etag(tag), last_modified=changed_at
    ):
        return _set_validators(Response(status=304), tag, changed_at)
    response = make_response(render())
    return _set_validators(response, tag, changed_at) if response.status_code == 200 else response


def conditional_response(response: Response) -> Response:
    """Return a 304 response if the client has the same bytes; else the response, with its ETag.

    For a page that depends on more than the register: the seal key, or the date. It has no Last-Modified.
    """
    response.add_etag(weak=True)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def _compute_validators(version: Version) -> tuple[str, datetime | None]:
    """Return the ETag of a page and its last change; None if it changed less than two seconds ago."""
    release: Release = current_app.extensions["release"]
    moment = now()
    switched = charter.campaign.last_switch(moment)
    parts = (release.name, request.full_path, version.number, version.changed_at, switched)
    changed_at = max([release.at, *filter(None, (version.changed_at, switched))])
    tag = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
    return tag, changed_at if moment - changed_at > SETTLED else None


def _set_validators(response: Response, tag: str, changed_at: datetime | None) -> Response:
    response.set_etag(tag, weak=True)  # weak: compressed or not, the page is the same
    if changed_at:
        response.last_modified = changed_at
    response.headers["Cache-Control"] = "no-cache"  # revalidated each time: a withdrawal takes effect at once
    return response
