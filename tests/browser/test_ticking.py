import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.steps import case, is_taken, shown, stored, tick
from tests.support.watch import OpenPage

pytestmark = pytest.mark.browser

ANSWERS = "**/engagements/*"
#: What the console and the network say of the answers that a test makes fail.
MADE_TO_FAIL = r"POST \S+/engagements/|net::ERR_FAILED|Failed to fetch"
FAILURES: dict[str, Callable[[Route], None]] = {
    "500": lambda route: route.fulfill(status=500, body="<h1>Panne</h1>"),
    "503": lambda route: route.fulfill(status=503, body="<h1>Indisponible</h1>"),
    "no answer": lambda route: route.abort(),
}


def remember(page: Page, **selectors: str) -> None:
    """Keep hold of nodes, to tell later whether they are still the ones on the page."""
    page.evaluate(
        "selectors => { window.kept = {}; for (const [name, selector] of Object.entries(selectors))"
        " kept[name] = document.querySelector(selector); }",
        selectors,
    )


def is_same(page: Page, name: str) -> bool:
    return bool(page.evaluate("name => kept[name].isConnected", name))


def press_at_once(page: Page, *numbers: int) -> None:
    """Press before any answer can come."""
    page.evaluate("numbers => numbers.forEach(n => document.getElementById(`prendre-${n}`).click())", numbers)


def test_a_press_swaps_its_line_and_nothing_else(open_page: OpenPage) -> None:
    page = open_page("/")
    others = {f"line{n}": f"#engagement-{n}" for n in range(1, 11) if n != 3}
    remember(page, pressed="#engagement-3", progress="#progress", segments="#segments", **others)
    tick(page, 3)
    expect(page.locator("#progress")).to_contain_text("1 engagement sur 10")
    expect(page.locator("#progress")).to_contain_text("Enregistré")
    expect(page.locator("#segments .is-taken")).to_have_text(["3"])
    assert not is_same(page, "pressed")
    assert all(is_same(page, name) for name in ("progress", "segments", *others))
    assert page.locator("#engagement-3").count() == 1
    assert stored(page) == {3}


def test_progress_is_announced(open_page: OpenPage) -> None:
    page = open_page("/")
    expect(page.get_by_role("status").filter(has_text="0 engagement sur 10")).to_have_count(1)
    tick(page, 1, 2)
    expect(page.get_by_role("status").filter(has_text="2 engagements sur 10")).to_have_count(1)


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_the_keyboard_ticks_and_keeps_the_focus(key: str, open_page: OpenPage) -> None:
    page = open_page("/")
    case(page, 3).focus()
    for taken in (True, False, True):
        page.keyboard.press(key)
        is_taken(page, 3, taken)
        expect(case(page, 3)).to_be_focused()
    page.keyboard.press("Tab")
    expect(case(page, 4)).to_be_focused()
    assert stored(page) == {3}


def test_a_press_with_the_mouse_keeps_the_focus(open_page: OpenPage) -> None:
    page = open_page("/")
    tick(page, 6)
    expect(case(page, 6)).to_be_focused()


def test_two_presses_before_the_answer_are_one(open_page: OpenPage) -> None:
    page = open_page("/")
    press_at_once(page, 3, 3)
    tick(page, 5)  # presses are sent in their order: once this one is answered, they all are
    assert shown(page) == stored(page) == {3, 5}


def test_presses_that_follow_a_double_click_are_stored(open_page: OpenPage) -> None:
    page = open_page("/")
    press_at_once(page, 3, 3, 5, 7)
    for number in (3, 5, 7):
        is_taken(page, number)
    assert stored(page) == {3, 5, 7}


def test_a_double_click_shows_what_is_stored(open_page: OpenPage) -> None:
    page = open_page("/")
    case(page, 3).dblclick()
    tick(page, 5)
    assert shown(page) == stored(page)
    assert shown(page) >= {5}


def test_five_fast_presses_are_all_stored(open_page: OpenPage) -> None:
    page = open_page("/")
    press_at_once(page, 1, 3, 5, 7, 9)
    for number in (1, 3, 5, 7, 9):
        is_taken(page, number)
    expect(page.locator("#progress")).to_contain_text("5 engagements sur 10")
    expect(page.locator("#segments .is-taken")).to_have_text(["1", "3", "5", "7", "9"])
    assert stored(page) == {1, 3, 5, 7, 9}


