"""What tells a client that it has a page already: ETag, Last-Modified and 304 (RFC 9110, 8.8 and 13).

A public page is made of the register as it stands, of the address asked, and of the program itself. Its
tag names the three, so that a page that has not changed is not even made.
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
#: Last-Modified counts in seconds: what changed this recently may change once more within the same one.
SETTLED = timedelta(seconds=2)
#: Of a page that the register is no part of.
FIXED = Version(0, None)


@dataclass(frozen=True)
class Release:
    """The program as it runs: its code, templates and settings."""

    name: str
    at: datetime


def init_app(app: Flask) -> None:
    """Name what the pages are made of, besides the register."""
    territory = app.extensions["charter"].territory
    of_the_territory = [territory.communes, territory.former_names, app.config["CONTOURS_FILE"]]
    files = [*ROOT.glob("app/**/*.py"), *ROOT.glob("templates/**/*"), Path(app.config["CHARTER_FILE"])]
    files += [Path(app.instance_path, name) for name in of_the_territory]
    texts = sorted(path for path in files if path.is_file())
    digest = hashlib.sha256(str(app.static_url_path).encode())
    for path in texts:
        digest.update(path.read_bytes())
    settings = {name: app.config[name] for name in DEFAULTS}  # secrets too: the digest keeps them
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    newest = max(path.stat().st_mtime for path in texts)
    app.extensions["release"] = Release(digest.hexdigest(), datetime.fromtimestamp(newest, UTC))


def unless_known(version: Version, render: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
    """Answer 304 to a client that has this page as it is now; else make it. Errors are never kept."""
    if current_app.debug:  # templates are being edited
        return render()
    tag, changed_at = _validators(version)
    if request.method in ("GET", "HEAD") and not is_resource_modified(
        request.environ, quote_etag(tag), last_modified=changed_at
    ):
        return _marked(Response(status=304), tag, changed_at)
    response = make_response(render())
    return _marked(response, tag, changed_at) if response.status_code == 200 else response


def unless_same(response: Response) -> Response:
    """Answer 304 to a client that has these very bytes: for what is made of more than the register.

    There is no Last-Modified: nothing tells when a key was replaced, or when the day turned.
    """
    response.add_etag(weak=True)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def _validators(version: Version) -> tuple[str, datetime | None]:
    """Return the tag of a page, and when what it is made of last changed; None where that was just now."""
    release: Release = current_app.extensions["release"]
    moment = now()
    switched = charter.campaign.last_switch(moment)
    made_of = (release.name, request.full_path, version.number, version.changed_at, switched)
    changed_at = max([release.at, *filter(None, (version.changed_at, switched))])
    tag = hashlib.sha256(repr(made_of).encode()).hexdigest()[:32]
    return tag, changed_at if moment - changed_at > SETTLED else None


def _marked(response: Response, tag: str, changed_at: datetime | None) -> Response:
    response.set_etag(tag, weak=True)  # compressed or not, it says the same
    if changed_at:
        response.last_modified = changed_at
    response.headers["Cache-Control"] = "no-cache"  # kept, and asked for each time: a withdrawal is at once
    return response
