"""Where everything stands on the page, for the engines that have to be told: reportlab's canvas and fpdf2."""

from typing import Any, Protocol

MM = 72 / 25.4
INK, GREY, GREEN, PURPLE, LINE, WHITE = "#1B1A17", "#56605A", "#17684A", "#6A1B4A", "#C9D0C9", "#FFFFFF"
LEFT, RIGHT, CENTRE = 20 * MM, 190 * MM, 105 * MM
#: Of a commitment, by its lines: the height, and the first baseline below the middle.
ROWS = {1: (23.6, 2.79), 2: (33.59, -3.75), 3: (46.69, -10.3)}


class Pen(Protocol):
    """What an engine must do; points, from the top left corner."""

    def width(self, font: str, size: float, text: str) -> float:
        """Measure a text."""

    def text(self, x: float, y: float, font: str, size: float, color: str, text: str) -> None:
        """Write on a baseline."""

    def box(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Fill a rectangle."""

    def rule(self, x: float, y: float, length: float, thickness: float, color: str) -> None:
        """Draw a horizontal line."""

    def picture(self, name: str, x: float, y: float, width: float, height: float) -> None:
        """Draw one of our pictures."""

    def code(self, url: str, x: float, y: float, side: float) -> None:
        """Draw a QR code."""

    def link(self, x: float, y: float, width: float, height: float, url: str) -> None:
        """Make a place lead somewhere."""


Run = tuple[str, float, str, str]  # font, size, color, text


def draw_page(pen: Pen, content: dict[str, Any]) -> None:
    """Draw the whole page."""
    pen.picture("sheet", 0, 0, 210 * MM, 297 * MM)
    campaign = content["campaign"]
    _centred(pen, 38.37, [(campaign["font"], campaign["size"], WHITE, campaign["text"])])

    lines = _quality(pen, content)
    names = content["names"]
    height = 103.3 + 10 + sum(1.36 * name["size"] for name in names) + 3 + 15.6 * len(lines) + 19.8
    y = 60.94 + (219.7 - height) / 2
    pen.picture("rings", CENTRE - 7.5 * MM, y, 15 * MM, 13.75 * MM)
    _centred(pen, y + 77.7, [("Titre", 36, INK, "Certificat d’engagement")])
    _centred(pen, y + 100.4, [("Maigre", 12.5, GREY, content["charter"])])
    y += 112
    for name in names:
        _centred(pen, y + 30.5 * name["size"] / 30, [(name["font"], name["size"], PURPLE, name["text"])])
        y += 1.36 * name["size"]
    for line in lines:
        y += 15.6
        _centred(pen, y - 1, line)
    _centred(pen, y + 19.9, [("Maigre", 12, INK, "a signé "), ("Titre", 14, GREEN, content["count"])])

    for index, row in enumerate(content["rows"]):
        name = f"panel-{row['number']}{'' if row['taken_on'] else '-bare'}"
        pen.picture(name, LEFT + (17 * index + 1.4) * MM, 280.64, 14.2 * MM, 25 * MM)
    pen.rule(LEFT, 351.58, 170 * MM, 2.2, INK)
    y = 355.58
    for row in content["rows"]:
        y += _commitment(pen, y, row)
    _foot(pen, content)


def _quality(pen: Pen, content: dict[str, Any]) -> list[list[Run]]:
    """Break who somebody is into lines."""
    listed, commune = content["list_name"], content["commune"]
    runs: list[Run] = [("Maigre", 12, INK, content["role"])]
    if listed:
        runs += [
            ("Maigre", 12, INK, " «\u00a0"),
            (listed["font"], listed["size"], INK, listed["text"]),
            ("Maigre", 12, INK, "\u00a0»"),
        ]
    runs.append(("Maigre", 12, INK, f" {content['preposition']}\u00a0"))
    runs.append((commune["font"], commune["size"], INK, commune["text"]))
    return _wrapped(pen, runs, 170 * MM)


def _wrapped(pen: Pen, runs: list[Run], width: float) -> list[list[Run]]:
    """Break runs into lines at spaces."""
    lines: list[list[Run]] = [[]]
    used = 0.0
    for font, size, color, text in runs:
        space = pen.width(font, size, " ")
        kept: list[str] = []
        for index, word in enumerate(text.split(" ")):
            long = pen.width(font, size, word)
            if word and used + bool(index) * space + long > width and (kept or lines[-1]):
                lines[-1].append((font, size, color, " ".join(kept)))
                lines.append([])
                kept, used = [word], long
            else:
                kept.append(word)
                used += bool(index) * space + long
        lines[-1].append((font, size, color, " ".join(kept)))
    return lines


def _run(pen: Pen, x: float, y: float, runs: list[Run]) -> None:
    for font, size, color, text in runs:
        pen.text(x, y, font, size, color, text)
        x += pen.width(font, size, text)


def _centred(pen: Pen, y: float, runs: list[Run]) -> None:
    _run(pen, CENTRE - sum(pen.width(font, size, text) for font, size, _, text in runs) / 2, y, runs)


def _to_the_right(pen: Pen, x: float, y: float, font: str, color: str, text: str) -> None:
    pen.text(x - pen.width(font, 8.7, text), y, font, 8.7, color, text)


def _commitment(pen: Pen, y: float, row: dict[str, Any]) -> float:
    """Draw one commitment; return its height."""
    color = INK if row["taken_on"] else GREY
    lines = _wrapped(
        pen, [("Texte", 9.8, color, row["label"]), ("Maigre", 9.8, color, row["rest"])], 124.5 * MM
    )
    height, baseline = ROWS[len(lines)]
    if row["taken_on"]:
        height = max(height, 31.2)
    middle = y + height / 2
    pen.box(LEFT, middle - 8.4, 15, 16.2, color)
    number = str(row["number"])
    pen.text(LEFT + 7.5 - pen.width("Titre", 9, number) / 2, middle + 1.97, "Titre", 9, WHITE, number)
    for index, line in enumerate(lines):
        _run(pen, LEFT + 9 * MM, middle + baseline + 13.1 * index, line)
    if row["taken_on"]:
        _to_the_right(pen, 183 * MM, middle - 3.66, "Maigre", GREEN, "pris le")
        _to_the_right(pen, 183 * MM, middle + 8.26, "Texte", GREEN, row["taken_on"])
    else:
        _to_the_right(pen, 183 * MM, middle + 2.3, "Maigre", GREY, "non pris")
    box = "ticked" if row["taken_on"] else "unticked"
    pen.picture(box, RIGHT - 4.6 * MM, middle - 6.8, 4.6 * MM, 4.6 * MM)
    pen.rule(LEFT, y + height, 170 * MM, 0.5, LINE)
    return height


def _foot(pen: Pen, content: dict[str, Any]) -> None:
    url = content["url"]
    pen.code(url["text"], LEFT, 251 * MM, 25 * MM)
    x = LEFT + 31 * MM
    pen.text(x, 727.78, "Titre", 14, INK, f"Certificat n°\u00a0{content['number']}")
    issued = [("Maigre", 10, INK, "Délivré le "), ("Texte", 10, INK, content["issued_on"])]
    _run(pen, x, 744.21, [*issued, ("Maigre", 10, INK, f" par {content['organisation']}")])
    pen.text(
        x, 761.79, "Maigre", 10, INK, "Vérifier ce certificat et lire l’état à jour des engagements\u00a0:"
    )
    pen.text(x, 775.36, "Texte", url["size"], INK, url["text"])
    pen.link(x, 766, pen.width("Texte", url["size"], url["text"]), 12.5, url["text"])
