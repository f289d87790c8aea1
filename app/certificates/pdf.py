"""The two documents on paper: the certificate of a signature, and the blank charter."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import segno
from flask import render_template
from pypdf import PdfReader
from reportlab import rl_config
from reportlab.pdfbase.ttfonts import TTFont
from xhtml2pdf import pisa
from xhtml2pdf.config.resources import ResourceAccessPolicy

from app.certificates.exceptions import CertificateError
from app.certificates.fillable import fillable
from app.certificates.glyphs import missing_characters
from app.certificates.snapshot import Snapshot
from app.content.charter import Charter, Commitment
from app.french import before_list, commitments_of, long_date

# Fonts without the characters that no word uses, and streams in bytes rather than letters.
rl_config.ttfAsciiReadable = 0
rl_config.useA85 = 0

ASSETS = Path(__file__).parent / "assets"
#: Names no file: what the relative addresses of a document start from.
DOCUMENT = str(ASSETS / "document.html")
POLICY = ResourceAccessPolicy.server(base_dir=ASSETS, allow_remote=False)

INK = "#1B1A17"
HEAD = 219.7  # how high the upper part of a certificate is at least, in points
#: How wide a line may be, in points: across the page, in the plate on top, beside the QR code.
LINE, PLATE, FOOT = 450.0, 175.0, 320.0
NAME_SIZE, SMALLEST_ON_ONE_LINE, NAME_SIZE_ON_TWO_LINES = 30.0, 13.0, 18.0

#: xhtml2pdf keeps fonts and styles in module globals, and what it logs must be heard by the one
#: document that it is about: one drawing at a time.
rendering = threading.Lock()


@dataclass(frozen=True)
class Line:
    """One text as it is printed."""

    text: str
    font: str  # a family of templates/certificates/_style.css
    size: float  # in points


@dataclass(frozen=True)
class Row:
    """One line of the certificate."""

    commitment: Commitment
    taken_on: str | None


def plain_certificate_pdf(snapshot: Snapshot) -> bytes:
    """Draw the certificate as xhtml2pdf is meant to be called: what `fast` is held against."""
    return draw(
        "certificates/certificate.html",
        qr=qr_code(snapshot.url).svg_data_uri(border=0, dark=INK),
        rows=certificate_rows(snapshot),
        **certificate_values(snapshot),
    )


def certificate_rows(snapshot: Snapshot) -> list[Row]:
    """Return what is printed of each commitment."""
    return [
        Row(c, long_date(snapshot.taken[c.number]) if c.number in snapshot.taken else None)
        for c in snapshot.commitments
    ]


def certificate_values(snapshot: Snapshot) -> dict[str, Any]:
    """Return what else templates/certificates/certificate.html needs, but for the QR code."""
    preposition, _, commune = snapshot.at.partition(" ")
    return {
        "title": f"Certificat d’engagement n° {snapshot.number}",
        "snapshot": snapshot,
        "campaign": one_line(snapshot.campaign, "Titre", 12.0, PLATE),
        "head": HEAD,
        "names": name_lines(snapshot.full_name),
        "role": before_list(snapshot.role) if snapshot.list_name else snapshot.role,
        "list_name": _words(snapshot.list_name) if snapshot.list_name else None,
        "preposition": preposition,
        "commune": _words(commune),
        "count": commitments_of(snapshot.count, len(snapshot.commitments)),
        "issued_on": long_date(snapshot.issued_on),
        "url": one_line(snapshot.url, "Texte", 10.0, FOOT),
    }


def charter_pdf(charter: Charter, url: str) -> bytes:
    """Draw the blank charter on one A4 page; ``url`` is the site's. Raises: CertificateError."""
    drawn = draw(
        "certificates/charter.html",
        campaign=one_line(charter.campaign.name, "Titre", 12.0, PLATE),
        charter=charter,
        url=one_line(url, "Texte", 10.0, FOOT),
        qr=qr_code(url).svg_data_uri(border=0, dark=INK),
    )
    return fillable(drawn, ASSETS / "fonts" / "AtkinsonHyperlegibleNext-Regular.ttf")


