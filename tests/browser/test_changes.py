"""After signing, in a browser: correct, move, withdraw, refuse."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.mailbox import link_in
from tests.support.site import Site
from tests.support.steps import Person, ask_to_sign, confirm, letter_to, sign
from tests.support.watch import OpenPage

pytestmark = pytest.mark.browser

DEVICES = {
    "javascript": {},
    "no javascript": {"javascript": False},
    "telephone": {"width": 360, "touch": True},
}


@pytest.mark.parametrize("device", DEVICES)
def test_correct_move_and_withdraw(device: str, open_page: OpenPage, site: Site) -> None:
    someone = Person("Lise", "Faure", f"lise.{device[:2]}@example.org")
    page = open_page("/", **DEVICES[device])
    confirm(page, sign(page, site, someone, 2, 5))
    page.get_by_role("link", name="Voir ma page publique").click()
    public = page.url
    page.go_back()

    before = len(site.mailbox.letters)
    new = Person("Lise", "Faure", f"lise.{device[:2]}@ailleurs.example")
    page.get_by_role("link", name="Corriger mon nom").click()
    page.get_by_label("Nom", exact=True).fill("Faure-Roux")
    page.get_by_label("Adresse électronique").fill(new.email)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.locator(".signature")).to_contain_text("Lise Faure-Roux")
    expect(page.locator(".signature")).to_contain_text(new.email)

    page = open_page(link_in(letter_to(new, site, before, "/demenager/"), "/demenager/"), **DEVICES[device])
    page.get_by_role("button", name="Confirmer cette adresse").click()
    expect(page).to_have_url(re.compile("/ma-signature$"))
    expect(page.locator(".signature .address")).to_have_text(new.email)
    page.locator("#contact button").click()
    expect(page.locator("#contact")).to_contain_text("Vous avez accepté")

    page.get_by_role("link", name="Retirer ma signature").click()
    page.get_by_role("button", name="Retirer cette signature").click()
    expect(page).to_have_url(re.compile("/signature-retiree$"))
    assert page.context.request.get(public).status == 404
    letter_to(new, site, before, "a été")


def test_not_me(open_page: OpenPage, site: Site) -> None:
    stranger = Person("Luc", "Petit", "not.me@example.org")
    before = len(site.mailbox.letters)
    ask_to_sign(open_page("/"), stranger, 1)
    letter = letter_to(stranger, site, before, "/refuser/")
    page = open_page(link_in(letter, "/refuser/"))
    page.get_by_label("Je n’ai pas demandé cette signature.").check()
    page.get_by_role("button", name="Effacer cette signature").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Signature effacée")
    assert page.context.request.get(link_in(letter, "/confirmer/")).status == 404
