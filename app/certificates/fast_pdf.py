"""The certificate drawn in pieces: the page of `pdf.plain_certificate_pdf`, in a fraction of its time.

Each block of templates/certificates/certificate.html is a piece, which xhtml2pdf lays out. From one
certificate to the next are kept:

* the style sheet, parsed once, with its fonts;
* what the pieces drew that come again: the sheet, the heading, a panel, a commitment taken on some day or not
  taken. They are found by their very HTML, so that none says what another one said. What is personal is never
  kept.

This leans on the inside of xhtml2pdf and reportlab: pyproject.toml names their exact versions, and the tests
hold its pages against the plain ones.
"""

from copy import copy
from functools import cache, lru_cache
from io import BytesIO
from typing import Any, NamedTuple, TypeAlias

from flask import current_app
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import getFont
from reportlab.pdfgen.canvas import Canvas
from segno.utils import matrix_to_lines  # type: ignore[attr-defined] # it is there, but not in the types
from xhtml2pdf.config.resources import use_policy
from xhtml2pdf.context import pisaContext
from xhtml2pdf.document import pisaStory
from xhtml2pdf.files import cleanFiles
from xhtml2pdf.util import reset_caches
from xhtml2pdf.xhtml2pdf_reportlab import PRODUCER

from app.certificates.exceptions import CertificateError
from app.certificates.pdf import (
    DOCUMENT,
    HEAD,
    INK,
    POLICY,
    certificate_rows,
    certificate_values,
    hearing,
    qr_code,
    rendering,
    unbroken,
)
from app.certificates.snapshot import Snapshot

TEMPLATE = "certificates/certificate.html"
CODE = 25 * mm  # the side of the QR code

#: Their types name nothing of the inside that is used here.
Page: TypeAlias = Any  # reportlab's Canvas
Frame: TypeAlias = Any  # xhtml2pdf's PmlFrame

#: How many pieces are kept, of some 4 kB each: ten commitments on a hundred different days.
KEPT = 1024


class Piece(NamedTuple):
    """What a block drew at the top of its frame."""

    operators: str  # of PDF
    height: float  # in points


def certificate_pdf(snapshot: Snapshot) -> bytes:
    """Draw the certificate on one A4 page. Raises: CertificateError."""
    values = certificate_values(snapshot)
    rows = certificate_rows(snapshot)
    with rendering:
        try:
            press = _press(_block("style", values))
            # What is kept comes before the page begins: it decides how a page numbers its characters.
            sheet = press.kept("sheet", _block("sheet", values))
            plate = press.kept("plate", _block("plate", values))
            heading = press.kept("body", _block("heading", values))
            panels = [
                press.kept("body", _block("panels", {"rows": [row if row is one else None for row in rows]}))
                for one in rows
            ]
            commitments = [press.kept("body", _block("commitment", {"row": row})) for row in rows]

            page = press.page()
            page.setTitle(values["title"])
            page.setAuthor(snapshot.organisation)
            page.setSubject(snapshot.title)
            who = press.drawn(page, "body", _block("who", values))
            foot = press.drawn(page, "foot", _block("foot", values))

            for piece in (sheet, plate, foot, _code(snapshot.url, press.frames["code"])):
                _place(page, piece)
            used = max(HEAD, heading.height + who.height)
            top = (used - heading.height - who.height) / 2
            _place(page, heading, top)
            _place(page, who, top + heading.height)
            for panel in panels:
                _place(page, panel, used)
            used += panels[0].height
            for commitment in commitments:
                _place(page, commitment, used)
                used += commitment.height
            if used > press.frames["body"].height:
                raise CertificateError(f"{TEMPLATE}: takes more than one page")
            pdf: bytes = page.getpdfdata()
            return pdf
        finally:
            cleanFiles()
            reset_caches()


def _block(name: str, values: dict[str, Any]) -> str:
    """Render one block of the template."""
    template = current_app.jinja_env.get_template(TEMPLATE)
    return unbroken("".join(template.blocks[name](template.new_context(values))))


def _place(page: Page, piece: Piece, down: float = 0) -> None:
    """Put a piece on the page, so many points below the top of its frame."""
    page.addLiteral(f"q 1 0 0 1 0 {-down:.4f} cm\n{piece.operators}\nQ")


def _code(url: str, frame: Frame) -> Piece:
    """Draw the QR code in the top left corner of a frame: the lines that segno writes into an SVG."""
    red, green, blue = HexColor(INK).rgb()
    matrix = qr_code(url).matrix
    module = CODE / len(matrix)
    lines = "\n".join(f"{x1} {y1} m {x2} {y2} l" for (x1, y1), (x2, y2) in matrix_to_lines(matrix, 0, 0.5))
    place = f"{module:.6f} 0 0 {-module:.6f} {frame.x1:.4f} {frame.y1 + frame.height:.4f} cm"
    return Piece(f"{place}\n1 w {red:.6f} {green:.6f} {blue:.6f} RG\n{lines} S", CODE)


class _Context(pisaContext):  # type: ignore[misc] # xhtml2pdf has no types
    """A document whose style sheet was parsed already, in another one."""

    def __init__(self, styled: pisaContext) -> None:
        super().__init__(DOCUMENT)
        for name in (
            "css",
            "cssAttributeNames",
            "cssCascade",
            "cssCustomNames",
            "cssParser",
            "cssPositionalTags",
            "fontList",
        ):
            setattr(self, name, getattr(styled, name))

    def parseCSS(self) -> None:
        """Keep what is there."""


class Press:
    """A style sheet with its frames and fonts, and the pieces that are kept."""

    def __init__(self, style: str) -> None:
        self.styled = pisaContext(DOCUMENT)
        with hearing(TEMPLATE):
            pisaStory(style, context=self.styled, encoding="utf-8", resource_policy=POLICY)
        template = self.styled.templateList["body"]
        self.frames = {frame.id: frame for frame in (*template.frames, *template.pisaStaticList)}
        #: The characters of all pieces kept so far, per font, in the order they came.
        self.alphabets: dict[str, str] = {}
        self.kept = lru_cache(KEPT)(self._kept)

    def page(self) -> Page:
        """Begin a page.

        A font numbers its characters in the order that a document uses them. Every page begins with those of
        the kept pieces, whose operators then mean the same on all pages.
        """
        page: Page = Canvas(BytesIO(), pagesize=A4, lang="fr")
        page.setProducer(PRODUCER)
        for name, alphabet in self.alphabets.items():
            font: Any = getFont(name)
            for subset, _ in font.splitString(alphabet, page._doc):
                font.getSubsetInternalName(subset, page._doc)
        return page

    def drawn(self, page: Page, frame: str, html: str) -> Piece:
        """Draw a piece with the fonts of a page, where it may then be placed. Raises: CertificateError."""
        context = _Context(self.styled)
        space = copy(self.frames[frame])
        before = len(page._code)
        with hearing(TEMPLATE), use_policy(POLICY):
            pisaStory(html, context=context, default_css="", encoding="utf-8", resource_policy=POLICY)
            space.addFromList(context.story, page)
        if context.story:
            raise CertificateError(f"{TEMPLATE}: more than the frame {frame} holds")
        operators = page._code[before:]
        del page._code[before:]
        return Piece("\n".join(operators), space.y1 + space.height - space._y)

    def _kept(self, frame: str, html: str) -> Piece:
        """Draw a piece on a page of its own, to be kept."""
        page = self.page()
        piece = self.drawn(page, frame, html)
        for font in page._doc.delayedFonts:
            self.alphabets[font.fontName] = "".join(map(chr, font.state[page._doc].assignments))
        return piece


_press = cache(Press)
