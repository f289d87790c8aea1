"""The picture that social networks show beside a link: 1200 × 630 pixels, as they recommend."""

from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from app.certificates.fonts import BOLD, FONT_FILES, REGULAR, TITLE, Line, set_line, set_name
from app.sharing.card import Card

#: A row of panels pasted, a row of bare ones, the rings.
SPRITE = Path(__file__).parent / "assets" / "panels.png"
PANEL, RINGS = (92, 162), (72, 66)

SIZE = (1200, 630)
MARGIN, GROUND = 64, 614
PAPER, INK, GREEN, SOFT = "#F3F5F1", "#1B1A17", "#17684A", "#56605A"


@lru_cache(maxsize=64)  # pictures of some 30 kB: social networks ask for each several times
def draw_picture(card: Card) -> bytes:
    """Return the picture of a public signature, as PNG."""
    image = Image.new("RGB", SIZE, PAPER)
    drawing = ImageDraw.Draw(image)
    width = SIZE[0] - 2 * MARGIN
    _paste(image, (0, 2 * PANEL[1]), RINGS, (MARGIN, 44))
    _write(drawing, set_line(card.site, TITLE, size=32, width=width - 92), MARGIN + 92, 88, INK)

    names = set_name(card.full_name, size=92, smallest=58, on_two_lines=73.6, width=width)
    role = set_line(f"{card.role[:1].upper()}{card.role[1:]} {card.at}", REGULAR, size=34, width=width)
    count = set_line(f"a signé {card.count}", BOLD, size=44, width=width)
    # Each line, its colour, and its height as a multiple of its size.
    lines = [*((line, INK, 1.02) for line in names), (role, SOFT, 1.5), (count, GREEN, 1.5)]
    y = 284 - sum(line.size * height for line, _, height in lines) / 2  # centred between rings and panels
    for line, colour, height in lines:
        y += line.size * height
        _write(drawing, line, MARGIN, y - line.size * 0.2, colour)

    pitch = (width - PANEL[0]) / 9
    for index, commitment in enumerate(card.commitments):
        row = 0 if commitment.number in card.taken else PANEL[1]
        place = (MARGIN + round(index * pitch), GROUND - PANEL[1])
        _paste(image, ((commitment.number - 1) * PANEL[0], row), PANEL, place)
    drawing.rectangle((0, GROUND, *SIZE), fill=INK)
    # 256 colours are enough for flat areas, and a third of the weight.
    palette = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    file = BytesIO()
    palette.save(file, "PNG", optimize=True)
    return file.getvalue()


def _write(drawing: ImageDraw.ImageDraw, line: Line, x: float, baseline: float, colour: str) -> None:
    size = line.size
    font = ImageFont.truetype(FONT_FILES[line.font], size)
    while x + font.getlength(line.text) > SIZE[0] - MARGIN:  # small letters are widened to whole pixels
        size -= 0.5
        font = ImageFont.truetype(FONT_FILES[line.font], size)
    drawing.text((x, baseline), line.text, fill=colour, font=font, anchor="ls")


def _paste(image: Image.Image, start: tuple[int, int], size: tuple[int, int], place: tuple[int, int]) -> None:
    left, top = start
    part = _sprite().crop((left, top, left + size[0], top + size[1]))
    image.paste(part, place, part)


@cache
def _sprite() -> Image.Image:
    return Image.open(SPRITE).convert("RGBA")
