"""The poster: one A4 page to print, which is not a certificate and does not look like one."""

from math import ceil

from app.certificates.pdf import FOOT, INK, draw, one_line, qr_code
from app.content.charter import Commitment
from app.sharing.card import Card
from app.sharing.fonts import BOLD, FALLBACK, TITLE, set_line, set_name

#: The families of templates/certificates/_style.css.
FAMILIES = {TITLE: "Titre", BOLD: "Texte", FALLBACK: "Secours"}
#: In points: a line of the page, a line of the list, all of the list, its letters and their leading.
WIDTH, LIST_WIDTH, LIST_HEIGHT = 500.0, 450.0, 330.0
LARGEST, LEADING, MOST_PADDING = 23.0, 1.25, 15.0


def poster(card: Card) -> bytes:
    """Draw the poster on one A4 page. Raises: CertificateError."""
    preposition, _, commune = card.at.partition(" ")
    size = _size(card.held)
    room = (LIST_HEIGHT - _height(card.held, size)) / len(card.held) / 2
    return draw(
        "sharing/poster.html",
        campaign=one_line(card.campaign, "Texte", 12.0, 0.45 * WIDTH),
        url=one_line(card.url, "Texte", 10.0, FOOT),
        qr=qr_code(card.url).svg_data_uri(border=0, dark=INK),
        card=card,
        families=FAMILIES,
        names=set_name(card.full_name, size=44.0, smallest=32.0, width=WIDTH),
        role=card.role[:1].upper() + card.role[1:],
        preposition=preposition,
        commune=set_line(commune, BOLD, size=15.0, width=0.7 * WIDTH),
        size=size,
        padding=round(min(MOST_PADDING, room), 1),
    )


def _size(commitments: list[Commitment]) -> float:
    """Return the size at which the list fills its part of the page, in half points."""
    size = LARGEST
    while _height(commitments, size) > 0.84 * LIST_HEIGHT:
        size -= 0.5
    return size


def _height(commitments: list[Commitment], size: float) -> float:
    """Return how high the lines are, all measured as if they were bold."""
    natural = [set_line(c.text, BOLD, size=size, width=LIST_WIDTH).size for c in commitments]
    return sum(ceil(size / fitting) * LEADING * size for fitting in natural)
