"""The register for programs: CSV, JSON, Atom, their schema and the page that documents them."""

import json
from collections.abc import Callable, Iterator
from functools import wraps
from threading import BoundedSemaphore
from typing import Any

from flask import Response, abort, current_app, make_response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ServiceUnavailable

from app.citizen import bp, conditional_on_register
from app.citizen.search_form import ROLES, SearchForm, read_search
from app.extensions import charter, db
from app.register import export, queries
from app.web.http_cache import FIXED, conditional
from app.web.template_filters import public_url

#: The media type of JSON, which is always in UTF-8 (RFC 8259, 8.1 and 11).
JSON = "application/json"
#: Entries of the feed.
NEWEST = 50
#: Files that a process sends at a time: slow downloads must leave threads for pages.
DOWNLOADS = BoundedSemaphore(2)


def open_to_all_origins(view: Callable[[], ResponseReturnValue]) -> Callable[[], Response]:
    """Allow scripts of any origin to read the response (Fetch standard, "CORS protocol").

    Search engines show the page of each person who accepts it, never a file of all persons.
    """

    @wraps(view)
    def answer() -> Response:
        response = make_response(view())
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    return answer


@bp.get("/signataires.csv")
@open_to_all_origins
@conditional_on_register
def csv_file() -> Response:
    """Send the register as a table (RFC 4180)."""
    rows = _read_rows(export.defuse)
    names = [column["name"] for column in _read_schema()["fields"]]
    response = _send_file(export.write_csv(names, rows), "text/csv; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = "attachment; filename=signataires.csv"
    return response


@bp.get("/signataires.json")
@open_to_all_origins
@conditional_on_register
def json_file() -> Response:
    """Send the register as one object, with its licence, source and date."""
    rows = _read_rows()
    schema = _read_schema()
    changed_at = queries.read_version().changed_at
    head = {
        "description": schema["description"],
        "source": charter.organisation,
        "licence": schema["licenses"][0]["title"],
        "licence_adresse": schema["licenses"][0]["path"],
        "documentation": schema["homepage"],
        "schema": schema["path"],
        "modifie_le": f"{changed_at:%Y-%m-%dT%H:%M:%SZ}" if changed_at else None,
        "silence": render_template("citizen/_silence.txt") or None,
    }
    names = [column["name"] for column in schema["fields"]]
    return _send_file(export.write_json(head, names, rows), JSON)


@bp.get("/signataires.atom")
@open_to_all_origins
@conditional_on_register
def feed() -> Response:
    """Send the newest signatures as a feed (RFC 4287)."""
    form = _search_form()
    feed = render_template(
        "citizen/feed.xml",
        form=form,
        entries=queries.newest_entries(form.search, NEWEST),
        changed_at=queries.read_version().changed_at or current_app.extensions["release"].at,  # required
        licence=_read_schema()["licenses"][0],
    )
    return Response(feed, mimetype="application/atom+xml")


@bp.get("/donnees-ouvertes")
@conditional_on_register
def open_data() -> str:
    """Document the files, column by column, and the duties of those who reuse them."""
    schema = _read_schema()
    names, example = zip(*((column["name"], column["example"]) for column in schema["fields"]), strict=True)
    return render_template(
        "citizen/open_data.html",
        schema=schema,
        example=b"".join(export.write_csv(names, [[example]])).decode(),
        newest=NEWEST,
        roles=ROLES,
        changed_at=queries.read_version().changed_at,
    )


@bp.get("/donnees-ouvertes/schema.json")
@open_to_all_origins
def schema() -> ResponseReturnValue:
    """Send the Table Schema of the files."""
    return conditional(FIXED, lambda: Response(render_template("citizen/schema.json"), content_type=JSON))


def _search_form() -> SearchForm:
    """Return the search form of the URL, or abort: a file cannot show a message."""
    form = read_search(request.args)
    return abort(404) if form.problem else form


def _read_rows(text: Callable[[str], str] = str) -> Iterator[list[export.Row]]:
    page = public_url("citizen.signatory", code="")
    return export.read_rows(_search_form().search, page, text)


def _read_schema() -> Any:
    """Return the Table Schema of the files."""
    return json.loads(render_template("citizen/schema.json"))


def _send_file(chunks: Iterator[bytes], content_type: str) -> Response:
    """Stream a file. Raises: ServiceUnavailable if too many are being sent."""
    response = Response(stream_with_context(chunks), content_type=content_type)
    if request.method != "HEAD":
        if not DOWNLOADS.acquire(blocking=False):
            raise ServiceUnavailable(retry_after=60)
        response.call_on_close(DOWNLOADS.release)
    db.session.close()  # a download may last, and has a connection of its own
    return response
