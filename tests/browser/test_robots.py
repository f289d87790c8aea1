"""The pages that ask to wait, and the field that nobody is to meet."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.axe import found_by_axe
from tests.support.site import running_site
from tests.support.steps import Person, fill, submit, tick
from tests.support.watch import OpenPage, watched

pytestmark = pytest.mark.browser

MARIE = Person("Marie", "Roche", "marie@example.org")


def test_to_be_asked_again_and_then_to_wait(browser: Browser, tmp_path: Path, database_url: str) -> None:
    limits = {"RATELIMIT_ENABLED": "true", "RATELIMIT_FORMS": "1 per hour", "FORM_MIN_SECONDS": "3600"}
    with (
        running_site(tmp_path, database_url, workers=1, **limits) as site,
        watched(browser, site.url, reduced_motion="reduce") as page,
    ):
        tick(page, 1)
        page.goto("/signer")
        fill(page, MARIE)
        submit(page)
        expect(page.get_by_role("heading", name="Envoyez encore une fois")).to_be_visible()
        expect(page.locator("#errors")).to_be_focused()
        expect(page.get_by_label("Prénom")).to_have_value("Marie")
        assert not found_by_axe(page)
        submit(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Trop de demandes")
        expect(page.get_by_text("Marie", exact=True)).to_be_visible()
        assert not found_by_axe(page)


@pytest.mark.parametrize("path", ["/signer", "/retrouver"])
def test_nobody_meets_the_trap(path: str, open_page: OpenPage) -> None:
    page = open_page(path)
    trap = page.locator("[name=remarque]")
    expect(trap).to_be_hidden()
    assert "Laissez ce champ vide" not in page.locator("main").aria_snapshot()
    stops = set()
    for _ in range(page.locator("a, button, input").count()):
        page.keyboard.press("Tab")
        stops.add(page.evaluate("document.activeElement.name"))
    assert "email" in stops
    assert "remarque" not in stops
