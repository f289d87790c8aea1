"""The outlines of the communes: a GeoJSON file, converted at startup to the paths of an SVG map."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.config import ConfigError
from app.content import file_errors
from app.content.communes import Communes

#: Units along the longest side: about as many as the map has pixels on a screen.
SIDE = 650
#: A commune of fewer square units is too small to press: a square on its corner replaces it.
TINY = 12
DOT = 3  # from the middle of that square to its corners
#: The names that publishers of outlines give to the INSEE code, in any case.
CODES = ("code_insee", "insee_com", "codgeo", "code")

Position = tuple[float, float]  # longitude and latitude, in degrees
Point = tuple[int, int]  # on the map, from its upper left corner


@dataclass(frozen=True)
class Outlines:
    """The map: its width and height, and the path data of each commune, by INSEE code.

    Neighbours that share the vertices of their border in the file share them here: no gap, no overlap. The
    order is alphabetical, as readers step through links; dots come last, above the communes around them.
    """

    view_box: tuple[int, int]
    paths: Mapping[str, str]


def load_outlines(path: Path, communes: Communes) -> Outlines:
    """Load a FeatureCollection (RFC 7946), and leave out communes of elsewhere. Raises: ConfigError."""
    name = f"CONTOURS_FILE: {path}"
    with file_errors(name, "JSON"):
        content = json.loads(path.read_bytes())
    match content:
        case {"type": "FeatureCollection", "features": list(features)}:
            pass
        case _:
            raise ConfigError(f"{name} is not a GeoJSON FeatureCollection.")
    found: dict[str, list[list[Position]]] = {}
    for number, feature in enumerate(features, 1):
        try:
            insee = _read_code(feature)
            if communes.get(insee):
                found.setdefault(insee, []).extend(_read_rings(feature.get("geometry")))
        except ValueError as error:
            raise ConfigError(f"{name}, feature {number}: {error}.") from error
    if not any(found.values()):
        raise ConfigError(f"{name} has no outline of a commune of the territory.")
    return _draw(found, communes)


def _read_code(feature: Any) -> str:
    match feature:
        case {"properties": dict(properties)}:
            named = {name.lower(): value for name, value in properties.items()}
            code = next((named[name] for name in CODES if name in named), None)
            if isinstance(code, str):  # as a number, it has lost its leading zero
                return code
    raise ValueError(f"must have its INSEE code, as a text, in one of the properties {', '.join(CODES)}")


def _read_rings(geometry: Any) -> list[list[Position]]:
    """Return the rings of all polygons together: with the fill rule `evenodd`, inner rings are holes."""
    match geometry:
        case None:
            return []
        case {"type": "Polygon", "coordinates": list(rings)}:
            pass
        case {"type": "MultiPolygon", "coordinates": list(polygons)}:
            rings = [ring for polygon in polygons for ring in _read_list(polygon)]
        case _:
            raise ValueError("must be a Polygon or a MultiPolygon")
    return [[_read_position(position) for position in _read_list(ring)] for ring in rings]


def _read_list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"has {str(value)[:40]} where a list of coordinates must be")
    return value


def _read_position(value: Any) -> Position:
    match value:
        case [longitude, latitude, *_] if all(type(n) in (int, float) for n in (longitude, latitude)):
            if abs(longitude) <= 180 and abs(latitude) <= 90:  # which NaN is not
                return longitude, latitude
    raise ValueError(f"has {str(value)[:40]} where a longitude and a latitude, in degrees (WGS84), must be")


def _draw(found: Mapping[str, list[list[Position]]], communes: Communes) -> Outlines:
    """Project the outlines: equirectangular, true at the middle latitude, north on top.

    Rounding to whole units is the only simplification. It moves a vertex in the same way for each commune
    that has it, so that borders stay shared.
    """
    positions = [position for rings in found.values() for ring in rings for position in ring]
    west, east = min(x for x, _ in positions), max(x for x, _ in positions)
    south, north = min(y for _, y in positions), max(y for _, y in positions)
    narrowing = math.cos(math.radians((south + north) / 2))
    width, height = (east - west) * narrowing, north - south
    scale = SIDE / (max(width, height) or 1)

    def project(position: Position) -> Point:
        return round((position[0] - west) * narrowing * scale), round((north - position[1]) * scale)

    paths, dots = {}, {}
    for commune in communes.alphabetical:
        if not (rings := found.get(commune.insee)):
            continue
        shapes = [[project(position) for position in ring] for ring in rings]
        if max(map(_area, shapes)) >= TINY:
            paths[commune.insee] = _path_data([shape for shape in shapes if _area(shape)])
        else:
            x, y = shapes[0][0]
            dots[commune.insee] = _path_data([[(x, y - DOT), (x + DOT, y), (x, y + DOT), (x - DOT, y)]])
    return Outlines((round(width * scale), round(height * scale)), MappingProxyType(paths | dots))


def _area(ring: list[Point]) -> float:
    """Return the area of a ring in square units (shoelace formula)."""
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairwise([*ring, *ring[:1]]))) / 2


def _path_data(rings: list[list[Point]]) -> str:
    """Return the path data of rings: "m", the steps from vertex to vertex, and "z", which closes a ring."""
    path, start = "", (0, 0)
    for ring in rings:
        # Vertices that rounding has made equal are left out, and the last one, which repeats the first.
        ring = [vertex for before, vertex in pairwise([ring[-1], *ring]) if vertex != before]
        steps = (f"{bx - ax} {by - ay}" for (ax, ay), (bx, by) in pairwise([start, *ring]))
        path += f"m{' '.join(steps)}z"
        start = ring[0]
    return path.replace(" -", "-")
