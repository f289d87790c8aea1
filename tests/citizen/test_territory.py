"""The territory: its numbers are those of the signatures, its drawings those of its numbers."""

import json
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal

import brotli
import pytest
from bs4 import Tag
from flask import Flask
from sqlalchemy import select

from app import create_app
from app.content.communes import Area, Commune, Communes, load_communes
from app.extensions import communes, db
from app.models import Signature, Status
from app.register import area_counts, queries
from app.text import fold
from tests.support.crowd import fill, person
from tests.support.database import counted
from tests.support.geojson import DATA, feature, patchwork, square
from tests.support.silence import SILENCE
from tests.support.visitor import Page, Visitor

PAGE_MAX = 35_000  # bytes, compressed, with a map
SARLAT, BUGUE, PERIGUEUX = "24520", "24067", "24322"


@pytest.fixture
def app_with(settings, tmp_path):
    """Make an application whose map is drawn from these outlines."""
    made = []

    def make(*features: dict) -> Flask:
        path = tmp_path / "contours.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        made.append(create_app(settings | {"CONTOURS_FILE": str(path)}))
        with made[-1].app_context():
            db.create_all()
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


def squares(*codes: str) -> list[dict]:
    return [feature(code, square(x, 45)) for x, code in enumerate(codes)]


def number(text: str) -> int:
    return int(text.replace("\N{NARROW NO-BREAK SPACE}", ""))


def share(part: int, whole: int) -> str:
    """Write a share, by the rule of the page and another arithmetic."""
    exact = Decimal(100 * part) / whole if whole else Decimal()
    if 0 < exact < Decimal("0.5"):
        return "moins de 1\u00a0%"
    if Decimal("99.5") <= exact < 100:
        return "plus de 99\u00a0%"
    return f"{exact.quantize(Decimal(1), ROUND_HALF_UP)}\u00a0%"


def rows(page: Page, name: str) -> dict[str, tuple[str, list[Tag]]]:
    """Read a table: what its lines lead to, their names and their cells."""
    table = page[f"section[aria-labelledby='{name}'] table"]
    found = {}
    for line in table.select("tbody tr"):
        (link,) = line.select("th a")
        found[link["href"]] = (link.get_text(), line.select("td"))
    return found


def says(cell: Tag) -> str:
    return cell.get_text().strip()


def places(page: Page) -> dict[str, tuple[str, int]]:
    """Read the tables of the communes: what each line leads to, its name and its count."""
    lines = page.soup.select(".by-commune tbody tr")
    read = {line.a["href"]: (line.a.get_text(), number(says(line.td))) for line in lines}
    assert len(read) == len(lines), "one twice"
    return read


@pytest.fixture
def crowd(app):
    """Many people, here and there; some gave everything back, some have not confirmed."""
    fill(app, 180)
    with app.app_context():
        db.session.add_all(person(200 + i, commune=insee) for i, insee in enumerate([SARLAT, BUGUE] * 6))
        db.session.add_all(person(300 + i, status=Status.PENDING) for i in range(20))
        db.session.add_all(person(400 + i, status=Status.WITHDRAWN) for i in range(20))
        db.session.commit()


def recount(app) -> dict[str, Counter[int]]:
    """Count the signatures themselves, by commune, then by commitment; under 0, all of them."""
    by_commune: dict[str, Counter[int]] = defaultdict(Counter)
    with app.app_context():
        for signature in db.session.scalars(select(Signature).where(Signature.status == Status.CONFIRMED)):
            by_commune[signature.commune].update([0, *signature.pledges])
    return by_commune


def test_the_whole_is_what_was_signed(app, crowd, citizen):
    signed = recount(app)
    page = citizen.open("/territoire")
    people, covered = (text.get_text().strip() for text in page.soup.select(".total"))
    total = sum((counts for counts in signed.values()), Counter())
    assert people == f"{total[0]} signatures confirmées"
    assert covered == (
        f"{len(signed)} communes sur 503 avec au moins une signature, soit {share(len(signed), 503)}"
    )
    lines = rows(page, "by-commitment-title")
    assert [number(says(cell)) for _, (cell,) in lines.values()] == [total[n] for n in range(1, 11)]
    assert list(lines) == [f"/engagements/{n}" for n in range(1, 11)]


