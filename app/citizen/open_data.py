"""The register for programs: CSV, JSON, Atom, and the page that tells what is in them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Semaphore
from typing import Any

from flask import (
    Response,
    abort,
    current_app,
    make_response,
    render_template,
    request,
    stream_with_context,
)
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ServiceUnavailable

from app.citizen.search_form import ROLES, Asked, read_search
from app.citizen.views import bp
from app.extensions import charter
from app.french import typeset
from app.register import export, queries
from app.register.queries import Version
from app.web.http_cache import FIXED, unless_known
from app.web.template_filters import public_url

#: In UTF-8, always: RFC 8259, 8.1 and 11.
JSON = "application/json"
#: Entries of the feed.
NEWEST = 50
#: Files that a process sends at a time; its other threads are for pages.
AT_ONCE = 2
#: Of the schema: when its columns change, both do (Semantic Versioning).
SCHEMA_VERSION, SCHEMA_DATE = "1.0.0", "2026-11-23"


@bp.record
def _make_places(state: BlueprintSetupState) -> None:
    state.app.extensions["sending"] = Semaphore(AT_ONCE)


@bp.get("/signataires.csv")
def csv_file() -> ResponseReturnValue:
    """Send the register as a table."""
    search = _asked().search
    columns = export.columns(charter, _page())

    def show() -> Response:
        lines = export.read(search, columns, _page(), export.CSV)
        chunks = export.as_csv([column.name for column in columns], lines)
        response = _sent(chunks, "text/csv; charset=utf-8; header=present")  # RFC 4180, 3
        response.headers["Content-Disposition"] = "attachment; filename=signataires.csv"
        return response

    return _for_everybody(unless_known(queries.version(), show))


@bp.get("/signataires.json")
def json_file() -> ResponseReturnValue:
    """Send the register as one object, with its licence, its source and its date."""
    search = _asked().search
    version = queries.version()

    def show() -> Response:
        lines = export.read(search, export.columns(charter, _page()), _page(), export.JSON)
        return _sent(export.as_json(_head(version), lines), JSON)

    return _for_everybody(unless_known(version, show))


@bp.get("/signataires.atom")
def feed() -> ResponseReturnValue:
    """Send the newest signatures as a feed (RFC 4287)."""
    asked = _asked()
    version = queries.version()

    def show() -> Response:
        entries = queries.newest(asked.search, NEWEST)
        changed_at = version.changed_at or current_app.extensions["release"].at  # RFC 4287 wants a date
        written = render_template(
            "citizen/feed.xml", asked=asked, entries=entries, changed_at=changed_at, licence=export.LICENCE
        )
        return Response(written, mimetype="application/atom+xml")

    return _for_everybody(unless_known(version, show))


@bp.get("/donnees-ouvertes")
def open_data() -> ResponseReturnValue:
    """Tell what the files hold, column by column, and what whoever uses them owes."""
    version = queries.version()
    columns = export.columns(charter, _page())

    def show() -> str:
        names = [column.name for column in columns]
        cells = export.CSV.cells(names, [str(column.example) for column in columns])
        example = export.as_csv(names, [[cells]])
        return render_template(
            "citizen/open_data.html",
            description=_description(),
            columns=columns,
            example=b"".join(example).decode(),
            licence=export.LICENCE,
            newest=NEWEST,
            roles=ROLES,
            changed_at=version.changed_at,
        )

    return unless_known(version, show)


@bp.get("/donnees-ouvertes/schema.json")
def schema() -> ResponseReturnValue:
    """Send the Table Schema of the table, with what schema.data.gouv.fr wants to know of one."""
    return _for_everybody(unless_known(FIXED, lambda: Response(_schema(), content_type=JSON)))


def _asked() -> Asked:
    """Return what an address asks for, or abort: a file has no place for a question."""
    asked = read_search(request.args)
    return abort(404) if asked.problem else asked


def _page() -> str:
    """Return the address that codes are put after."""
    return public_url("citizen.signatory", code="")


def _for_everybody(answer: ResponseReturnValue) -> Response:
    """Let pages of any site read an answer (Fetch standard, « CORS protocol »), which names no visitor.

    Search engines show each person's own page, or none if they said no: never a file with everybody in it.
    """
    response = make_response(answer)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _description() -> str:
    title = f"{charter.title.lower()} ({charter.territory.name})"
    return typeset(
        f"Les personnes qui ont signé la {title} : leur qualité, leur commune et les engagements qu’elles "
        "ont pris, avec leurs dates."
    )


def _sent(chunks: Iterator[bytes], content_type: str) -> Response:
    """Send a file as it is written, or abort: those who read slowly must not take every thread."""
    place = ExitStack()
    if request.method != "HEAD":  # which writes nothing
        sending: Semaphore = current_app.extensions["sending"]
        if not sending.acquire(blocking=False):
            raise ServiceUnavailable(retry_after=60)
        place.callback(sending.release)  # once, whether the file comes to its end or its reader goes away
    response = Response(stream_with_context(_leaving(chunks, place)), content_type=content_type)
    response.call_on_close(place.close)
    return response


def _leaving(chunks: Iterator[bytes], place: ExitStack) -> Iterator[bytes]:
    with place:
        yield from chunks


def _head(version: Version) -> dict[str, Any]:
    """Return what a file says of itself before its rows."""
    return {
        "description": _description(),
        "source": charter.organisation,
        "licence": export.LICENCE["title"],
        "licence_adresse": export.LICENCE["path"],
        "documentation": public_url("citizen.open_data"),
        "schema": public_url("citizen.schema"),
        "modifie_le": f"{version.changed_at:%Y-%m-%dT%H:%M:%SZ}" if version.changed_at else None,
        "silence": render_template("citizen/_silence.txt") or None,
    }


def _schema() -> str:
    schema = {
        "$schema": "https://frictionlessdata.io/schemas/table-schema.json",
        "name": "signataires-charte",
        "title": f"Signataires de la {charter.title.lower()}",
        "description": _description(),
        "countryCode": "FR",
        "homepage": public_url("citizen.open_data"),
        "path": public_url("citizen.schema"),
        "licenses": [export.LICENCE],
        "contributors": [{"title": charter.organisation, "role": "author"}],
        "resources": [{"title": "Le registre", "path": public_url("citizen.csv_file")}],
        "created": "2026-11-23",
        "lastModified": SCHEMA_DATE,
        "version": SCHEMA_VERSION,
        "missingValues": [""],
        "primaryKey": "code",
        "fields": [column.as_field for column in export.columns(charter, _page())],
    }
    return json.dumps(schema, ensure_ascii=False, indent=2)
