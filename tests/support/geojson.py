"""GeoJSON features for the outlines of communes, and the folder of the lists of communes."""

import random
from pathlib import Path

DATA = Path(__file__).parents[2] / "app" / "content"


def square(x: float, y: float, side: float = 1) -> list[list[float]]:
    """Return a ring. With its middle on the equator, degrees are square."""
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def feature(code: object, *rings: list[list[float]], name: str = "code", kind: str = "Polygon") -> dict:
    coordinates = [[ring] for ring in rings] if kind == "MultiPolygon" else list(rings)
    return {"properties": {name: code}, "geometry": {"type": kind, "coordinates": coordinates}}


def patchwork(columns: int, rows: int, codes: list[str]) -> list[dict]:
    """Draw cells whose borders wander, at the latitude of Dordogne; the frame is straight."""
    side, wander = 4, random.Random(24)  # sixteen vertices a cell, as communes have in a simplified file
    vertices = {
        (i, j): [
            round((i + wander.uniform(-0.4, 0.4) * (0 < i < columns * side)) * 0.016, 4),
            round((j + wander.uniform(-0.4, 0.4) * (0 < j < rows * side)) * 0.013 + 44.5, 4),
        ]
        for i in range(columns * side + 1)
        for j in range(rows * side + 1)
    }
    around = [
        *((k, 0) for k in range(side)),
        *((side, k) for k in range(side)),
        *((side - k, side) for k in range(side)),
        *((0, side - k) for k in range(side + 1)),
    ]
    places = [(column * side, row * side) for row in range(rows) for column in range(columns)]
    return [
        feature(code, [vertices[x + dx, y + dy] for dx, dy in around])
        for code, (x, y) in zip(codes, places, strict=False)
    ]
