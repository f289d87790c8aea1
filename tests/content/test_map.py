"""The outlines of the communes, from a GeoJSON file to the SVG map."""

import gzip
import json
import random
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import brotli
import pytest
from bs4 import BeautifulSoup
from flask import render_template

from app import create_app
from app.config import ConfigError
from app.content.communes import Commune, Communes, load_communes
from app.content.map import DOT, SIDE, load_outlines
from app.extensions import communes, outlines
from tests.support.geojson import DATA, feature, patchwork, square

#: By code, not by alphabet.
HERE = Communes(
    Commune(insee, name) for insee, name in [("24001", "Zug"), ("24002", "Église"), ("24003", "Eyzies")]
)
MAP_MAX = 25_000  # bytes, compressed


@pytest.fixture
def file(tmp_path):
    """Write a FeatureCollection, or another text in its place."""

    def write(*features: object, text: str | None = None) -> Path:
        path = tmp_path / "contours.geojson"
        path.write_text(text or json.dumps({"type": "FeatureCollection", "features": features}))
        return path

    return write


def rings_of(path: str) -> list[list[tuple[int, int]]]:
    """Read path data as SVG says: each pair is a step, « z » goes back to where its ring began."""
    assert re.fullmatch(r"(m-?\d+([ -]\d+){3,}z)+", path)
    rings, start = [], (0, 0)
    for part in path.split("m")[1:]:
        numbers = list(map(int, re.findall(r"-?\d+", part)))
        (x, y), ring = start, []
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + dx, y + dy
            ring.append((x, y))
        rings.append(ring)
        start = ring[0]
    return rings


def edges_of(path: str) -> list[frozenset[tuple[int, int]]]:
    return [frozenset(edge) for ring in rings_of(path) for edge in pairwise([*ring, ring[0]])]


def test_squares_are_drawn_with_north_on_top_and_in_alphabetical_order(file):
    drawn = load_outlines(
        file(
            feature("24001", square(0, -0.5)),
            feature("24003", square(1, -0.5)),
            feature("24002", square(2, -0.5, 0.5)),
        ),
        HERE,
    )
    assert drawn.view_box == (SIDE, 260)
    assert list(drawn.paths) == ["24002", "24003", "24001"]
    assert drawn.paths["24001"] == "m260 260 0-260-260 0 0 260z"
    assert drawn.paths["24002"] == "m650 260 0-130-130 0 0 130z"