@pytest.mark.parametrize(("parameter", "attribute"), [("epci", "epci"), ("arrondissement", "district")])
def test_each_area_is_what_was_signed_there(app, crowd, citizen, parameter, attribute):
    signed, here, total = recount(app), defaultdict(set), defaultdict(Counter)
    with app.app_context():
        for commune in communes:
            area = getattr(commune, attribute)
            here[area].add(commune.insee)
            total[area] += signed[commune.insee]
        named = {f"/signataires?{parameter}={area.code}": area for area in here}
    lines = rows(citizen.open("/territoire"), f"by-{parameter}-title")
    assert lines.keys() == named.keys()
    for href, (name, (covered, people, *taken)) in lines.items():
        area = named[href]
        count = sum(1 for insee in here[area] if signed[insee][0])
        of = f"{count} commune{'s' if count > 1 else ''} sur {len(here[area])}"
        assert name == area.name
        assert says(covered) == f"{of}, {share(count, len(here[area]))}", name
        assert says(people) == f"{total[area][0]} signature{'s' if total[area][0] > 1 else ''}", name
        assert [number(says(cell)) for cell in taken] == [total[area][n] for n in range(1, 11)], name


def test_each_commune_is_what_was_signed_there(app, crowd, citizen):
    signed = recount(app)
    found = places(citizen.open("/territoire"))
    with app.app_context():
        assert found == {f"/communes/{c.insee}": (c.name, signed[c.insee][0]) for c in communes}


def test_a_bar_is_as_long_as_its_cell_says(app, crowd, citizen):
    page = citizen.open("/territoire")
    signatures, covered = (number(says(strong)) for strong in page.soup.select(".total strong"))
    drawn = [(page[".overview > svg"], covered, 503)]
    cells = [cell for _, (cell,) in rows(page, "by-commitment-title").values()]
    drawn += [(cell.svg, number(says(cell)), signatures) for cell in cells]
    columns = []
    for name in ("by-epci-title", "by-arrondissement-title"):
        for _, (cell, people, *taken) in rows(page, name).values():
            part, _, whole = says(cell).partition(",")[0].partition(" sur ")
            drawn.append((cell.svg, number(part.split()[0]), number(whole)))
            columns += [(one.svg, number(says(one)), number(people.strong.get_text())) for one in taken]
    assert len(drawn) == 1 + 10 + 22 + 4
    assert len(columns) == 26 * 10
    for svg, part, whole in drawn:
        assert svg["viewbox"] == "0 0 100 1"
        assert float(svg.rect["width"]) == pytest.approx(100 * part / whole, abs=0.06)
    for svg, part, whole in columns:
        assert svg["viewbox"] == "0 0 1 100"
        assert float(svg.rect["height"]) == pytest.approx(100 * part / whole if whole else 0, abs=0.06)
        assert float(svg.rect["y"]) + float(svg.rect["height"]) == pytest.approx(100), "stands on the ground"
    for svg, *_ in (*drawn, *columns):
        assert svg["aria-hidden"] == "true", "the cell says it"


def test_nothing_is_in_the_order_of_its_count(app, crowd, citizen):
    page = citizen.open("/territoire")
    for lines in ("by-epci-title", "by-arrondissement-title"):
        names = [name for name, _ in rows(page, lines).values()]
        assert names == sorted(names, key=fold)
    groups = [details.summary.span.get_text() for details in page.soup.select(".by-commune details")]
    assert groups == [name for name, _ in rows(page, "by-epci-title").values()]
    for details in page.soup.select(".by-commune details"):
        names = [link.get_text() for link in details.select("a")]
        assert names == sorted(names, key=fold)


