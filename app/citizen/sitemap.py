"""What search engines are told: which pages there are (sitemaps.org) and how to read them (RFC 9309)."""

from flask import Response, abort, make_response, render_template
from flask.typing import ResponseReturnValue

from app.citizen.views import bp
from app.extensions import charter, communes
from app.models import Entry
from app.register import queries
from app.web.http_cache import FIXED, unless_known
from app.web.template_filters import public_url

#: The pages of which there is one.
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
#: Signature ids that one sitemap spans. The protocol takes 50,000 addresses; so many take 0.1 s to write.
SPAN = 5_000
#: Ids are 32 bits wide.
MOST_SPANS = 2**31 // SPAN - 1


@bp.get("/robots.txt")
def robots() -> ResponseReturnValue:
    """Let everything be read: what is not public is not here. And name the sitemap."""
    text = f"User-agent: *\nDisallow:\n\nSitemap: {public_url('citizen.sitemap')}\n"
    return unless_known(FIXED, lambda: Response(text, mimetype="text/plain"))


@bp.get("/sitemap.xml")
def sitemap() -> ResponseReturnValue:
    """List the sitemaps."""

    def show() -> Response:
        return _xml("citizen/sitemaps.xml", spans=queries.spans(SPAN))

    return unless_known(queries.version(), show)


@bp.get("/sitemap-pages.xml")
def sitemap_of_pages() -> ResponseReturnValue:
    """List every page but those of people."""
    version = queries.version()

    def show() -> Response:
        changes = queries.changes()
        numbers = [commitment.number for commitment in charter.commitments]
        pages = [
            *((public_url(endpoint), None) for endpoint in SINGLE),
            *((public_url("citizen.commitment", number=n), version.changed_at) for n in numbers),
            *((public_url("citizen.commune", insee=c.insee), changes.get(c.epci.code)) for c in communes),
        ]
        return _xml("citizen/sitemap.xml", pages=pages)

    return unless_known(version, show)


@bp.get(f"/sitemap-signataires-<int(max={MOST_SPANS}):span>.xml")
def sitemap_of_signatories(span: int) -> ResponseReturnValue:
    """List the pages of people who let search engines show them: those of one span of signatures."""

    def show() -> Response:
        listed = queries.indexable(span * SPAN, (span + 1) * SPAN) or abort(404)
        pages = [(public_url("citizen.signatory", code=code), changed_at) for code, changed_at in listed]
        return _xml("citizen/sitemap.xml", pages=pages)

    return unless_known(queries.version(), show)


def _xml(template: str, **values: object) -> Response:
    return Response(render_template(template, **values), mimetype="application/xml")


def unless_refused(entry: Entry, answer: ResponseReturnValue) -> Response:
    """Ask search engines not to show what is made of one person, where that person refused."""
    response = make_response(answer)
    if not entry.indexable:
        response.headers["X-Robots-Tag"] = "noindex"
    return response