def name_lines(name: str) -> list[Line]:
    """Set a name on one line, as large as it holds, or on two where it would be too small."""
    name, font = _printable(name, "Titre")
    size = _fit(name, font, NAME_SIZE)
    if size >= SMALLEST_ON_ONE_LINE:
        return [Line(name, font, size)]
    halves = _halve(name)
    size = min(_fit(half, font, NAME_SIZE_ON_TWO_LINES) for half in halves)
    return [Line(half, font, size) for half in halves]


def _words(text: str) -> Line:
    """Set a text that wraps between words, small enough for its longest word and for two lines."""
    text, font = _printable(text, "Texte")
    whole = _fit(text, font, 12.0, 1.6 * LINE)
    return Line(text, font, min((_fit(word, font, whole) for word in text.split()), default=whole))


def one_line(text: str, font: str, largest: float, width: float) -> Line:
    """Set a text of ours on one line."""
    return Line(text, font, _fit(text, font, largest, width))


def _printable(text: str, font: str) -> tuple[str, str]:
    """Return the text without what no face has, and the family that has all of it.

    One face draws the whole text: a name half in one and half in another looks broken.
    """
    for character in missing_characters(text):
        text = text.replace(character, "\N{REPLACEMENT CHARACTER}")
    glyphs = _face(font).face.charToGlyph
    return text, font if all(ord(c) in glyphs for c in text) else "Secours"


def _fit(text: str, font: str, largest: float, width: float = LINE) -> float:
    """Return the size, at most ``largest``, at which the text holds on one line."""
    natural = _face(font).stringWidth(text, 1)
    return min(largest, int(10 * width / natural) / 10) if natural else largest


def _halve(text: str) -> tuple[str, str]:
    """Cut at the space that is the nearest to the middle, or in the middle when there is none."""
    spaces = [i for i, c in enumerate(text) if c == " "]
    cut = min(spaces or [len(text) // 2], key=lambda i: abs(2 * i - len(text)))
    return text[:cut], text[cut:].lstrip()


def qr_code(url: str) -> segno.QRCode:
    """Make the code. Every mask is read; trying them all would take half the time of a certificate."""
    return segno.make_qr(url, error="m", mask=3)


@cache
def _face(font: str) -> TTFont:
    """Read a face, to measure with it."""
    files = {
        "Titre": "BricolageGrotesque-48pt-ExtraBold.ttf",
        "Texte": "AtkinsonHyperlegibleNext-Bold.ttf",
        "Secours": "NotoSans-Bold.ttf",
    }
    return TTFont(font, str(ASSETS / "fonts" / files[font]))


def unbroken(html: str) -> str:
    """Replace narrow no-break spaces: Atkinson lacks them, and xhtml2pdf breaks lines there."""
    return html.replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")


def draw(template: str, **values: object) -> bytes:
    """Render a template, then draw it with our own fonts and pictures only."""
    html = unbroken(render_template(template, **values))
    page = BytesIO()
    with rendering, hearing(template):
        result = pisa.CreatePDF(html, dest=page, path=DOCUMENT, encoding="utf-8", resource_policy=POLICY)
    if result.err:
        raise CertificateError(f"{template}: xhtml2pdf failed")
    if (pages := len(PdfReader(page).pages)) != 1:
        raise CertificateError(f"{template}: takes {pages} pages instead of one")
    return page.getvalue()


@contextmanager
def hearing(what: str) -> Iterator[None]:
    """Hear what xhtml2pdf only logs: a picture, a glyph or a frame left out. Raises: CertificateError."""
    complaints: list[str] = []
    handler = logging.Handler(logging.WARNING)
    # A class of its own would say no more than this one line. (mypy: a method is replaced.)
    handler.emit = lambda record: complaints.append(record.getMessage().partition("\n")[0])  # type: ignore[method-assign]
    logger = logging.getLogger("xhtml2pdf")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    if complaints:
        raise CertificateError(f"{what}: {'; '.join(complaints)}")
