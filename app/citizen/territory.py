"""The territory: how much of it is covered, as a map, as bars and as tables."""

from flask import render_template
from flask.typing import ResponseReturnValue

from app.citizen.views import bp
from app.extensions import communes, outlines
from app.register import area_counts, queries
from app.web.http_cache import unless_known


@bp.get("/territoire")
def territory() -> ResponseReturnValue:
    """Show where the charter is signed, commune by commune, and what was taken there."""
    return unless_known(queries.version(), _territory)


def _territory() -> str:
    counts = queries.coverage()
    return render_template(
        "citizen/territory.html",
        outlines=outlines,
        communes=communes,
        counts={insee: counted.get(0, 0) for insee, counted in counts.items()},
        whole=area_counts.whole(communes, counts),
        epcis=area_counts.by_epci(communes, counts),
        districts=area_counts.by_district(communes, counts),
    )
