"""The register in a browser: searched as one types, or by a button; walked page by page."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.crowd import app_on, fill
from tests.support.site import Site
from tests.support.watch import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(scope="module")
def crowd(site: Site) -> list[str]:
    """Three hundred people who signed on the running site."""
    return fill(app_on(site.database), 300)


def names(page: Page) -> list[str]:
    return page.locator(".entry .name").all_inner_texts()


def test_as_one_types(open_page: OpenPage, crowd: list[str]) -> None:
    page = open_page("/signataires")
    expect(page.get_by_role("status")).to_have_text("300 signatures confirmées")
    page.evaluate("document.body.dataset.same = 'page'")
    field = page.get_by_role("searchbox", name="Nom")
    field.press_sequentially("roche", delay=30)
    expect(page.get_by_role("status")).not_to_have_text("300 signatures confirmées")
    expect(page).to_have_url(re.compile(r"/signataires\?nom=roche$"))
    assert names(page)
    assert all("Dupont de La Roche" in name for name in names(page))
    expect(field).to_be_focused()
    assert page.evaluate("document.body.dataset.same") == "page", "nothing was reloaded"

    page.get_by_text("Plus de critères").press("Enter")
    page.get_by_label("Qualité").select_option("elu")
    expect(page).to_have_url(re.compile(r"qualite=elu$"))
    expect(page.locator(".entry .role").first).to_contain_text("élu·e")
    field.fill("personne de ce nom")
    expect(page.locator("#results")).to_contain_text("Personne ne correspond encore à cette recherche.")
    expect(page.get_by_role("status")).to_contain_text("0 signature confirmée")

    found = page.url
    page.get_by_role("link", name="La charte", exact=True).click()
    page.go_back()
    expect(page).to_have_url(found)
    expect(page.get_by_role("searchbox", name="Nom")).to_have_value("personne de ce nom")


def test_a_commune_to_choose(open_page: OpenPage, crowd: list[str]) -> None:
    page = open_page("/signataires")
    page.get_by_role("combobox", name="Commune").press_sequentially("sainte-alv", delay=30)
    expect(page.get_by_role("status")).to_contain_text("à Val de Louyre et Caudeau")


@pytest.mark.parametrize(
    "device", [{"javascript": False}, {"width": 360, "touch": True}, {"width": 320}], ids=str
)
def test_by_the_button_and_the_links(
    open_page: OpenPage, crowd: list[str], device: dict[str, object]
) -> None:
    page = open_page("/signataires", **device)
    seen = names(page)
    for _ in range(2):
        page.get_by_role("link", name="Page suivante").click()
        expect(page).to_have_url(re.compile("apres="))
        seen += names(page)
    assert len(seen) == 75
    page.get_by_role("link", name="Page précédente").click()
    expect(page).to_have_url(re.compile("avant="))
    assert names(page) == seen[25:50]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.get_by_role("searchbox", name="Nom").fill("zoë martin")
    page.get_by_role("button", name="Chercher").click()
    expect(page).to_have_url(re.compile("nom=zo"))
    assert set(names(page)) == {"Zoë Martin"}
    page.get_by_role("link", name="Effacer la recherche").click()
    expect(page).to_have_url(re.compile(r"/signataires$"))


def test_a_search_that_fails_says_so(open_page: OpenPage, crowd: list[str]) -> None:
    page = open_page("/signataires", tolerate=r"ERR_|Failed|aborted|nom=")
    page.route(re.compile(r"\?nom="), lambda route: route.abort())
    page.get_by_role("searchbox", name="Nom").fill("roche")
    expect(page.get_by_role("status")).to_contain_text("La recherche n’a pas abouti")
    page.unroute_all()
    page.get_by_role("searchbox", name="Nom").fill("roche d")
    expect(page.get_by_role("status")).not_to_contain_text("La recherche n’a pas abouti")


def test_by_keyboard_alone_and_told_to_screen_readers(open_page: OpenPage, crowd: list[str]) -> None:
    page = open_page("/signataires?qualite=elu")
    tree = page.locator("main").aria_snapshot()
    for words in (
        "search",
        'searchbox "Nom (ou prénom, ou leur début)"',
        'combobox "Commune (nom, ancien nom ou code postal)"',
        'combobox "Intercommunalité"',
        'combobox "Engagement pris"',
        'button "Chercher"',
        "status",
        'navigation "Pages du registre"',
    ):
        assert words in tree, tree
    assert re.search(r"\d engagements? sur 10 ?: \d", tree), "the panels are doubled by words"
    page.get_by_role("searchbox", name="Nom").focus()
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
        )
    assert reached[:10] == [
        "commune", "Plus de critères", "epci", "arrondissement", "qualite", "engagement", "tri", "Chercher",
        "Voir le territoire, commune par commune",
        "Effacer la recherche, voir tous les signataires",
    ]  # fmt: skip
