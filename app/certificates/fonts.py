"""The fonts of certificates and posters, badges and pictures: which one prints a text, and at what size."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont

from app.certificates.glyphs import missing_characters

#: The font families of templates/certificates/_style.css. Pictures also use the regular face of "Texte".
TITLE, BOLD, FALLBACK, REGULAR = "Titre", "Texte", "Secours", "Texte-Regular"
_FOLDER = Path(__file__).parent / "assets" / "fonts"
FONT_FILES = {
    TITLE: _FOLDER / "BricolageGrotesque-48pt-ExtraBold.ttf",
    BOLD: _FOLDER / "AtkinsonHyperlegibleNext-Bold.ttf",
    REGULAR: _FOLDER / "AtkinsonHyperlegibleNext-Regular.ttf",
    FALLBACK: _FOLDER / "NotoSans-Bold.ttf",
}


@dataclass(frozen=True)
class Line:
    """One line of text with its font and its size, in points or pixels."""

    text: str
    font: str  # a key of `FONT_FILES`
    size: float


def set_line(text: str, font: str, *, size: float, width: float) -> Line:
    """Return a text on one line, at most ``size`` high and ``width`` wide, in one unit."""
    text, font = choose_font(text, font)
    natural = sum(_widths(font)[ord(c)] for c in text)
    return Line(text, font, min(size, width / natural) if natural else size)


def set_name(name: str, *, size: float, smallest: float, on_two_lines: float, width: float) -> list[Line]:
    """Return a name on one line, or on two lines of equal size where it would be smaller than ``smallest``.

    ``on_two_lines`` is the largest size of two lines. The cut is the space nearest to the middle.
    """
    whole = set_line(name, TITLE, size=size, width=width)
    if whole.size >= smallest:
        return [whole]
    text = whole.text
    spaces = [i for i, c in enumerate(text) if c == " "]
    cut = min(spaces or [len(text) // 2], key=lambda i: abs(2 * i - len(text)))
    halves = text[:cut], text[cut:].lstrip()
    lines = [set_line(half, whole.font, size=on_two_lines, width=width) for half in halves]
    return [replace(line, size=min(line.size for line in lines)) for line in lines]


def choose_font(text: str, font: str) -> tuple[str, str]:
    """Return the text without the characters that no font has, and one font that has all the others.

    One font prints the whole text: a name in two fonts looks broken.
    """
    for character in missing_characters(text):
        text = text.replace(character, "\N{REPLACEMENT CHARACTER}")
    return text, font if all(ord(c) in _widths(font) for c in text) else FALLBACK


@cache
def _widths(font: str) -> dict[int, float]:
    """Return the advance width of each character of a font, at size 1."""
    with TTFont(FONT_FILES[font]) as file:
        widths, em = file["hmtx"], file["head"].unitsPerEm
        return {point: widths[name][0] / em for point, name in file.getBestCmap().items()}