def test_five_quick_presses_without_javascript_are_all_kept(open_page: OpenPage) -> None:
    page = open_page("/", javascript=False)
    for number in (1, 3, 5, 7, 9):
        case(page, number).click(no_wait_after=True)
    for _ in range(100):  # the last answer may be on its way
        if stored(page) == {1, 3, 5, 7, 9}:
            break
        page.wait_for_timeout(100)
    other_tab = page.context.new_page()
    other_tab.goto("/")
    assert shown(other_tab) == {1, 3, 5, 7, 9}


def test_two_tabs_share_the_draft(open_page: OpenPage) -> None:
    page = open_page("/")
    other_tab = page.context.new_page()
    other_tab.goto("/")
    for number in (1, 3, 5):
        tick(page, number)
        tick(other_tab, number + 1)
    assert stored(page) == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_press_that_was_not_stored_says_so(failure: str, open_page: OpenPage) -> None:
    page = open_page("/", tolerate=MADE_TO_FAIL)
    tick(page, 2)
    page.route(ANSWERS, FAILURES[failure])
    for number in (2, 3):
        case(page, number).click()
        expect(page.locator("#progress .failure")).to_have_text("Pas enregistré, réessayez.")
    expect(page.locator("#progress")).not_to_contain_text("Enregistré")
    expect(page.locator("#progress .failure")).to_have_count(1)
    expect(case(page, 3)).to_be_focused()
    assert shown(page) == stored(page) == {2}

    page.unroute(ANSWERS)
    tick(page, 3)
    expect(page.locator("#progress")).to_contain_text("2 engagements sur 10")
    expect(page.locator("#progress")).to_contain_text("Enregistré")
    expect(page.locator(".failure")).to_have_count(0)
    assert stored(page) == {2, 3}


def test_a_form_that_outlived_its_session_says_to_reload(open_page: OpenPage) -> None:
    page = open_page("/", tolerate=MADE_TO_FAIL)
    page.context.clear_cookies()
    case(page, 3).click()
    expect(page.locator("#progress .failure")).to_have_text(re.compile("rechargez la page"))
    is_taken(page, 3, False)

    page.reload()
    expect(page.locator(".failure")).to_have_count(0)
    tick(page, 3)
    assert stored(page) == {3}


def test_nothing_is_left_in_the_browser_but_the_cookie(open_page: OpenPage) -> None:
    page = open_page("/")
    tick(page, 1, 2)
    page.goto("/signataires")
    page.go_back()
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert [cookie["name"] for cookie in page.context.cookies()] == ["paraphe"]


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_coming_back_shows_what_is_stored(javascript: bool, open_page: OpenPage) -> None:
    page = open_page("/", javascript=javascript)
    tick(page, 3)
    page.goto("/signataires")
    other_tab = page.context.new_page()
    other_tab.goto("/")
    tick(other_tab, 5)
    page.go_back()
    assert shown(page) == {3, 5}
    expect(page.locator("#progress")).to_contain_text("2 engagements sur 10")


def test_going_back_over_presses_without_javascript_undoes_none(open_page: OpenPage) -> None:
    page = open_page("/", javascript=False)
    tick(page, 3, 5)
    page.go_back()
    assert shown(page) == {3, 5}


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_those_who_ask_for_it(motion: str, open_page: OpenPage) -> None:
    page = open_page("/", reduced_motion=motion)
    tick(page, 3)
    moving = page.evaluate("""() => [...document.querySelectorAll("*")].flatMap(element =>
        ["", "::before", "::after"].map(part => getComputedStyle(element, part || null))
            .filter(style => /[1-9]/.test(style.transitionDuration + style.animationDuration))).length""")
    running = page.evaluate("document.getAnimations().length")
    smooth = page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
    if motion == "reduce":
        assert (moving, running, smooth) == (0, 0, "auto")
    else:
        assert moving > 0  # or the case above would prove nothing
