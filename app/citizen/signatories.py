"""The register: who signed, where, and what."""

from functools import partial
from urllib.parse import quote

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.citizen.search_form import choices, read_cursor, read_search
from app.citizen.sitemap import unless_refused
from app.citizen.views import bp
from app.content.communes import MAX_CHOICES
from app.extensions import charter, communes
from app.register import queries
from app.web.htmx import shown_address
from app.web.http_cache import unless_known


@bp.get("/signataires")
def signatories() -> ResponseReturnValue:
    """List who signed, as it is asked for."""
    return unless_known(queries.version(), _signatories)


def _signatories() -> ResponseReturnValue:
    asked = read_search(request.args)
    page = None if asked.problem else _page(asked.search)
    written = render_template(
        "citizen/signatories.html",
        asked=asked,
        page=page,
        page_size=queries.PAGE_SIZE,
        choices=choices(),
    )
    return written, 404 if asked.lost else 200, shown_address(asked.link())


def _page(search: queries.Search) -> queries.Page:
    """Return the page of a list that the address asks for, or abort."""
    try:
        return queries.page(search, read_cursor(request.args))
    except ValueError:
        abort(404)


@bp.get("/signataires/<code>")
def signatory(code: str) -> ResponseReturnValue:
    """Show what one person took."""
    entry = queries.find(code) or abort(404)

    def show() -> str:
        return render_template("citizen/signatory.html", entry=entry)

    return unless_refused(entry, unless_known(queries.version(entry.commune), show))


@bp.get("/communes/<insee>")
def commune(insee: str) -> ResponseReturnValue:
    """Show who signed in one commune, and how to ask those who did not."""
    commune = communes.get(insee)
    if commune is None:
        return _meant(insee)

    def show() -> str:
        search = queries.Search(commune=commune.insee)
        question = render_template("citizen/question.txt", commune=commune)
        subject = f"{charter.title}\N{NO-BREAK SPACE}: et {commune.at}\N{NARROW NO-BREAK SPACE}?"
        return render_template(
            "citizen/commune.html",
            commune=commune,
            page=_page(search),
            counts=queries.counts(search),
            question=question,
            mailto=_mailto(subject, question),
            link=partial(url_for, ".commune", insee=commune.insee),
        )

    return unless_known(queries.version(commune.insee), show)


def _meant(name: str) -> ResponseReturnValue:
    """Lead to the commune that bears a name, or bore it; where that is none or several, offer the closest."""
    named = communes.find_by_name(name)
    if len(named) == 1:
        return redirect(url_for(".commune", insee=named[0].insee), code=301)
    found = communes.search(name)
    choices = found if 0 < len(found) <= MAX_CHOICES else communes.suggest(name)
    return render_template("citizen/no_commune.html", choices=choices), 404


def _mailto(subject: str, body: str) -> str:
    """Return a link that begins a letter to nobody yet (RFC 6068)."""
    lines = "\r\n".join(body.splitlines())
    return f"mailto:?subject={quote(subject, safe='')}&body={quote(lines, safe='')}"


@bp.get("/engagements/<int:number>")
def commitment(number: int) -> ResponseReturnValue:
    """Show one commitment in full, how many took it, and who."""
    commitment = charter.commitment(number) or abort(404)

    def show() -> str:
        counts = queries.counts(queries.Search())
        return render_template(
            "citizen/commitment.html",
            commitment=commitment,
            neighbours=[charter.commitment(number - 1), charter.commitment(number + 1)],
            count=counts.get(number, 0),
            total=counts.get(0, 0),
            page=_page(queries.Search(commitment=number)),
            link=partial(url_for, ".commitment", number=number),
        )

    return unless_known(queries.version(), show)
