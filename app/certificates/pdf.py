"""The blank charter as a PDF, and what all PDF documents share: fonts, sizes, QR code, errors."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from io import BytesIO
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any, NamedTuple

import segno
from flask import render_template
from pypdf import PdfReader
from reportlab import rl_config
from xhtml2pdf import pisa
from xhtml2pdf.config.resources import ResourceAccessPolicy

from app.certificates.exceptions import CertificateError
from app.certificates.fillable import add_form_fields
from app.certificates.fonts import BOLD, FONT_FILES, REGULAR, TITLE, Line, set_line, set_name
from app.certificates.snapshot import Snapshot
from app.content.charter import Charter, Commitment
from app.french import before_list, commitments_of, long_date

# Smaller files: fonts without ASCII characters that no text uses, streams as bytes instead of ASCII 85.
rl_config.ttfAsciiReadable = 0
rl_config.useA85 = 0

ASSETS = Path(__file__).parent / "assets"
DOCUMENT = str(ASSETS / "document.html")  # no file: the base of the relative URLs in a document
POLICY = ResourceAccessPolicy.server(base_dir=ASSETS, allow_remote=False)

INK = "#1B1A17"
HEAD = 219.7  # minimum height of the upper part of a certificate, in points
#: Maximum widths of a line, in points: across the page, in the plate on top, beside the QR code.
LINE, PLATE, FOOT = 450.0, 175.0, 320.0

#: xhtml2pdf stores fonts and styles in module globals, and its log does not name the document.
render_lock = threading.Lock()


class Row(NamedTuple):
    """One commitment on the certificate."""

    commitment: Commitment
    taken_on: str | None


def certificate_rows(snapshot: Snapshot) -> list[Row]:
    """Return the commitments as the certificate prints them."""
    days = {number: long_date(day) for number, day in snapshot.taken.items()}
    return [Row(commitment, days.get(commitment.number)) for commitment in snapshot.commitments]


def certificate_values(snapshot: Snapshot) -> dict[str, Any]:
    """Return the values of templates/certificates/certificate.html, except the rows and the QR code."""
    preposition, _, commune = snapshot.at.partition(" ")
    names = set_name(snapshot.full_name, size=30.0, smallest=13.0, on_two_lines=18.0, width=LINE)
    return {
        "title": f"Certificat d’engagement n° {snapshot.number}",
        "snapshot": snapshot,
        "campaign": fit_line(snapshot.campaign, TITLE, 12.0, PLATE),
        "head": HEAD,
        "names": [_round_down(line) for line in names],
        "role": before_list(snapshot.role) if snapshot.list_name else snapshot.role,
        "list_name": _fit_words(snapshot.list_name) if snapshot.list_name else None,
        "preposition": preposition,
        "commune": _fit_words(commune),
        "count": commitments_of(snapshot.count, len(snapshot.commitments)),
        "issued_on": long_date(snapshot.issued_on),
        "url": fit_line(snapshot.url, BOLD, 10.0, FOOT),
    }


@cache
def draw_charter(charter: Charter, url: str) -> bytes:
    """Return the blank charter on one A4 page; ``url`` is the site's. Raises: CertificateError."""
    pdf = draw_pdf(
        "certificates/charter.html",
        campaign=fit_line(charter.campaign.name, TITLE, 12.0, PLATE),
        charter=charter,
        url=fit_line(url, BOLD, 10.0, FOOT),
        qr=qr_code(url).svg_data_uri(border=0, dark=INK),
    )
    return add_form_fields(pdf, FONT_FILES[REGULAR])


def fit_line(text: str, font: str, size: float, width: float) -> Line:
    """Return a text of ours on one line, at most ``size`` high and ``width`` wide, in tenths of a point.

    A character that no font has stays in it, so that the error of `draw_pdf` names it.
    """
    return _round_down(replace(set_line(text, font, size=size, width=width), text=text))


def _fit_words(text: str) -> Line:
    """Return a text that wraps between words, small enough for its longest word and for two lines."""
    whole = set_line(text, BOLD, size=12.0, width=1.6 * LINE)
    sizes = [set_line(word, whole.font, size=whole.size, width=LINE).size for word in whole.text.split()]
    return _round_down(replace(whole, size=min(sizes, default=whole.size)))


def _round_down(line: Line) -> Line:
    return replace(line, size=int(10 * line.size) / 10)


def qr_code(url: str) -> segno.QRCode:
    """Return the QR code of a URL. Readers accept any mask; trying all eight doubles the drawing time."""
    return segno.make_qr(url, error="m", mask=3)


def replace_narrow_spaces(html: str) -> str:
    """Replace narrow no-break spaces: Atkinson lacks them, and xhtml2pdf breaks lines there."""
    return html.replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")


def draw_pdf(template: str, **values: object) -> bytes:
    """Return a template as a PDF of one page, with local files only. Raises: CertificateError."""
    html = replace_narrow_spaces(render_template(template, **values))
    page = BytesIO()
    with render_lock, raise_on_warnings(template):
        result = pisa.CreatePDF(html, dest=page, path=DOCUMENT, encoding="utf-8", resource_policy=POLICY)
    if result.err:
        raise CertificateError(f"{template}: xhtml2pdf failed")
    if (pages := len(PdfReader(page).pages)) != 1:
        raise CertificateError(f"{template}: takes {pages} pages instead of one")
    return page.getvalue()


@contextmanager
def raise_on_warnings(template: str) -> Iterator[None]:
    """Raise CertificateError if xhtml2pdf logs a warning: it leaves out a picture, a glyph or a frame."""
    handler = BufferingHandler(capacity=1_000_000)
    handler.setLevel(logging.WARNING)
    logger = logging.getLogger("xhtml2pdf")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    if handler.buffer:
        warnings = [record.getMessage().partition("\n")[0] for record in handler.buffer]
        raise CertificateError(f"{template}: {'; '.join(warnings)}")