def test_an_area_leads_to_those_who_signed_there(app, crowd, citizen):
    page = citizen.open("/territoire")
    for href, (_, (_, people, *_)) in list(rows(page, "by-epci-title").items())[:3]:
        assert citizen.open(href).text(".total strong") == people.strong.get_text()


def test_tables_say_what_they_are_and_what_their_columns_are(app, citizen):
    page = citizen.open("/territoire")
    tables = page.soup.select("table")
    assert len(tables) == 22 + 3
    for table in tables:
        assert table.caption.get_text().strip()
        head, *lines = table.select("tr")
        assert all(th["scope"] == "col" and says(th) for th in head.select("th"))
        for line in lines:
            assert [th["scope"] for th in line.select("th")] == ["row"]
            assert len(line.select("th, td")) == len(head.select("th"))
    head = page.soup.select("section[aria-labelledby='by-epci-title'] thead th")
    assert [th.a["href"] for th in head[3:]] == [f"/engagements/{n}" for n in range(1, 11)]
    words = [says(th.a.select_one(".visually-hidden")) for th in head[3:]]
    assert words == [f"Engagement {n}" for n in range(1, 11)]


def test_nobody_yet(citizen):
    page = citizen.open("/territoire")
    people, covered = (text.get_text().strip() for text in page.soup.select(".total"))
    assert people == "0 signature confirmée"
    assert covered == "0 commune sur 503 avec au moins une signature, soit 0\u00a0%"
    assert {float(rect["width"]) for rect in page.soup.select(".overview rect, .by-commitment rect")} == {0}
    assert {count for _, count in places(page).values()} == {0}


def test_one_is_singular_and_two_are_plural(app, citizen):
    fill(app, 1, commune=SARLAT)
    page = citizen.open("/territoire")
    people, covered = (text.get_text().strip() for text in page.soup.select(".total"))
    assert people == "1 signature confirmée"
    assert covered == "1 commune sur 503 avec au moins une signature, soit moins de 1\u00a0%"
    districts = rows(page, "by-arrondissement-title")
    _, (places_there, people_there, *_) = districts["/signataires?arrondissement=244"]
    assert says(places_there) == "1 commune sur 136, 1\u00a0%"
    assert says(people_there) == "1 signature"
    with app.app_context():
        db.session.add(person(2, commune=BUGUE))
        db.session.commit()
    page = citizen.open("/territoire")
    assert page.soup.select(".total")[0].get_text().strip() == "2 signatures confirmées"
    districts = rows(page, "by-arrondissement-title")
    _, (places_there, people_there, *_) = districts["/signataires?arrondissement=244"]
    assert says(places_there) == "2 communes sur 136, 1\u00a0%"
    assert says(people_there) == "2 signatures"


def test_thousands_are_set_apart(app, citizen, monkeypatch):
    counts = {SARLAT: {0: 12345, 3: 1001}}
    monkeypatch.setattr(queries, "count_by_commune", lambda: counts)
    page = citizen.open("/territoire")
    assert page.soup.select(".total strong")[0].get_text() == "12\u202f345"
    assert places(page)[f"/communes/{SARLAT}"] == ("Sarlat-la-Canéda", 12345)
    _, (_, people, *taken) = rows(page, "by-arrondissement-title")["/signataires?arrondissement=244"]
    assert (says(people), says(taken[2])) == ("12\u202f345 signatures", "1\u202f001")


def test_without_a_file_there_is_no_map(app, crowd, citizen):
    page = citizen.open("/territoire")
    assert ".map" not in page
    assert len(places(page)) == 503


