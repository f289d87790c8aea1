"""What other sites show of a public signature: its badge, and the picture beside its link."""

from flask import Response, abort, request
from flask.typing import ResponseReturnValue

from app.citizen.sitemap import unless_refused
from app.citizen.views import bp
from app.extensions import charter
from app.register import queries
from app.sharing.card import make_card, site_name

#: Seconds that a browser may show a badge without asking whether it still holds.
BADGE_MAX_AGE = 300


@bp.get("/signataires/<code>/badge.svg")
def badge(code: str) -> ResponseReturnValue:
    """Serve the badge of a signature; where nothing is public, one that says so and names nobody, with 404.

    Browsers draw what comes with a 404. Other sites keep what they embed, so a badge must not go on saying
    what is no longer true; and it must not tell a withdrawn signature from one that never was.
    """
    from app.sharing.badge import draw_badge, draw_empty_badge

    signature = queries.find(code)
    if signature is None:
        response = Response(
            draw_empty_badge(site_name(), charter.commitments), status=404, mimetype="image/svg+xml"
        )
    else:
        response = Response(draw_badge(make_card(signature)), mimetype="image/svg+xml")
        response.cache_control.public = True
        response.cache_control.max_age = BADGE_MAX_AGE
        response.add_etag()
        unless_refused(signature, response)
    # The one thing here that is made to be shown by other sites.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response.make_conditional(request)


@bp.get("/signataires/<code>/image.png")
def picture(code: str) -> ResponseReturnValue:
    """Serve the picture of a signature, as social networks take it."""
    from app.sharing.picture import draw_picture

    signature = queries.find(code) or abort(404)
    response = Response(draw_picture(make_card(signature)), mimetype="image/png")
    response.add_etag()
    response.make_conditional(request)
    return unless_refused(signature, response)
