"""The picture that social networks show beside a link: 1200 × 630, as they ask for."""

from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from app.sharing.card import Card
from app.sharing.fonts import BOLD, FONTS, REGULAR, TITLE, Line, set_line, set_name

SPRITE = Path(__file__).parent / "assets" / "panels.png"
#: What is in it: a row of panels pasted, a row of bare ones, the rings.
PANEL, RINGS = (92, 162), (72, 66)

SIZE = (1200, 630)
MARGIN, GROUND = 64, 614
PAPER, INK, GREEN, SOFT = "#F3F5F1", "#1B1A17", "#17684A", "#56605A"


def picture(card: Card) -> bytes:
    """Draw the picture of a public signature."""
    image = Image.new("RGB", SIZE, PAPER)
    drawing = ImageDraw.Draw(image)
    width = SIZE[0] - 2 * MARGIN
    _paste(image, (0, 2 * PANEL[1]), RINGS, (MARGIN, 44))
    _write(drawing, set_line(card.site, TITLE, size=32, width=width - 92), MARGIN + 92, 88, INK)

    names = set_name(card.full_name, size=92, smallest=58, width=width)
    lines = [
        *((line, INK, 1.02) for line in names),
        (
            set_line(f"{card.role[:1].upper()}{card.role[1:]} {card.at}", REGULAR, size=34, width=width),
            SOFT,
            1.5,
        ),
        (set_line(f"a signé {card.count}", BOLD, size=44, width=width), GREEN, 1.5),
    ]
    # In the middle of what is left between the rings and the panels.
    y = 284 - sum(line.size * height for line, _, height in lines) / 2
    for line, colour, height in lines:
        y += line.size * height
        _write(drawing, line, MARGIN, y - line.size * 0.2, colour)

    pitch = (width - PANEL[0]) / 9
    for index, commitment in enumerate(card.commitments):
        row = 0 if commitment.number in card.taken else PANEL[1]
        place = (MARGIN + round(index * pitch), GROUND - PANEL[1])
        _paste(image, ((commitment.number - 1) * PANEL[0], row), PANEL, place)
    drawing.rectangle((0, GROUND, *SIZE), fill=INK)
    # 256 colours are enough for flat ones, and a third of the weight.
    file = BytesIO()
    image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        file, "PNG", optimize=True
    )
    return file.getvalue()


def _write(drawing: ImageDraw.ImageDraw, line: Line, x: float, baseline: float, colour: str) -> None:
    size = line.size
    font = ImageFont.truetype(FONTS / line.face, size)
    while x + font.getlength(line.text) > SIZE[0] - MARGIN:  # small letters are widened to whole pixels
        size -= 0.5
        font = ImageFont.truetype(FONTS / line.face, size)
    drawing.text((x, baseline), line.text, fill=colour, font=font, anchor="ls")


def _paste(image: Image.Image, start: tuple[int, int], size: tuple[int, int], place: tuple[int, int]) -> None:
    left, top = start
    cut = _sprite().crop((left, top, left + size[0], top + size[1]))
    image.paste(cut, place, cut)


@cache
def _sprite() -> Image.Image:
    return Image.open(SPRITE).convert("RGBA")
