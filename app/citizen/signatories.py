"""The pages of the register: its search, a signatory, a commune, a commitment."""

from functools import partial
from urllib.parse import quote

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.citizen import bp, conditional_on_register
from app.citizen.search_form import read_options, read_search
from app.citizen.sitemap import set_robots_tag
from app.content.communes import MAX_CHOICES
from app.extensions import charter, communes
from app.register import queries
from app.register.queries import Cursor
from app.web.htmx import shown_address
from app.web.http_cache import conditional


@bp.get("/signataires")
@conditional_on_register
def signatories() -> ResponseReturnValue:
    """Show a search of the register and its results."""
    form = read_search(request.args)
    page = render_template(
        "citizen/signatories.html",
        form=form,
        page=None if form.problem else _read_page(form.search),
        page_size=queries.PAGE_SIZE,
        options=read_options(),
    )
    return page, 404 if form.is_unknown else 200, shown_address(form.link())


@bp.get("/signataires/<code>")
def signatory(code: str) -> ResponseReturnValue:
    """Show the commitments of one signatory."""
    entry = queries.find_entry(code) or abort(404)

    def render() -> str:
        return render_template("citizen/signatory.html", entry=entry)

    return set_robots_tag(conditional(queries.read_version(entry.commune), render), entry)


@bp.get("/communes/<insee>")
def commune(insee: str) -> ResponseReturnValue:
    """Show the signatories of one commune, and a message that asks others to sign."""
    commune = communes.get(insee)
    if commune is None:
        return _find_commune(insee)

    def render() -> str:
        search = queries.Search(commune=commune.insee)
        question = render_template("citizen/question.txt", commune=commune)
        subject = f"{charter.title}\N{NO-BREAK SPACE}: et {commune.at}\N{NARROW NO-BREAK SPACE}?"
        return render_template(
            "citizen/commune.html",
            commune=commune,
            page=_read_page(search),
            counts=queries.count_by_commitment(search),
            question=question,
            mailto=_mailto(subject, question),
            link=partial(url_for, ".commune", insee=commune.insee),
        )

    return conditional(queries.read_version(commune.insee), render)


@bp.get("/engagements/<int:number>")
@conditional_on_register
def commitment(number: int) -> str:
    """Show one commitment, the number of its signatories, and who they are."""
    commitment = charter.commitment(number) or abort(404)
    counts = queries.count_by_commitment(queries.Search())
    return render_template(
        "citizen/commitment.html",
        commitment=commitment,
        neighbours=[charter.commitment(number - 1), charter.commitment(number + 1)],
        count=counts.get(number, 0),
        total=counts.get(0, 0),
        page=_read_page(queries.Search(commitment=number)),
        link=partial(url_for, ".commitment", number=number),
    )


def _read_page(search: queries.Search) -> queries.Page:
    """Return the page of a search at the cursor of the URL, or abort."""
    backwards = "apres" not in request.args
    text = request.args.get("avant" if backwards else "apres")
    try:
        cursor = None if text is None else Cursor.parse(text, backwards=backwards)
        return queries.read_page(search, cursor)
    except ValueError:
        abort(404)


def _find_commune(name: str) -> ResponseReturnValue:
    """Redirect to the commune of that name or former name; if it is none or several, list the closest."""
    named = communes.find_by_name(name)
    if len(named) == 1:
        return redirect(url_for(".commune", insee=named[0].insee), code=301)
    found = communes.search(name)
    choices = found if 0 < len(found) <= MAX_CHOICES else communes.suggest(name)
    return render_template("citizen/no_commune.html", choices=choices), 404


def _mailto(subject: str, body: str) -> str:
    """Return a mailto link without a recipient (RFC 6068)."""
    lines = "\r\n".join(body.splitlines())
    return f"mailto:?subject={quote(subject, safe='')}&body={quote(lines, safe='')}"
