"""The badge: an SVG that other sites show, so its letters are outlines and it asks for no other file."""

import re
from functools import cache
from pathlib import Path

from flask import render_template
from markupsafe import Markup

from app.content.charter import Commitment
from app.sharing.card import Card
from app.sharing.fonts import BOLD, TITLE, Line, outlines, printable, scale, set_line, set_name

IMAGES = Path(__file__).parents[1] / "certificates" / "assets" / "img"

WIDTH, HEIGHT = 360, 146
#: How wide a line may be beside the rings, and on the ground.
BESIDE, GROUND = 284, 332


def badge(card: Card) -> str:
    """Draw the badge of a public signature."""
    return _draw(card.full_name, f"a signé {card.count}", card.site, card.commitments, card.taken)


def empty_badge(site: str, commitments: tuple[Commitment, ...]) -> str:
    """Draw the badge of nobody."""
    return _draw("Aucune signature", "n’est publiée à cette adresse", site, commitments, frozenset())


def _draw(name: str, said: str, site: str, commitments: tuple[Commitment, ...], taken: frozenset[int]) -> str:
    return render_template(
        "sharing/badge.svg",
        title=f"{printable(name, TITLE)[0]} {said}",
        description="\N{NARROW NO-BREAK SPACE}; ".join(c.label for c in commitments if c.number in taken),
        names=[
            (line, outlines(line), scale(line)) for line in set_name(name, size=24, smallest=15, width=BESIDE)
        ],
        said=_set(said, BOLD, 16.5, BESIDE),
        site=_set(site, TITLE, 12.5, GROUND),
        panels=[_panel(c.number, taken=c.number in taken) for c in commitments],
        rings=_shapes("rings"),
        width=WIDTH,
        height=HEIGHT,
    )


def _set(text: str, face: str, size: float, width: float) -> tuple[Line, list[tuple[int, str]], float]:
    line = set_line(text, face, size=size, width=width)
    return line, outlines(line), scale(line)


def _panel(number: int, *, taken: bool) -> Markup:
    return _shapes(f"panel-{number}{'' if taken else '-bare'}")


@cache
def _shapes(name: str) -> Markup:
    """Return what a picture of ours draws, without its outermost element."""
    drawn = (IMAGES / f"{name}.svg").read_text(encoding="utf-8")
    return Markup(re.sub(r"^<svg[^>]*>|</svg>\s*$", "", drawn))  # noqa: S704  # nosec B704  # a file of ours
