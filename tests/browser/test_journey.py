import re
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.mailbox import link_in
from tests.support.site import Site
from tests.support.steps import Person, come_back, fill, letter_to, shown, submit, tick
from tests.support.watch import OpenPage

pytestmark = pytest.mark.browser

DEVICES = {
    "javascript": {},
    "no javascript": {"javascript": False},
    "telephone": {"width": 360, "touch": True},
}
#: What is typed as the commune, the one to choose where several fit, and the one that is meant.
COMMUNES = {
    "javascript": ("sainte alvere", None, "Val de Louyre et Caudeau"),
    "no javascript": ("24590", "Saint-Geniès", "Saint-Geniès"),
    "telephone": ("Saint Martin", "Saint-Martin-de-Ribérac", "Saint-Martin-de-Ribérac"),
}
TAKEN = {1, 2, 4, 5, 7, 9, 10}


@pytest.mark.parametrize("device", DEVICES)
def test_from_the_first_tick_to_the_certificate_and_back(
    device: str, open_page: OpenPage, site: Site
) -> None:
    options = DEVICES[device]
    typed, choice, commune = COMMUNES[device]
    someone = Person("Anaïs", f"Bérard {device.title()}", f"anais.{device[:2]}@example.org", typed)

    page = open_page("/", **options)
    _tick_seven_and_change_their_mind(page, touch="touch" in options)
    _send_an_empty_form(page)
    _say_who_they_are(page, someone, choice)
    letters = len(site.mailbox.letters)
    submit(page)
    expect(page).to_have_url(re.compile("/signer/envoye$"))
    expect(page.locator("main")).to_contain_text(someone.email)
    link = link_in(letter_to(someone, site, letters, "/confirmer/"), "/confirmer/")

    page = open_page(link, **options)  # on another device, where the mailbox is
    _confirm(page, someone, commune)
    _find_the_certificate_in(letter_to(someone, site, letters, "Votre certificat est joint"))
    certificate = _download_the_certificate(page, someone)
    _check_the_file(open_page("/verifier", **options), certificate, someone)
    _find_the_signature_in_public(open_page("/signataires", **options), someone, commune)

    page.goto("/ma-signature")
    page.get_by_role("button", name="fermer ma session").click()
    expect(page.locator("#progress")).to_contain_text("0 engagement sur 10")
    assert not shown(page)
    page.goto("/ma-signature")
    expect(page).to_have_url(re.compile("/retrouver$"))

    way_back = come_back(page, site, someone)
    page = open_page(way_back, **options)
    page.get_by_role("button", name="Ouvrir ma signature").click()
    expect(page).to_have_url(re.compile("/ma-signature$"))
    expect(page.locator("#engagements .count")).to_have_text("7 engagements sur 10")
    _use_the_links_twice(page, link, way_back)


def _tick_seven_and_change_their_mind(page: Page, touch: bool) -> None:
    tick(page, *TAKEN, touch=touch)
    expect(page.locator("#progress")).to_contain_text("7 engagements sur 10")
    page.reload()
    assert shown(page) == TAKEN
    tick(page, 4, taken=False, touch=touch)
    expect(page.locator("#progress")).to_contain_text("6 engagements sur 10")
    tick(page, 4, touch=touch)
    page.get_by_role("link", name="Continuer").first.click()
    expect(page).to_have_url(re.compile("/signer$"))
    expect(page.locator("main")).to_contain_text("7 engagements sur 10")


def _send_an_empty_form(page: Page) -> None:
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        submit(page)
    assert answer.value.status == 422
    expect(page).to_have_title(re.compile("^Erreur\N{NO-BREAK SPACE}: "))
    expect(page.locator("#errors")).to_be_focused()
    links = page.locator("#errors a")
    fields = [link.get_attribute("href") or "" for link in links.all()]
    assert len(fields) == 7
    for link, field in zip(links.all(), fields, strict=True):
        link.click()
        expect(page.locator(field)).to_be_focused()


def _say_who_they_are(page: Page, someone: Person, choice: str | None) -> None:
    fill(page, someone, consent=choice is not None)
    submit(page)
    expect(page.locator("#errors a")).to_have_count(1)
    expect(page.get_by_label("Prénom")).to_have_value(someone.given_name)
    expect(page.get_by_label("Nom", exact=True)).to_have_value(someone.family_name)
    expect(page.get_by_label(someone.role)).to_be_checked()
    expect(page.get_by_label("Commune", exact=True)).to_have_value(someone.commune)
    expect(page.get_by_label("Nom de la liste")).to_have_value(someone.list_name)
    expect(page.get_by_label("Adresse électronique")).to_have_value(someone.email)
    consent = page.get_by_label("J’accepte que mon nom")
    if choice is None:
        expect(consent).not_to_be_checked()
        consent.check()
    else:
        expect(consent).to_be_checked()
        page.get_by_label(choice).check()


def _confirm(page: Page, someone: Person, commune: str) -> None:
    expect(page.locator("main")).to_contain_text(someone.full_name)
    expect(page.locator("main")).to_contain_text(commune)
    button = page.get_by_role("button", name="Confirmer ma signature")
    button.click()
    expect(page.locator("#errors")).to_be_focused()
    page.get_by_label(f"Je suis {someone.full_name}").check()
    button.click()
    expect(page).to_have_url(re.compile("/ma-signature$"))
    expect(page.get_by_role("status").first).to_contain_text("Votre signature est confirmée")
    expect(page.locator("#engagements .count")).to_have_text("7 engagements sur 10")
    page.get_by_role("link", name="Modifier mes engagements").click()
    assert shown(page) == TAKEN
    page.go_back()


def _find_the_certificate_in(letter: EmailMessage) -> None:
    (attachment,) = letter.iter_attachments()
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_content().startswith(b"%PDF")


def _download_the_certificate(page: Page, someone: Person) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Télécharger le certificat").click()
    assert download.value.suggested_filename.startswith("certificat-ANAIS-BERARD-")
    assert download.value.suggested_filename.endswith(".pdf")
    certificate = Path(download.value.path())
    assert certificate.read_bytes().startswith(b"%PDF")
    page.get_by_role("button", name="Le lire ici").click()
    expect(page.get_by_role("article")).to_contain_text(someone.full_name)
    expect(page.get_by_role("article")).to_contain_text("7 engagements sur 10")
    return certificate


def _check_the_file(page: Page, certificate: Path, someone: Person) -> None:
    page.get_by_label("Par le fichier PDF").set_input_files(certificate)
    page.get_by_role("button", name="Vérifier le fichier").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Certificat authentique et à jour")
    expect(page.get_by_role("article")).to_contain_text(someone.full_name)


def _find_the_signature_in_public(page: Page, someone: Person, commune: str) -> None:
    entry = page.get_by_role("listitem").filter(has_text=someone.full_name)
    expect(entry).to_contain_text(commune)
    assert someone.email not in page.content()
    entry.get_by_role("link", name=someone.full_name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(someone.full_name)
    expect(page.locator("main")).to_contain_text("7 engagements sur 10")
    assert someone.email not in page.content()


def _use_the_links_twice(page: Page, link: str, way_back: str) -> None:
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Signature déjà confirmée")
    answer = page.goto(way_back)
    assert answer
    assert answer.status == 410
    expect(page.get_by_role("heading", level=1)).to_have_text("Lien périmé")
