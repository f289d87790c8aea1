"""The badge: an SVG for other sites. Letters are outlines, so that it loads no font and no other file."""

import re
import threading
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

from flask import render_template
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont
from markupsafe import Markup

from app.certificates.fonts import BOLD, FONT_FILES, TITLE, Line, choose_font, set_line, set_name
from app.content.charter import Commitment
from app.sharing.card import Card

IMAGES = Path(__file__).parents[1] / "certificates" / "assets" / "img"

WIDTH, HEIGHT = 360, 146
BESIDE, GROUND = 284, 332  # maximum widths of a line: beside the rings, at the bottom

#: fontTools parses a glyph when it is first drawn: a second thread would draw half of it.
_glyph_lock = threading.Lock()


@lru_cache(maxsize=64)  # badges of some 40 kB: browsers ask for each every five minutes
def draw_badge(card: Card) -> str:
    """Return the badge of a public signature, as SVG."""
    return _draw(card.full_name, f"a signé {card.count}", card.site, card.commitments, card.taken)


def draw_empty_badge(site: str, commitments: tuple[Commitment, ...]) -> str:
    """Return the badge for a signature that is not public, without any name, as SVG."""
    return _draw("Aucune signature", "n’est publiée à cette adresse", site, commitments, frozenset())


def _draw(name: str, said: str, site: str, commitments: tuple[Commitment, ...], taken: frozenset[int]) -> str:
    names = set_name(name, size=24, smallest=15, on_two_lines=19.2, width=BESIDE)
    return render_template(
        "sharing/badge.svg",
        title=f"{choose_font(name, TITLE)[0]} {said}",
        description="\N{NARROW NO-BREAK SPACE}; ".join(c.label for c in commitments if c.number in taken),
        names=[_outline(line) for line in names],
        said=_outline(set_line(said, BOLD, size=16.5, width=BESIDE)),
        site=_outline(set_line(site, TITLE, size=12.5, width=GROUND)),
        panels=[_shapes(f"panel-{c.number}{'' if c.number in taken else '-bare'}") for c in commitments],
        rings=_shapes("rings"),
        width=WIDTH,
        height=HEIGHT,
    )


def _outline(line: Line) -> tuple[Line, list[tuple[int, str]], float]:
    """Return a line, each letter as an SVG path with its place in units of the font, and their scale."""
    font = _font(line.font)
    letters, x = [], 0
    with _glyph_lock:
        glyphs = font.getGlyphSet()
        for character in line.text:
            name = font.getBestCmap()[ord(character)]
            pen = SVGPathPen(glyphs)
            glyphs[name].draw(pen)
            if path := pen.getCommands():
                letters.append((x, path))
            x += font["hmtx"][name][0]
    return line, letters, line.size / font["head"].unitsPerEm


@cache
def _font(font: str) -> TTFont:
    """Return a font with its tables parsed: threads must not seek in one file."""
    file = TTFont(BytesIO(FONT_FILES[font].read_bytes()), lazy=True)
    for table in ("cmap", "glyf", "head", "hmtx"):
        file[table]
    return file


@cache
def _shapes(name: str) -> Markup:
    """Return the content of an SVG file of ours, without its outermost element."""
    svg = (IMAGES / f"{name}.svg").read_text(encoding="utf-8")
    return Markup(re.sub(r"^<svg[^>]*>|</svg>\s*$", "", svg))  # noqa: S704  # nosec B704  # a file of ours
