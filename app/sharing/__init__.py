"""What a signatory shows elsewhere: a badge for a site, a picture for social networks, a poster on paper.

All three say what the public page says, as it stands. What draws them is imported when it is first needed.
"""

from functools import lru_cache

from flask import url_for

from app.certificates.current import commune_of
from app.extensions import charter
from app.models import Entry
from app.sharing.card import Card as Card


def card(entry: Entry) -> Card:
    """Return what there is to show of a public signature."""
    return Card(
        site=f"{charter.short_title} {charter.territory.name}",
        campaign=charter.campaign.name,
        title=charter.title,
        organisation=charter.organisation,
        commitments=charter.commitments,
        full_name=entry.full_name,
        role=entry.role.label,
        list_name=entry.list_name,
        at=commune_of(entry).at,
        taken=frozenset(entry.taken),
        url=url_for("citizen.signatory", code=entry.code, _external=True),
    )


def draw_badge(card: Card) -> str:
    """Return the badge of a public signature, as SVG."""
    from app.sharing.badge import badge

    return badge(card)


def draw_empty_badge() -> str:
    """Return the badge of what is not, or no longer, public, as SVG: it names nobody."""
    from app.sharing.badge import empty_badge

    return empty_badge(f"{charter.short_title} {charter.territory.name}", charter.commitments)


@lru_cache(maxsize=64)  # some 2 MB; there is one for each way in which a signature stands
def draw_picture(card: Card) -> bytes:
    """Return the picture that social networks show beside a link, as PNG."""
    from app.sharing.picture import picture

    return picture(card)


def draw_poster(card: Card) -> bytes:
    """Return an A4 poster, as PDF. Raises: CertificateError."""
    from app.sharing.poster import poster

    return poster(card)
