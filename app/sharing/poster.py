"""The poster: one A4 page to print, which is not a certificate and does not look like one."""

from math import ceil

from app.certificates.fonts import BOLD, set_line, set_name
from app.certificates.pdf import FOOT, INK, draw_pdf, fit_line, qr_code
from app.content.charter import Commitment
from app.sharing.card import Card

#: In points: widths of the page and of the list; the height of the list, its largest letters and padding.
WIDTH, LIST_WIDTH, LIST_HEIGHT = 500.0, 450.0, 330.0
LARGEST, MOST_PADDING = 23.0, 15.0
LEADING = 1.25  # the height of a line, as a multiple of its size


def draw_poster(card: Card) -> bytes:
    """Return the poster on one A4 page. Raises: CertificateError."""
    preposition, _, commune = card.at.partition(" ")
    commitments = card.taken_commitments
    size = _list_size(commitments)
    room = (LIST_HEIGHT - _list_height(commitments, size)) / len(commitments) / 2
    return draw_pdf(
        "sharing/poster.html",
        campaign=fit_line(card.campaign, BOLD, 12.0, 0.45 * WIDTH),
        url=fit_line(card.url, BOLD, 10.0, FOOT),
        qr=qr_code(card.url).svg_data_uri(border=0, dark=INK),
        card=card,
        names=set_name(card.full_name, size=44.0, smallest=32.0, on_two_lines=35.2, width=WIDTH),
        role=card.role[:1].upper() + card.role[1:],
        preposition=preposition,
        commune=set_line(commune, BOLD, size=15.0, width=0.7 * WIDTH),
        size=size,
        padding=round(min(MOST_PADDING, room), 1),
    )


def _list_size(commitments: list[Commitment]) -> float:
    """Return the font size at which the list fills its part of the page, in half points."""
    size = LARGEST
    while _list_height(commitments, size) > 0.84 * LIST_HEIGHT:
        size -= 0.5
    return size


def _list_height(commitments: list[Commitment], size: float) -> float:
    """Return the height of the list in points, measured as if every letter were bold."""
    natural = [set_line(c.text, BOLD, size=size, width=LIST_WIDTH).size for c in commitments]
    return sum(ceil(size / fitting) * LEADING * size for fitting in natural)
