"""What search engines read: the sitemaps (sitemaps.org), robots.txt (RFC 9309) and X-Robots-Tag."""

from math import ceil

from flask import Response, abort, make_response, render_template
from flask.typing import ResponseReturnValue

from app.citizen import bp, conditional_on_register
from app.extensions import charter, communes
from app.models import Entry
from app.register import queries
from app.web.http_cache import FIXED, conditional
from app.web.template_filters import public_url

#: The pages without a parameter.
SINGLE = (
    "candidate.index",
    "citizen.signatories",
    "citizen.territory",
    "citizen.open_data",
    "citizen.verify",
    "citizen.privacy",
    "citizen.legal",
    "citizen.accessibility",
)
#: URLs in one sitemap: the limit of the protocol.
MAX_URLS = 50_000


@bp.get("/robots.txt")
def robots() -> ResponseReturnValue:
    """Allow every URL, since what is not public needs a session or a signed link; name the sitemap."""
    text = f"User-agent: *\nDisallow:\n\nSitemap: {public_url('citizen.sitemap')}\n"
    return conditional(FIXED, lambda: Response(text, mimetype="text/plain"))


@bp.get("/sitemap.xml")
@conditional_on_register
def sitemap() -> Response:
    """List the sitemaps: one of pages, and one for each 50,000 signatories."""
    return _xml("citizen/sitemaps.xml", parts=range(ceil(queries.count_indexable() / MAX_URLS)))


@bp.get("/sitemap-pages.xml")
@conditional_on_register
def sitemap_of_pages() -> Response:
    """List all pages except those of signatories."""
    changed_at, changes = queries.read_version().changed_at, queries.read_last_changes()
    numbers = [commitment.number for commitment in charter.commitments]
    pages = [
        *((public_url(endpoint), None) for endpoint in SINGLE),
        *((public_url("citizen.commitment", number=number), changed_at) for number in numbers),
        *((public_url("citizen.commune", insee=c.insee), changes.get(c.epci.code)) for c in communes),
    ]
    return _xml("citizen/sitemap.xml", pages=pages)


@bp.get("/sitemap-signataires-<int(max=999):part>.xml")
@conditional_on_register
def sitemap_of_signatories(part: int) -> Response:
    """List the pages of signatories who accept search engines: 50,000 of them, in the order of signing."""
    entries = queries.read_indexable(part * MAX_URLS, MAX_URLS) or abort(404)
    prefix = public_url("citizen.signatory", code="")
    return _xml("citizen/sitemap.xml", pages=[(prefix + code, changed_at) for code, changed_at in entries])


def _xml(template: str, **values: object) -> Response:
    return Response(render_template(template, **values), mimetype="application/xml")


def set_robots_tag(answer: ResponseReturnValue, entry: Entry) -> Response:
    """Ask search engines not to show a page or image of a signatory who refused them (X-Robots-Tag)."""
    response = make_response(answer)
    if not entry.indexable:
        response.headers["X-Robots-Tag"] = "noindex"
    return response
