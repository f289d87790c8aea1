"""The two documents on paper: the certificate of a signature, and the blank charter."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import segno
from flask import render_template
from pypdf import PdfReader
from reportlab.pdfbase.ttfonts import TTFont
from xhtml2pdf import pisa
from xhtml2pdf.config.resources import ResourceAccessPolicy

from app.certificate.coverage import missing_characters
from app.certificate.form import fillable
from app.certificate.outcomes import CertificateError
from app.certificate.snapshot import Snapshot
from app.data.charter import Charter, Commitment
from app.french import before_list, commitments_of, long_date

ASSETS = Path(__file__).parent / "assets"

#: How wide a line may be, in points: across the page, in the plate on top, beside the QR code.
LINE, PLATE, FOOT = 450.0, 175.0, 320.0
NAME_SIZE, SMALLEST_ON_ONE_LINE, NAME_SIZE_ON_TWO_LINES = 30.0, 13.0, 18.0

#: xhtml2pdf keeps fonts and styles in module globals, and what it logs must be heard by the one
#: document that it is about: one drawing at a time.
_rendering = threading.Lock()


@dataclass(frozen=True)
class Line:
    """One text as it is printed."""

    text: str
    font: str  # a family of templates/pdf/_style.css
    size: float  # in points


@dataclass(frozen=True)
class Row:
    """One line of the certificate."""

    commitment: Commitment
    taken_on: str | None


def certificate_pdf(snapshot: Snapshot) -> bytes:
    """Draw the certificate on one A4 page. Raises: CertificateError."""
    preposition, _, commune = snapshot.at.partition(" ")
    return _draw(
        "pdf/certificate.html",
        snapshot.campaign,
        snapshot.url,
        snapshot=snapshot,
        names=name_lines(snapshot.full_name),
        role=before_list(snapshot.role) if snapshot.list_name else snapshot.role,
        list_name=_words(snapshot.list_name) if snapshot.list_name else None,
        preposition=preposition,
        commune=_words(commune),
        count=commitments_of(snapshot.count, len(snapshot.commitments)),
        rows=[
            Row(c, long_date(snapshot.taken[c.number]) if c.number in snapshot.taken else None)
            for c in snapshot.commitments
        ],
        issued_on=long_date(snapshot.issued_on),
    )


def charter_pdf(charter: Charter, url: str) -> bytes:
    """Draw the blank charter on one A4 page; ``url`` is the site's. Raises: CertificateError."""
    drawn = _draw("pdf/charter.html", charter.campaign.name, url, charter=charter)
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


def _line(text: str, font: str, largest: float, width: float) -> Line:
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


def _qr(url: str) -> str:
    """Draw the code as an SVG image in the document itself."""
    return segno.make_qr(url, error="m").svg_data_uri(border=0, dark="#1B1A17")


@cache
def _face(font: str) -> TTFont:
    """Read a face, to measure with it."""
    files = {
        "Titre": "BricolageGrotesque-48pt-ExtraBold.ttf",
        "Texte": "AtkinsonHyperlegibleNext-Bold.ttf",
        "Secours": "NotoSans-Bold.ttf",
    }
    return TTFont(font, str(ASSETS / "fonts" / files[font]))


def _draw(template: str, campaign: str, url: str, **values: object) -> bytes:
    """Render a template, then draw it with our own fonts and pictures only."""
    html = render_template(
        template,
        campaign=_line(campaign, "Titre", 12.0, PLATE),
        url=_line(url, "Texte", 10.0, FOOT),
        qr=_qr(url),
        **values,
    )
    # Atkinson lacks the narrow no-break space, and xhtml2pdf breaks lines there.
    html = html.replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")
    page = BytesIO()
    with _rendering, _complaints() as complaints:
        result = pisa.CreatePDF(
            html,
            dest=page,
            path=str(ASSETS / "document.html"),  # names no file: what relative addresses start from
            encoding="utf-8",
            resource_policy=ResourceAccessPolicy.server(base_dir=ASSETS, allow_remote=False),
        )
    if result.err or complaints:
        raise CertificateError(f"{template}: {'; '.join(complaints) or 'xhtml2pdf failed'}")
    if (pages := len(PdfReader(page).pages)) != 1:
        raise CertificateError(f"{template}: takes {pages} pages instead of one")
    return page.getvalue()


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what xhtml2pdf only logs: a picture, a glyph or a frame that it leaves out."""
    complaints: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: complaints.append(record.getMessage().partition("\n")[0])  # type: ignore[method-assign]
    logger = logging.getLogger("xhtml2pdf")
    logger.addHandler(handler)
    try:
        yield complaints
    finally:
        logger.removeHandler(handler)
