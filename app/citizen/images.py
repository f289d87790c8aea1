"""The images of a public signature: the badge that other sites embed, and the picture of its link."""

from flask import Response, abort, request
from flask.typing import ResponseReturnValue

from app.citizen import bp
from app.citizen.sitemap import set_robots_tag
from app.extensions import charter
from app.register import queries
from app.sharing.card import make_card, site_name

#: Seconds for which a browser shows a badge without revalidation.
BADGE_MAX_AGE = 300


@bp.get("/signataires/<code>/badge.svg")
def badge(code: str) -> ResponseReturnValue:
    """Serve the badge of a signature; if it is not public, a badge without a name, and status 404.

    Browsers draw the body of a 404. Other sites keep what they embed, so a badge changes with a withdrawal;
    and the 404 does not distinguish a withdrawn signature from a code that never existed.
    """
    from app.sharing.badge import draw_badge, draw_empty_badge

    entry = queries.find_entry(code)
    if entry is None:
        empty = draw_empty_badge(site_name(), charter.commitments)
        response = Response(empty, status=404, mimetype="image/svg+xml")
    else:
        response = Response(draw_badge(make_card(entry)), mimetype="image/svg+xml")
        response.cache_control.public = True
        response.cache_control.max_age = BADGE_MAX_AGE
        response.add_etag()
        set_robots_tag(response, entry)
    # The only response that other sites may embed.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response.make_conditional(request)


@bp.get("/signataires/<code>/image.png")
def picture(code: str) -> ResponseReturnValue:
    """Serve the picture of a signature, in the format of social networks."""
    from app.sharing.picture import draw_picture

    entry = queries.find_entry(code) or abort(404)
    response = Response(draw_picture(make_card(entry)), mimetype="image/png")
    response.add_etag()
    response.make_conditional(request)
    return set_robots_tag(response, entry)
