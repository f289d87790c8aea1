import functools
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.axe import found_by_axe
from tests.support.site import Site
from tests.support.states import FIRST, HOLDERS, STATES, THEN, Cast, bring_in
from tests.support.steps import case, tick
from tests.support.watch import OpenPage, watched

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(scope="module")
def cast(browser: Browser, site: Site) -> Cast:
    return bring_in(functools.partial(watched, browser, site.url), site)


@pytest.fixture(scope="module", params=STATES)
def state(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    """A page in one state, which the tests of this file look at in turn."""
    name = request.param
    options: dict[str, object] = {"reduced_motion": "reduce"}
    if name == "charter, not saved":
        options["tolerate"] = r"POST \S+/engagements/"
    if name in FIRST:
        with watched(browser, site.url, FIRST[name], **options) as page:
            yield page
        return
    cast = request.getfixturevalue("cast")
    if name in HOLDERS:
        options["storage_state"] = getattr(cast, HOLDERS[name])
    with watched(browser, site.url, **options) as page:
        THEN[name](page, cast)
        yield page


def test_axe_finds_nothing(state: Page) -> None:
    violations = found_by_axe(state)
    assert not violations, "\n\n".join(violations)


def test_nothing_sticks_out_of_a_narrow_screen(state: Page) -> None:
    state.set_viewport_size({"width": 320, "height": 800})
    sticking_out = state.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
            .map(element => element.outerHTML.slice(0, 100))"""
    )
    assert state.evaluate("document.documentElement.scrollWidth") <= 320, sticking_out


def test_headings_come_in_order(state: Page) -> None:
    assert state.evaluate("document.documentElement.lang") == "fr"
    levels = state.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(h => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    outline = [level for level in levels if level > 1]  # an error summary stands above the h1
    assert all(deeper - level <= 1 for level, deeper in zip([1, *outline], outline, strict=False)), levels


def test_commitments_are_named_by_their_words(open_page: OpenPage) -> None:
    page = open_page("/")
    expect(case(page, 4)).to_have_accessible_name(
        "Engagement 4 : Faciliter l’accès au foncier des acteurs et actrices de l’ESS"
    )
    expect(case(page, 4)).to_have_role("checkbox")


@pytest.mark.parametrize("width", [1280, 360])
def test_tab_goes_through_everything_in_order_and_in_sight(width: int, open_page: OpenPage) -> None:
    page = open_page("/", width=width, reduced_motion="reduce")
    count = page.evaluate(
        "(window.stops = [...document.querySelectorAll('a[href], button, input:not([type=hidden])')]).length"
    )
    for index in range(count):
        page.keyboard.press("Tab")
        where = page.evaluate(
            """index => {
                const element = document.activeElement, style = getComputedStyle(element);
                const box = element.getClientRects()[0];
                const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                return {
                    right: stops.indexOf(element) === index,
                    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
                    uncovered: element.contains(top),
                    html: element.outerHTML.slice(0, 120),
                };
            }""",
            index,
        )
        assert (where["right"], where["outlined"], where["uncovered"]) == (True, True, True), (index, where)


def test_the_first_stop_skips_to_the_content(open_page: OpenPage) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_still_tell_what_is_ticked(scheme: str, open_page: OpenPage) -> None:
    page = open_page("/", forced_colors="active", color_scheme=scheme, reduced_motion="reduce")
    looks = []
    for press in (False, True):
        if press:
            tick(page, 3)
        page.evaluate("document.activeElement.blur()")
        page.mouse.move(0, 0)
        # Of the button itself: the posters and their colours may not be printed, its frame is.
        shape = case(page, 3).evaluate(
            "e => { const s = getComputedStyle(e); return [s.borderWidth, s.borderStyle]; }"
        )
        looks.append((shape, case(page, 3).locator(".checkmark").screenshot()))
    assert looks[0][0] != looks[1][0]
    assert looks[0][1] != looks[1][1]
