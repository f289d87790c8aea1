"""The outlines of the communes: a GeoJSON file, turned once into the paths of an SVG map."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.config import ConfigError
from app.content.communes import Communes

#: Units along the longest side. About as many as the map has pixels: more only weighs more.
SIDE = 650
#: A commune of fewer square units could not be pressed: a dot stands for it, a square on its corner.
TINY = 12
DOT = 3  # from its middle to its corners
#: What those who publish outlines call the INSEE code, in any case.
CODES = ("code_insee", "insee_com", "codgeo", "code")

Position = tuple[float, float]
Line = list[Position]
Point = tuple[int, int]
Ring = list[Point]


@dataclass(frozen=True)
class Outlines:
    """The map: its width and height, and the path data of each commune, by INSEE code.

    Neighbours that share the vertices of their border in the file do so here: no gap, no overlap. The order
    is the alphabet's, in which links are walked through; dots come last, over what surrounds them.
    """

    view_box: tuple[int, int]
    paths: Mapping[str, str]


def load_outlines(path: Path, communes: Communes) -> Outlines:
    """Read a FeatureCollection (RFC 7946); what is no commune of ours is left out. Raises: ConfigError."""
    found: dict[str, list[Line]] = {}
    for number, feature in enumerate(_features(path), 1):
        try:
            insee = _code(feature)
            if communes.get(insee):
                found.setdefault(insee, []).extend(_rings(feature.get("geometry")))
        except ValueError as error:
            raise ConfigError(f"CONTOURS_FILE: {path}, feature {number}: {error}.") from error
    if not any(found.values()):
        raise ConfigError(f"CONTOURS_FILE: {path} has no outline of a commune of the territory.")
    return _draw(found, communes)


def _features(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"CONTOURS_FILE: {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:  # not UTF-8, or not JSON
        raise ConfigError(f"CONTOURS_FILE: {path} is not JSON: {error}.") from error
    except RecursionError as error:
        raise ConfigError(f"CONTOURS_FILE: {path} is not GeoJSON: brackets are nested too deep.") from error
    match content:
        case {"type": "FeatureCollection", "features": list(features)}:
            return features
    raise ConfigError(f"CONTOURS_FILE: {path} is not a GeoJSON FeatureCollection.")


def _code(feature: Any) -> str:
    match feature:
        case {"properties": dict(properties)}:
            named = {name.lower(): value for name, value in properties.items()}
            code = next((named[name] for name in CODES if name in named), None)
            if isinstance(code, str):  # a number has lost the zero it may begin with
                return code
    raise ValueError(f"must have its INSEE code, as a text, in one of the properties {', '.join(CODES)}")


def _rings(geometry: Any) -> list[Line]:
    """Return the rings of all polygons together: filled by « evenodd », the inner ones are holes."""
    match geometry:
        case None:
            return []
        case {"type": "Polygon", "coordinates": list(rings)}:
            pass
        case {"type": "MultiPolygon", "coordinates": list(polygons)}:
            rings = [ring for polygon in polygons for ring in _list(polygon)]
        case _:
            raise ValueError("must be a Polygon or a MultiPolygon")
    return [[_position(position) for position in _list(ring)] for ring in rings]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"has {str(value)[:40]} where a list of coordinates must be")
    return value


def _position(value: Any) -> Position:
    match value:
        case [longitude, latitude, *_] if all(type(n) in (int, float) for n in (longitude, latitude)):
            if abs(longitude) <= 180 and abs(latitude) <= 90:  # which NaN is not
                return longitude, latitude
    raise ValueError(f"has {str(value)[:40]} where a longitude and a latitude, in degrees (WGS84), must be")


def _draw(found: Mapping[str, list[Line]], communes: Communes) -> Outlines:
    """Project: equirectangular, true at the middle latitude, north on top.

    Snapping to the grid is all the simplification there is. It does the same to a vertex wherever it occurs,
    which is why borders stay shared.
    """
    positions = [position for rings in found.values() for ring in rings for position in ring]
    west, east = min(x for x, _ in positions), max(x for x, _ in positions)
    south, north = min(y for _, y in positions), max(y for _, y in positions)
    narrowing = math.cos(math.radians((south + north) / 2))
    width, height = (east - west) * narrowing, north - south
    scale = SIDE / (max(width, height) or 1)

    def snap(position: Position) -> Point:
        return round((position[0] - west) * narrowing * scale), round((north - position[1]) * scale)

    paths, dots = {}, {}
    for commune in communes.alphabetical:
        if not (rings := found.get(commune.insee)):
            continue
        shapes = [_without_repeats([snap(position) for position in ring]) for ring in rings]
        if max(map(_area, shapes)) >= TINY:
            paths[commune.insee] = _path([shape for shape in shapes if _area(shape)])
        else:
            x, y = snap(rings[0][0])
            dots[commune.insee] = _path([[(x, y - DOT), (x + DOT, y), (x, y + DOT), (x - DOT, y)]])
    return Outlines((round(width * scale), round(height * scale)), MappingProxyType(paths | dots))


def _without_repeats(ring: Ring) -> Ring:
    """Leave out each vertex that is the one before: « z » closes a path."""
    return [vertex for before, vertex in pairwise([ring[-1], *ring]) if vertex != before]


def _area(ring: Ring) -> float:
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairwise([*ring, *ring[:1]]))) / 2


def _path(rings: list[Ring]) -> str:
    """Write path data, each vertex from the one before: what follows « m » is a line."""
    path, start = "", (0, 0)
    for ring in rings:
        steps = (f"{bx - ax} {by - ay}" for (ax, ay), (bx, by) in pairwise([start, *ring]))
        path += f"m{' '.join(steps)}z"
        start = ring[0]
    return path.replace(" -", "-")
