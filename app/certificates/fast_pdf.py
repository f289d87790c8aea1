"""The certificate as a PDF, made of cached fragments: the page of xhtml2pdf in a fraction of its time.

xhtml2pdf lays out each block of templates/certificates/certificate.html as one fragment. From one certificate
to the next, two things are cached:

* the style sheet, parsed once, with its fonts;
* the PDF operators of the fragments that recur: the sheet, the heading, a panel, a commitment taken on one
  day or not taken. The cache key is their HTML, so that no certificate prints the words of another one.
  Fragments with personal data are never cached.

This depends on internals of xhtml2pdf and reportlab: pyproject.toml pins their exact versions, and the tests
compare its pages with those of a plain call of xhtml2pdf.
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
from segno.utils import matrix_to_lines  # type: ignore[attr-defined] # missing in the types of segno
from xhtml2pdf.config.resources import use_policy
from xhtml2pdf.context import pisaContext
from xhtml2pdf.document import pisaStory
from xhtml2pdf.files import cleanFiles
from xhtml2pdf.util import reset_caches
from xhtml2pdf.xhtml2pdf_reportlab import PRODUCER

from app.certificates import pdf
from app.certificates.exceptions import CertificateError
from app.certificates.snapshot import Snapshot

TEMPLATE = "certificates/certificate.html"
CODE = 25 * mm  # the side of the QR code
Page: TypeAlias = Any  # reportlab's Canvas, whose types lack the internals used here
#: The largest number of cached fragments, of some 4 kB each: ten commitments on a hundred different days.
CACHE_SIZE = 1024


class Fragment(NamedTuple):
    """What one block of the template prints at the top of its frame."""

    operators: str  # of PDF
    height: float  # in points


def draw_certificate(snapshot: Snapshot) -> bytes:
    """Return the certificate on one A4 page. Raises: CertificateError."""
    values = pdf.certificate_values(snapshot)
    rows = pdf.certificate_rows(snapshot)
    with pdf.render_lock:
        try:
            renderer = _renderer(_block("style", values))
            # Cached fragments come before the page: they decide how each page numbers its characters.
            sheet = renderer.cached("sheet", _block("sheet", values))
            plate = renderer.cached("plate", _block("plate", values))
            heading = renderer.cached("body", _block("heading", values))
            single = [[row if row is one else None for row in rows] for one in rows]
            panels = [renderer.cached("body", _block("panels", {"rows": row})) for row in single]
            commitments = [renderer.cached("body", _block("commitment", {"row": row})) for row in rows]

            page = renderer.new_page()
            page.setTitle(values["title"])
            page.setAuthor(snapshot.organisation)
            page.setSubject(snapshot.title)
            who = renderer.draw(page, "body", _block("who", values))
            foot = renderer.draw(page, "foot", _block("foot", values))

            for fragment in (sheet, plate, foot, _draw_code(snapshot.url, renderer.frames["code"])):
                _place(page, fragment)
            used = max(pdf.HEAD, heading.height + who.height)
            top = (used - heading.height - who.height) / 2
            _place(page, heading, top)
            _place(page, who, top + heading.height)
            for panel in panels:
                _place(page, panel, used)
            used += panels[0].height
            for commitment in commitments:
                _place(page, commitment, used)
                used += commitment.height
            if used > renderer.frames["body"].height:
                raise CertificateError(f"{TEMPLATE}: takes more than one page")
            content: bytes = page.getpdfdata()
            return content
        finally:
            cleanFiles()
            reset_caches()


def _block(name: str, values: dict[str, Any]) -> str:
    """Render one block of the template."""
    template = current_app.jinja_env.get_template(TEMPLATE)
    return pdf.replace_narrow_spaces("".join(template.blocks[name](template.new_context(values))))


def _place(page: Page, fragment: Fragment, down: float = 0) -> None:
    """Put a fragment on the page, ``down`` points below the top of its frame."""
    page.addLiteral(f"q 1 0 0 1 0 {-down:.4f} cm\n{fragment.operators}\nQ")


def _draw_code(url: str, frame: Any) -> Fragment:
    """Return the QR code, in the top left corner of a frame, with the lines that segno writes into an SVG."""
    red, green, blue = HexColor(pdf.INK).rgb()
    matrix = pdf.qr_code(url).matrix
    module = CODE / len(matrix)
    lines = "\n".join(f"{x1} {y1} m {x2} {y2} l" for (x1, y1), (x2, y2) in matrix_to_lines(matrix, 0, 0.5))
    place = f"{module:.6f} 0 0 {-module:.6f} {frame.x1:.4f} {frame.y1 + frame.height:.4f} cm"
    return Fragment(f"{place}\n1 w {red:.6f} {green:.6f} {blue:.6f} RG\n{lines} S", CODE)


class _StyledContext(pisaContext):  # type: ignore[misc] # xhtml2pdf has no types
    """An xhtml2pdf document that reuses the parsed style sheet of another one."""

    def __init__(self, styled: pisaContext) -> None:
        super().__init__(pdf.DOCUMENT)
        self.css, self.cssCascade, self.cssParser = styled.css, styled.cssCascade, styled.cssParser
        self.cssAttributeNames, self.cssCustomNames = styled.cssAttributeNames, styled.cssCustomNames
        self.cssPositionalTags, self.fontList = styled.cssPositionalTags, styled.fontList

    def parseCSS(self) -> None:
        """Do nothing: the style sheet is parsed already."""


class Renderer:
    """One style sheet with its frames and fonts, and the cache of its fragments."""

    def __init__(self, style: str) -> None:
        self.styled = pisaContext(pdf.DOCUMENT)
        with pdf.raise_on_warnings(TEMPLATE):
            pisaStory(style, context=self.styled, encoding="utf-8", resource_policy=pdf.POLICY)
        template = self.styled.templateList["body"]
        self.frames = {frame.id: frame for frame in (*template.frames, *template.pisaStaticList)}
        #: The characters of all cached fragments, by font, in the order of their first use.
        self.alphabets: dict[str, str] = {}
        self.cached = lru_cache(CACHE_SIZE)(self._draw_alone)

    def new_page(self) -> Page:
        """Return an empty page whose fonts number the characters of the cached fragments first.

        A font numbers its characters in the order in which a document uses them. With the same numbers on all
        pages, the operators of a cached fragment mean the same on all pages.
        """
        page: Page = Canvas(BytesIO(), pagesize=A4, lang="fr")
        page.setProducer(PRODUCER)
        for name, alphabet in self.alphabets.items():
            font: Any = getFont(name)
            for subset, _ in font.splitString(alphabet, page._doc):
                font.getSubsetInternalName(subset, page._doc)
        return page

    def draw(self, page: Page, frame: str, html: str) -> Fragment:
        """Return a fragment drawn with the fonts of a page. Raises: CertificateError."""
        context = _StyledContext(self.styled)
        space = copy(self.frames[frame])
        before = len(page._code)
        with pdf.raise_on_warnings(TEMPLATE), use_policy(pdf.POLICY):
            pisaStory(html, context=context, default_css="", encoding="utf-8", resource_policy=pdf.POLICY)
            space.addFromList(context.story, page)
        if context.story:
            raise CertificateError(f"{TEMPLATE}: more than the frame {frame} has room for")
        operators = page._code[before:]
        del page._code[before:]
        return Fragment("\n".join(operators), space.y1 + space.height - space._y)

    def _draw_alone(self, frame: str, html: str) -> Fragment:
        """Return a fragment drawn on a page of its own, to be cached."""
        page = self.new_page()
        fragment = self.draw(page, frame, html)
        for font in page._doc.delayedFonts:
            self.alphabets[font.fontName] = "".join(map(chr, font.state[page._doc].assignments))
        return fragment


_renderer = cache(Renderer)
