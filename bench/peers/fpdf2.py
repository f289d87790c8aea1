"""fpdf2: fonts belong to one document and are read for each; pictures are parsed once."""

from functools import cache
from typing import Any

from fpdf import FPDF
from fpdf.image_datastructures import VectorImageInfo
from fpdf.svg import SVGObject
from segno.utils import matrix_to_lines

from bench.peers import ASSETS, FONTS, layout, qr_code


@cache
def parsed(name: str) -> SVGObject:
    """Read a picture."""
    return SVGObject.from_file(ASSETS / "img" / f"{name}.svg")


@cache
def rgb(color: str) -> tuple[int, int, int]:
    """Read a colour."""
    return tuple(bytes.fromhex(color[1:]))


class Pen:
    """Draws with fpdf2."""

    def __init__(self, pdf: FPDF) -> None:
        self.pdf = pdf

    def width(self, font: str, size: float, text: str) -> float:
        """Measure a text."""
        self.pdf.set_font(font, size=size)
        return self.pdf.get_string_width(text)

    def text(self, x: float, y: float, font: str, size: float, color: str, text: str) -> None:
        """Write on a baseline."""
        self.pdf.set_font(font, size=size)
        self.pdf.set_text_color(*rgb(color))
        self.pdf.text(x, y, text)

    def box(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Fill a rectangle."""
        self.pdf.set_fill_color(*rgb(color))
        self.pdf.rect(x, y, width, height, style="F")

    def rule(self, x: float, y: float, length: float, thickness: float, color: str) -> None:
        """Draw a horizontal line."""
        self.pdf.set_line_width(thickness)
        self.pdf.set_draw_color(*rgb(color))
        self.pdf.line(x, y, x + length, y)

    def picture(self, name: str, x: float, y: float, width: float, height: float) -> None:
        """Draw one of our pictures, as `FPDF.image` does once it has parsed the file."""
        self.pdf._vector_image(name, parsed(name), VectorImageInfo(), x, y, width, height)

    def code(self, url: str, x: float, y: float, side: float) -> None:
        """Draw a QR code."""
        matrix = qr_code(url).matrix
        module = side / len(matrix)
        self.pdf.set_fill_color(*rgb(layout.INK))
        for (left, line), (right, _) in matrix_to_lines(matrix, 0, 0):
            self.pdf.rect(x + left * module, y + line * module, (right - left) * module, module, style="F")

    def link(self, x: float, y: float, width: float, height: float, url: str) -> None:
        """Make a place lead somewhere."""
        self.pdf.link(x, y, width, height, url)


def draw(content: dict[str, Any]) -> bytes:
    """Draw the certificate."""
    pdf = FPDF(unit="pt", format="A4")
    pdf.set_auto_page_break(False)
    for name, file in FONTS.items():
        if name != "Secours" or "Secours" in str(content):
            pdf.add_font(name, fname=ASSETS / "fonts" / file)
    pdf.set_lang("fr")
    pdf.set_title(content["title"])
    pdf.set_author(content["organisation"])
    pdf.set_subject(content["charter"])
    pdf.add_page()
    layout.draw_page(Pen(pdf), content)
    return bytes(pdf.output())