def test_degrees_of_longitude_narrow_towards_the_pole(file):
    drawn = load_outlines(file(feature("24001", square(0, 59.5))), HERE)
    assert drawn.view_box == (SIDE // 2, SIDE)


def test_neighbours_share_their_border(file):
    codes = [f"{n:05}" for n in range(100)]
    here = Communes(Commune(code, code) for code in codes)
    drawn = load_outlines(file(*patchwork(10, 10, codes)), here)
    sides = Counter(edge for path in drawn.paths.values() for edge in edges_of(path))
    assert set(sides.values()) == {1, 2}
    width, height = drawn.view_box
    frame = [(0, 0), (0, width), (1, 0), (1, height)]  # axis, and where on it
    alone = [edge for edge, count in sides.items() if count == 1]
    assert len(alone) == 4 * 10 * 4
    assert all(any({point[axis] for point in edge} == {at} for axis, at in frame) for edge in alone)


def test_all_parts_of_a_multipolygon_are_drawn(file):
    parts = feature("24001", square(0, -1, 2), square(3, -1, 1), kind="MultiPolygon")
    (large, small) = rings_of(load_outlines(file(parts), HERE).paths["24001"])
    assert set(large) == {(0, 0), (325, 0), (325, 325), (0, 325)}
    assert set(small) == {(488, 325), (650, 325), (650, 162), (488, 162)}


def test_a_commune_may_come_in_several_features(file):
    drawn = load_outlines(file(feature("24001", square(0, 0)), feature("24001", square(3, 0))), HERE)
    assert len(rings_of(drawn.paths["24001"])) == 2


def test_a_hole_is_a_ring_of_its_own(file):
    around, within = square(0, -2, 4), square(1, -1, 2)
    drawn = load_outlines(file(feature("24001", around, within), feature("24002", within)), HERE)
    _, hole = rings_of(drawn.paths["24001"])
    assert set(hole) == {(162, 162), (488, 162), (488, 488), (162, 488)}
    assert set(edges_of(drawn.paths["24002"])) < set(edges_of(drawn.paths["24001"]))


def test_a_tiny_commune_is_a_dot_over_the_others(file):
    drawn = load_outlines(
        file(feature("24002", square(1, 0.5, 0.001)), feature("24001", square(0, -1, 2))), HERE
    )
    assert list(drawn.paths) == ["24001", "24002"]
    ((top, right, low, left),) = rings_of(drawn.paths["24002"])
    assert right[0] - left[0] == low[1] - top[1] == 2 * DOT
    assert (top[0], right[1]) == (325, 162)


def test_a_tiny_part_goes_when_there_is_another(file):
    parts = feature("24001", square(0, 0, 2), square(3, 0, 0.001), kind="MultiPolygon")
    assert len(rings_of(load_outlines(file(parts), HERE).paths["24001"])) == 1


def test_a_ring_of_one_point_is_a_dot(file):
    drawn = load_outlines(file(feature("24001", [[1, 1]])), HERE)
    assert rings_of(drawn.paths["24001"])


@pytest.mark.parametrize("name", ["code", "code_insee", "insee_com", "INSEE_COM", "codgeo", "CODGEO"])
def test_the_insee_code_has_several_property_names(file, name):
    assert "24001" in load_outlines(file(feature("24001", square(0, 0), name=name)), HERE).paths


def test_only_communes_of_the_territory_are_drawn(file):
    elsewhere = {"properties": {"code": "33063"}, "geometry": {"type": "Point", "coordinates": "?"}}
    without = {"properties": {"code": "24002"}, "geometry": None}
    drawn = load_outlines(file(elsewhere, without, feature("24001", square(0, 0))), HERE)
    assert list(drawn.paths) == ["24001"]


def test_a_height_is_left_out(file):
    high = [[*position, 250.5] for position in square(0, 0)]
    assert load_outlines(file(feature("24001", high)), HERE).paths["24001"]


def test_the_paths_are_read_only(file):
    drawn = load_outlines(file(feature("24001", square(0, 0))), HERE)
    with pytest.raises(TypeError):
        drawn.paths["24001"] = ""


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"text": "{"}, "is not JSON: Expecting"),
        ({"text": "[]"}, "is not a GeoJSON FeatureCollection."),
        ({"text": '{"type": "Topology", "features": []}'}, "is not a GeoJSON FeatureCollection."),
        ({"text": '{"type": "FeatureCollection", "features": {}}'}, "is not a GeoJSON FeatureCollection."),
        ([], "has no outline of a commune of the territory."),
        ([feature("33063", square(0, 0))], "has no outline of a commune of the territory."),
        (["?"], "feature 1: must have its INSEE code"),
        ([{"properties": None, "geometry": None}], "feature 1: must have its INSEE code"),
        (
            [feature("24001", square(0, 0)), feature("24002", square(1, 0), name="nom")],
            "feature 2: must have its INSEE",
        ),
        ([feature(24001, square(0, 0))], "feature 1: must have its INSEE code, as a text,"),
        (
            [feature("24001", square(0, 0), kind="LineString")],
            "feature 1: must be a Polygon or a MultiPolygon.",
        ),
        ([feature("24001", [])], "feature 1: has [] where a list of coordinates must be."),
        ([feature("24001", "?")], "feature 1: has ? where a list of coordinates must be."),
        ([feature("24001", *square(0, 0))], "feature 1: has 0 where a longitude"),
        ([feature("24001", [[0]])], "feature 1: has [0] where a longitude"),
        ([feature("24001", [["0", "45"]])], "feature 1: has ['0', '45'] where a longitude"),
        ([feature("24001", [[True, 45]])], "feature 1: has [True, 45] where a longitude"),
        ([feature("24001", [[float("nan"), 45]])], "feature 1: has [nan, 45] where a longitude"),
        ([feature("24001", [[0, float("inf")]])], "feature 1: has [0, inf] where a longitude"),
        (
            [feature("24001", square(520_000, 6_450_000))],
            "feature 1: has [520000, 6450000] where a longitude",
        ),
    ],
)
def test_an_error_names_file_and_feature(file, wrong, sentence):
    path = file(**wrong) if isinstance(wrong, dict) else file(*wrong)
    with pytest.raises(ConfigError) as error:
        load_outlines(path, HERE)
    assert error.value.message.startswith(f"CONTOURS_FILE: {path}")
    assert sentence in error.value.message


