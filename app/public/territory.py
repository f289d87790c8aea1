"""The territory: how much of it is covered, as a map, as bars and as tables."""

from flask import render_template
from flask.typing import ResponseReturnValue

from app import coverage, register
from app.caching import unless_known
from app.extensions import communes, outlines
from app.public.views import bp


@bp.get("/territoire")
def territory() -> ResponseReturnValue:
    """Show where the charter is signed, commune by commune, and what was taken there."""
    return unless_known(register.version(), _territory)


def _territory() -> str:
    counts = register.coverage()
    return render_template(
        "public/territory.html",
        outlines=outlines,
        communes=communes,
        counts={insee: counted.get(0, 0) for insee, counted in counts.items()},
        whole=coverage.whole(communes, counts),
        epcis=coverage.by_epci(communes, counts),
        districts=coverage.by_district(communes, counts),
    )
