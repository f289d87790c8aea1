"""The page of the territory: the signatures by commune and by area, as a map, bars and tables."""

from flask import render_template

from app.citizen import bp, conditional_on_register
from app.extensions import communes, outlines
from app.register import area_counts, queries


@bp.get("/territoire")
@conditional_on_register
def territory() -> str:
    """Show the signatures and commitments of the territory, commune by commune."""
    counts = queries.count_by_commune()
    return render_template(
        "citizen/territory.html",
        outlines=outlines,
        communes=communes,
        counts={insee: by_commitment.get(0, 0) for insee, by_commitment in counts.items()},
        whole=area_counts.count_territory(communes, counts),
        epcis=area_counts.count_by_epci(communes, counts),
        districts=area_counts.count_by_district(communes, counts),
    )