def test_bytes_that_are_not_utf8_are_an_error(file):
    path = file()
    path.write_bytes(b"\xff\xff\xff")
    with pytest.raises(ConfigError, match="is not JSON"):
        load_outlines(path, HERE)


def test_a_file_that_is_not_there_stops_the_start(settings):
    settings["CONTOURS_FILE"] = "nulle-part.geojson"
    with pytest.raises(ConfigError, match=r"instance/nulle-part\.geojson cannot be read \(No such file"):
        create_app(settings)


def test_without_a_file_there_is_no_map(app):
    with app.app_context():
        assert not outlines


@pytest.fixture
def draw(settings, file):
    """Draw the map of the whole territory, from a file made up."""
    codes = [commune.insee for commune in load_communes(DATA / "communes.csv", DATA / "former-names.csv")]
    settings["CONTOURS_FILE"] = str(file(*patchwork(22, 23, codes)))
    app = create_app(settings)
    app.add_url_rule(
        "/communes/<insee>", endpoint="citizen.commune"
    )  # as the map may be drawn without that page

    def render(**counts: int) -> str:
        by_code = {code.removeprefix("c"): count for code, count in counts.items()}
        with app.test_request_context():
            return render_template("citizen/_map.html", outlines=outlines, communes=communes, counts=by_code)

    return render


def test_every_commune_is_a_link_with_its_count(draw):
    soup = BeautifulSoup(draw(c24520=3, c24322=1, c24037=10), "html.parser")
    links = soup.select("section > svg a")
    assert len(links) == 503
    assert all(link.path["d"] for link in links)
    shown = {link["href"]: (link.title.get_text(), link["class"]) for link in links}
    assert shown["/communes/24520"] == ("Sarlat-la-Canéda\u00a0: 3 signatures", ["some"])
    assert shown["/communes/24322"] == ("Périgueux\u00a0: 1 signature", ["few"])
    assert shown["/communes/24037"] == ("Bergerac\u00a0: 10 signatures", ["many"])
    assert shown["/communes/24001"] == ("Abjat-sur-Bandiat\u00a0: aucune signature", ["none"])


@pytest.mark.parametrize(
    ("count", "step"),
    [(0, "none"), (1, "few"), (2, "few"), (3, "some"), (9, "some"), (10, "many"), (99, "many")],
)
def test_the_legend_tells_each_step(draw, count, step):
    soup = BeautifulSoup(draw(c24520=count), "html.parser")
    assert soup.select_one("a[href='/communes/24520']")["class"] == [step]
    legend = {item.path["class"][0]: item.get_text().strip() for item in soup.select(".legend li")}
    assert legend == {"none": "aucune", "few": "1 ou 2", "some": "3 à 9", "many": "10 et plus"}


def test_the_map_can_be_skipped(draw):
    soup = BeautifulSoup(draw(), "html.parser")
    first, *_, last = soup.select("section a, section [id]")
    assert first.get_text() == "Passer la carte"
    assert first["href"] == f"#{last['id']}"
    assert last.get_text() == "Contours\u00a0: IGN, Admin Express, Licence Ouverte\u00a02.0"


def test_the_map_weighs_at_most_25_kb(draw):
    some = random.Random(1)
    page = draw(**{f"c24{n:03}": some.choice([0, 0, 1, 2, 5, 12]) for n in range(1, 600)}).encode()
    assert len(brotli.compress(page, quality=5)) <= MAP_MAX
    assert len(gzip.compress(page)) <= MAP_MAX
