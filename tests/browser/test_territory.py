"""The territory in a browser: its map and its tables, by keyboard, for screen readers, in any width."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.content.communes import load_communes
from tests.support.axe import found_by_axe
from tests.support.crowd import app_on, fill
from tests.support.geojson import DATA, patchwork
from tests.support.site import Site, running_site
from tests.support.watch import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.long]

SIGNED = 40
SCREENS = [(width, scheme) for width in (1280, 320) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, module_database: str) -> Iterator[Site]:
    """A site with a map of all communes but the last one, and some people who signed."""
    folder: Path = tmp_path_factory.mktemp("site")
    codes = [commune.insee for commune in load_communes(DATA / "communes.csv", DATA / "former-names.csv")]
    outlines = folder / "contours.geojson"
    features = patchwork(22, 23, codes[:-1])
    outlines.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with running_site(folder, module_database, CONTOURS_FILE=str(outlines)) as site:
        fill(app_on(site.database), SIGNED)
        yield site


def test_screen_readers_are_told_the_numbers_once(open_page: OpenPage) -> None:
    """Width changes how tables look, and not what they are."""
    trees = []
    for width in (1280, 320):
        page = open_page("/territoire", width=width)
        page.locator("summary").first.click()
        main = page.locator("main")
        trees.append(main.aria_snapshot())
        expect(main.get_by_role("img")).to_have_count(0)
        table = page.get_by_role("table", name="Signatures par intercommunalité")
        heads = table.get_by_role("columnheader")
        words = ["Intercommunalité", "Communes", "Signatures", *(f"Engagement {n}" for n in range(1, 11))]
        for head, name in zip(heads.all(), words, strict=True):
            expect(head).to_have_accessible_name(name)
        expect(table.get_by_role("row")).to_have_count(1 + 22)
        line = table.get_by_role("row").filter(has=page.get_by_role("link", name="CA Le Grand Périgueux"))
        expect(line.get_by_role("rowheader")).to_have_count(1)
        cells = line.get_by_role("cell")
        expect(cells).to_have_count(12)
        expect(cells.nth(0)).to_contain_text(re.compile(r"\d (communes )?sur 43, \d+.%"))
        communes = page.get_by_role("table", name="Signatures par commune : CA Bergeracoise")
        expect(communes.get_by_role("row")).to_have_count(1 + 38)
        expect(communes.get_by_role("columnheader")).to_have_text(["Commune", "Signatures"])
    for words in (
        'heading "Le territoire" [level=1]',
        'group "Carte des communes"',
        'table "Signatures par engagement"',
        'table "Signatures par arrondissement"',
    ):
        assert words in trees[0]
        assert words in trees[1]


def test_one_press_goes_past_the_map(open_page: OpenPage) -> None:
    page = open_page("/territoire", reduced_motion="reduce")
    page.locator("main").focus()
    page.keyboard.press("Tab")
    passing = page.get_by_role("link", name="Passer la carte")
    expect(passing).to_be_focused()
    box = passing.bounding_box()
    assert box
    assert box["height"] >= 24
    assert passing.evaluate("e => getComputedStyle(e).clipPath") == "none", "it must be seen"
    page.keyboard.press("Tab")
    first = page.locator(".map > svg a").first
    expect(first).to_be_focused()
    expect(first).to_have_accessible_name(re.compile(r"^Abjat-sur-Bandiat\s: "))
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("summary").first).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".by-commune a").first).to_be_focused()


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_focus_is_seen(width: int, scheme: str, open_page: OpenPage) -> None:
    page = open_page("/territoire", width=width, color_scheme=scheme, reduced_motion="reduce")
    page.locator("summary").first.click()
    for selector in (
        ".map > svg a >> nth=40",
        "summary >> nth=1",
        ".by-commune th a >> nth=0",
        ".by-commitment a >> nth=2",
        "[aria-labelledby=by-epci-title] thead a >> nth=3",
        "[aria-labelledby=by-epci-title] tbody a >> nth=5",
    ):
        where = page.locator(selector)
        where.scroll_into_view_if_needed()
        shots = []
        for act in ("e => e.blur()", "e => e.focus({focusVisible: true})"):
            where.evaluate(act)
            box = where.bounding_box()
            assert box
            clip = {
                "x": max(0, box["x"] - 6),
                "y": max(0, box["y"] - 6),
                "width": box["width"] + 12,
                "height": box["height"] + 12,
            }
            shots.append(page.screenshot(clip=clip))  # type: ignore[arg-type]
        assert shots[0] != shots[1], selector


@pytest.mark.parametrize("width", [1280, 320])
def test_what_has_the_focus_is_not_under_the_panels(width: int, open_page: OpenPage) -> None:
    """The row of panels stays in sight: going backwards, links come from under it."""
    page = open_page("/territoire", width=width, reduced_motion="reduce")
    links = page.locator("[aria-labelledby=by-epci-title] tbody a")
    links.last.focus()
    for _ in range(21):
        page.keyboard.press("Shift+Tab")
        seen = page.evaluate(
            """() => {
                const box = document.activeElement.getClientRects()[0];
                const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                return document.activeElement.contains(top);
            }"""
        )
        assert seen, page.evaluate("document.activeElement.outerHTML")
    expect(links.first).to_be_focused()


@pytest.mark.parametrize("width", [1280, 1030, 800, 360, 320])
def test_nothing_sticks_out_or_is_cut(width: int, open_page: OpenPage) -> None:
    page = open_page("/territoire", width=width)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overlapping = page.evaluate(
        """() => [...document.querySelectorAll(".by-area tbody tr")].filter(line => {
            const cells = [...line.cells].map(cell => {
                const range = document.createRange();
                range.selectNodeContents(cell);
                return range.getBoundingClientRect();
            }).filter(box => box.width > 1);
            const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1
                || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
            return cells.some((a, i) => cells.some((b, j) => i < j && !apart(a, b)));
        }).map(line => line.textContent)"""
    )
    assert not overlapping


def test_bars_are_drawn_as_they_are_told(open_page: OpenPage) -> None:
    """By the pixel: what a style sheet does to a drawing, no markup tells."""
    page = open_page("/territoire")
    bars = page.locator(".overview > svg, .by-commitment td svg, .by-area td svg").evaluate_all(
        """bars => bars.map(bar => {
            const board = bar.getBoundingClientRect(), [rect] = bar.children;
            const told = rect.getBoundingClientRect();
            const height = board.height - parseFloat(getComputedStyle(bar).borderBottomWidth);
            return bar.viewBox.baseVal.width === 1
                ? [told.height / height, rect.height.baseVal.value, board.top + height - told.bottom]
                : [told.width / board.width, rect.width.baseVal.value, told.left - board.left];
        })"""
    )
    assert len(bars) == 1 + 10 + 26 * 11
    for drawn, told, away in bars:
        assert drawn == pytest.approx(told / 100, abs=0.01)
        assert not told or abs(away) < 0.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_still_tell_how_full(scheme: str, open_page: OpenPage) -> None:
    page = open_page("/territoire", forced_colors="active", color_scheme=scheme)
    colours = page.locator(".overview > svg").evaluate(
        """bar => {
            const probe = document.body.appendChild(document.createElement("p"));
            const named = name => { probe.style.color = name; return getComputedStyle(probe).color; };
            return [getComputedStyle(bar.firstElementChild).fill, named("CanvasText"), named("Canvas"),
                getComputedStyle(bar).borderTopStyle];
        }"""
    )
    assert colours[0] == colours[1] != colours[2]
    assert colours[3] == "solid"


def test_axe_finds_nothing(open_page: OpenPage) -> None:
    page = open_page("/territoire", reduced_motion="reduce")
    page.locator("summary").first.click()
    violations = found_by_axe(page)
    assert not violations, "\n\n".join(violations)
