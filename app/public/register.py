"""The register: who signed, where, and what."""

from functools import partial

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import register
from app.caching import unless_known
from app.extensions import charter, communes
from app.htmx import shown_address
from app.public.searching import Asked, choices, read_cursor, read_search
from app.public.views import bp


@bp.get("/signataires")
def signatories() -> ResponseReturnValue:
    """List who signed, as it is asked for."""
    asked = read_search(request.args)
    return unless_known(register.version(), lambda: _signatories(asked))


def _signatories(asked: Asked) -> ResponseReturnValue:
    page = None if asked.problem else _page(asked.search)
    written = render_template(
        "public/signatories.html", asked=asked, page=page, choices=choices(), communes=communes
    )
    return written, 404 if asked.lost else 200, shown_address(asked.link())


def _page(search: register.Search) -> register.Page:
    """Return the page of a list that the address asks for, or abort."""
    try:
        return register.page(search, read_cursor(request.args))
    except ValueError:
        abort(404)


@bp.get("/signataires/<code>")
def signatory(code: str) -> ResponseReturnValue:
    """Show what one person took."""
    entry = register.find(code) or abort(404)
    return unless_known(
        register.version(entry.commune), lambda: render_template("public/signatory.html", entry=entry)
    )


@bp.get("/communes/<insee>")
def commune(insee: str) -> ResponseReturnValue:
    """Show who signed in one commune; a name, present or former, leads to its commune."""
    commune = communes.get(insee)
    if commune is None:
        found = communes.find(insee)
        return redirect(url_for(".commune", insee=found[0].insee), 301) if len(found) == 1 else abort(404)
    search = register.Search(commune=commune.insee)

    def show() -> str:
        return render_template(
            "public/commune.html",
            commune=commune,
            page=_page(search),
            counts=register.counts(search),
            link=partial(url_for, ".commune", insee=commune.insee),
        )

    return unless_known(register.version(commune.insee), show)


@bp.get("/engagements/<int:number>")
def commitment(number: int) -> ResponseReturnValue:
    """Show one commitment in full, how many took it, and who."""
    commitment = charter.commitment(number) or abort(404)
    search = register.Search(commitment=number)

    def show() -> str:
        link = partial(url_for, ".commitment", number=number)
        return render_template("public/commitment.html", commitment=commitment, page=_page(search), link=link)

    return unless_known(register.version(), show)
