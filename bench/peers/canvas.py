"""reportlab's canvas by hand, the least that Python can do: fonts read once, pictures kept as operators."""

from functools import cache
from io import BytesIO
from typing import Any

from reportlab import rl_config
from reportlab.graphics import renderPDF
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from segno.utils import matrix_to_lines
from svglib.svglib import svg2rlg

from bench.peers import ASSETS, FONTS, layout, qr_code

# As in the application.
rl_config.ttfAsciiReadable = 0
rl_config.useA85 = 0

for name, file in FONTS.items():
    pdfmetrics.registerFont(TTFont(name, ASSETS / "fonts" / file))

color_of = cache(HexColor)
width_of = pdfmetrics.stringWidth


@cache
def operators(name: str) -> tuple[str, float, float]:
    """Return what draws a picture, and its size."""
    drawing = svg2rlg(str(ASSETS / "img" / f"{name}.svg"))
    canvas = Canvas(BytesIO())
    renderPDF.draw(drawing, canvas, 0, 0)
    return "\n".join(canvas._code), drawing.width, drawing.height


class Pen:
    """Draws on a canvas, whose origin is at the bottom."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas

    def width(self, font: str, size: float, text: str) -> float:
        """Measure a text."""
        return width_of(text, font, size)

    def text(self, x: float, y: float, font: str, size: float, color: str, text: str) -> None:
        """Write on a baseline."""
        self.canvas.setFont(font, size)
        self.canvas.setFillColor(color_of(color))
        self.canvas.drawString(x, A4[1] - y, text)

    def box(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Fill a rectangle."""
        self.canvas.setFillColor(color_of(color))
        self.canvas.rect(x, A4[1] - y - height, width, height, stroke=0, fill=1)

    def rule(self, x: float, y: float, length: float, thickness: float, color: str) -> None:
        """Draw a horizontal line."""
        self.canvas.setLineWidth(thickness)
        self.canvas.setStrokeColor(color_of(color))
        self.canvas.line(x, A4[1] - y, x + length, A4[1] - y)

    def picture(self, name: str, x: float, y: float, width: float, height: float) -> None:
        """Draw one of our pictures."""
        code, own_width, own_height = operators(name)
        scale = f"{width / own_width:.5f} 0 0 {height / own_height:.5f} {x:.3f} {A4[1] - y - height:.3f}"
        self.canvas.addLiteral(f"q {scale} cm\n{code}\nQ")

    def code(self, url: str, x: float, y: float, side: float) -> None:
        """Draw a QR code."""
        matrix = qr_code(url).matrix
        module = side / len(matrix)
        lines = "\n".join(f"{a} {b} m {c} {d} l" for (a, b), (c, d) in matrix_to_lines(matrix, 0, 0.5))
        self.canvas.setStrokeColor(color_of(layout.INK))
        self.canvas.addLiteral(
            f"q {module:.5f} 0 0 {-module:.5f} {x:.3f} {A4[1] - y:.3f} cm 1 w\n{lines} S Q"
        )

    def link(self, x: float, y: float, width: float, height: float, url: str) -> None:
        """Make a place lead somewhere."""
        self.canvas.linkURL(url, (x, A4[1] - y - height, x + width, A4[1] - y))


def draw(content: dict[str, Any]) -> bytes:
    """Draw the certificate."""
    canvas = Canvas(BytesIO(), pagesize=A4, lang="fr")
    canvas.setTitle(content["title"])
    canvas.setAuthor(content["organisation"])
    canvas.setSubject(content["charter"])
    layout.draw_page(Pen(canvas), content)
    return canvas.getpdfdata()
