"""The faces of the site as shapes: what fits in a width, and the outlines of words."""

import threading
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont

from app.certificates.glyphs import missing_characters

FONTS = Path(__file__).parents[1] / "certificates" / "assets" / "fonts"
TITLE = "BricolageGrotesque-48pt-ExtraBold.ttf"
REGULAR = "AtkinsonHyperlegibleNext-Regular.ttf"
BOLD = "AtkinsonHyperlegibleNext-Bold.ttf"
#: Draws a whole text as soon as the face of the site lacks one of its characters.
FALLBACK = "NotoSans-Bold.ttf"

#: fontTools reads a glyph when it is first drawn, and half of it is no glyph for another thread.
_reading = threading.Lock()


@dataclass(frozen=True)
class Line:
    """One line of text, set."""

    text: str
    face: str  # a file in `FONTS`
    size: float


def set_line(text: str, face: str, *, size: float, width: float) -> Line:
    """Set a text on one line, at most ``size`` high and ``width`` wide."""
    text, face = printable(text, face)
    natural = _advance(text, face)
    return Line(text, face, min(size, width / natural) if natural else size)


def set_name(text: str, *, size: float, smallest: float, width: float) -> list[Line]:
    """Set a name on one line, or on two where it would be smaller than ``smallest``."""
    whole = set_line(text, TITLE, size=size, width=width)
    if whole.size >= smallest:
        return [whole]
    spaces = [i for i, c in enumerate(whole.text) if c == " "]
    cut = min(spaces or [len(whole.text) // 2], key=lambda i: abs(2 * i - len(whole.text)))
    halves = [whole.text[:cut], whole.text[cut:].lstrip()]
    size = min(size * 0.8, *(width / _advance(half, whole.face) for half in halves))
    return [Line(half, whole.face, size) for half in halves]


def outlines(line: Line) -> list[tuple[int, str]]:
    """Return each letter as an SVG path and where it stands, in units of the face, y upwards."""
    letters, x = [], 0
    for character in line.text:
        shape, advance = _glyph(line.face, character)
        if shape:
            letters.append((x, shape))
        x += advance
    return letters


def scale(line: Line) -> float:
    """Return what makes units of the face into units of the picture."""
    return float(line.size / _face(line.face)["head"].unitsPerEm)


def printable(text: str, face: str) -> tuple[str, str]:
    """Return the text without what no face has, and the face that has all of it."""
    for character in missing_characters(text):
        text = text.replace(character, "\N{REPLACEMENT CHARACTER}")
    characters = _face(face).getBestCmap()
    return text, face if all(ord(c) in characters for c in text) else FALLBACK


def _advance(text: str, face: str) -> float:
    """Return how wide a text is at size 1."""
    return float(sum(_glyph(face, c)[1] for c in text) / _face(face)["head"].unitsPerEm)


@lru_cache(maxsize=1000)
def _glyph(face: str, character: str) -> tuple[str, int]:
    """Return the outline and the advance of one character."""
    font = _face(face)
    name = font.getBestCmap()[ord(character)]
    with _reading:
        glyphs = font.getGlyphSet()
        pen = SVGPathPen(glyphs)
        glyphs[name].draw(pen)
    return pen.getCommands(), font["hmtx"][name][0]


@cache
def _face(face: str) -> TTFont:
    """Read a face, with every table that is asked for later: threads would share one file."""
    font = TTFont(BytesIO((FONTS / face).read_bytes()), lazy=True)
    for table in ("cmap", "glyf", "head", "hhea", "hmtx", "maxp"):
        font[table]
    return font
