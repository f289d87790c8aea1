"""The legal pages: personal data, legal notice, accessibility."""

from flask import render_template
from flask.typing import ResponseReturnValue

from app.citizen import bp
from app.web.http_cache import FIXED, conditional


@bp.get("/donnees-personnelles")
def privacy() -> ResponseReturnValue:
    """Show which personal data is stored, why, for how long, and how to have it erased (RGPD art. 13)."""
    return conditional(FIXED, lambda: render_template("citizen/privacy.html"))


@bp.get("/mentions-legales")
def legal() -> ResponseReturnValue:
    """Show the publisher and the host (LCEN, art. 1-1)."""
    return conditional(FIXED, lambda: render_template("citizen/legal.html"))


@bp.get("/accessibilite")
def accessibility() -> ResponseReturnValue:
    """Show how accessible the site is, and how to report a problem (RGAA)."""
    return conditional(FIXED, lambda: render_template("citizen/accessibility.html"))
