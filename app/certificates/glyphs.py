"""Which characters the fonts of the certificate can print. Imports nothing heavy: forms use it."""

from functools import cache
from pathlib import Path

COVERAGE = Path(__file__).parent / "assets" / "fonts" / "coverage.txt"


def missing_characters(text: str) -> list[str]:
    """Return the characters that no font can print, each once, in their order."""
    printable = _printable()
    return [c for c in dict.fromkeys(text) if ord(c) not in printable]


@cache
def _printable() -> frozenset[int]:
    points: set[int] = set()
    for line in COVERAGE.read_text(encoding="ascii").split():
        first, _, last = line.partition("-")
        points.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(points)