def test_the_map_says_what_the_table_says(app_with):
    app = app_with(*squares(SARLAT, BUGUE, PERIGUEUX))  # and not the others
    fill(app, 60)
    with app.app_context():
        db.session.add_all(person(100 + i, commune=SARLAT) for i in range(12))
        db.session.add(person(120, commune=BUGUE))
        db.session.commit()
    page = Visitor(app).open("/territoire")
    listed = places(page)
    links = {link["href"]: link.title.get_text() for link in page.soup.select(".map > svg a")}
    assert links.keys() == {f"/communes/{insee}" for insee in (SARLAT, BUGUE, PERIGUEUX)}
    for href, title in links.items():
        name, count = listed[href]
        words = f"{count} signature{'s' if count > 1 else ''}" if count else "aucune signature"
        assert title == f"{name}\u00a0: {words}"
    assert len(listed) == 503, "communes without an outline too"
    assert sum(count for _, count in listed.values()) == 73
    order = [element.get("class", [""])[0] for element in page.soup.select(".map, .by-commune, .by-area")]
    assert order == ["map", "by-commune", "by-area", "by-area"], "the map, then what doubles it"


@pytest.mark.parametrize("people", [0, 30, 300])
def test_four_queries_at_most_however_many_signed(app, citizen, people):
    fill(app, people)
    with counted(app) as statements:
        citizen.open("/territoire")
    assert len(statements) <= 4, statements


def test_the_page_is_light(app_with):
    codes = [commune.insee for commune in load_communes(DATA / "communes.csv", DATA / "former-names.csv")]
    app = app_with(*patchwork(22, 23, codes))
    fill(app, 300)
    page = app.test_client().get("/territoire").data
    assert len(brotli.compress(page, quality=5)) <= PAGE_MAX


def test_a_page_that_has_not_changed_is_not_sent_again(app, citizen):
    first = citizen.client.get("/territoire")
    known = {"If-None-Match": first.headers["ETag"]}
    assert citizen.client.get("/territoire", headers=known).status_code == 304
    fill(app, 1)
    assert citizen.client.get("/territoire", headers=known).status_code == 200


def test_other_outlines_make_another_page(app_with):
    outlines = (squares(SARLAT), squares(SARLAT, BUGUE), squares(SARLAT))  # each time in the same file
    first, other, again = (
        app_with(*features).test_client().get("/territoire").headers["ETag"] for features in outlines
    )
    assert first != other
    assert first == again


def test_a_silence_is_told(app, citizen, monkeypatch):
    assert ".note" not in citizen.open("/territoire")
    monkeypatch.setattr("app.clock._time", lambda: SILENCE)
    assert "tel qu’il était avant le scrutin" in citizen.open("/territoire").text(".note")


def test_the_register_leads_to_the_territory(citizen):
    page = citizen.open("/signataires").open_link("/territoire")
    assert page.status == 200
    assert page.text("h1") == "Le territoire"


# Counting, without a database

NORTH, SOUTH = Area("1", "Nord"), Area("2", "Sud")
HERE = Communes(
    [
        Commune("003", "Zug", NORTH, SOUTH),
        Commune("001", "Église", NORTH, SOUTH),
        Commune("002", "Eyzies", SOUTH, NORTH),
    ]
)


def test_parts_are_counted_from_their_communes():
    counts = {"001": {0: 2, 1: 2, 3: 1}, "003": {0: 1, 1: 1}}
    north, south = area_counts.count_by_district(HERE, counts).values()
    assert [commune.name for commune in north.communes] == ["Église", "Zug"]
    assert (north.covered, north.signatures, north.taken[1], north.taken[3], north.taken[2]) == (
        2,
        3,
        3,
        1,
        0,
    )
    assert (len(south.communes), south.covered, south.signatures) == (1, 0, 0)
    assert list(area_counts.count_by_epci(HERE, counts)) == [NORTH, SOUTH]
    assert area_counts.count_by_epci(HERE, counts)[SOUTH].signatures == 3


def test_a_count_of_nothing_covers_nothing():
    assert area_counts.count_territory(HERE, {"001": {0: 0, 1: 0}}).covered == 0


def test_the_whole_counts_who_signed_in_a_commune_that_left_the_file():
    whole = area_counts.count_territory(HERE, {"001": {0: 1}, "999": {0: 2, 5: 1}})
    assert (whole.signatures, whole.taken[5]) == (3, 1)
    assert (len(whole.communes), whole.covered) == (3, 1)
