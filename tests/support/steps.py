"""What candidates do, step by step, with what they see on the screen."""

import re
from dataclasses import dataclass
from email.message import EmailMessage

from playwright.sync_api import Locator, Page, expect

from tests.support.mailbox import link_in, text_of
from tests.support.site import Site


@dataclass(frozen=True)
class Person:
    """Somebody who signs."""

    given_name: str
    family_name: str
    email: str
    commune: str = "Sarlat"
    role: str = "tête de liste"
    list_name: str = "Ensemble"

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}"


def case(page: Page, number: int) -> Locator:
    """Return the button of one commitment."""
    return page.locator(f"#prendre-{number}")


def is_taken(page: Page, number: int, taken: bool = True) -> None:
    """Expect what one button shows."""
    expect(case(page, number)).to_have_attribute("aria-checked", "true" if taken else "false")


def tick(page: Page, *numbers: int, taken: bool = True, touch: bool = False) -> None:
    """Press the buttons of commitments one by one, each once its answer has come."""
    for number in numbers:
        is_taken(page, number, not taken)
        case(page, number).tap() if touch else case(page, number).click()
        is_taken(page, number, taken)


def change(page: Page, *numbers: int, taken: bool = True) -> None:
    """Change commitments of the signature that is open, from « Ma signature » and back to it."""
    page.goto("/ma-signature")
    page.get_by_role("link", name="Modifier mes engagements").click()
    tick(page, *numbers, taken=taken)
    page.get_by_role("link", name="Ma signature").last.click()
    expect(page).to_have_url(re.compile("/ma-signature$"))


def shown(page: Page) -> set[int]:
    """Return the commitments that the page shows as taken at this moment."""
    boxes = page.get_by_role("checkbox", checked=True).filter(has=page.locator(".panel"))
    return {int((box.get_attribute("id") or "").removeprefix("prendre-")) for box in boxes.all()}


def stored(page: Page) -> set[int]:
    """Return the commitments that the server holds for this browser."""
    html = page.context.request.get("/").text()
    buttons = re.findall(r'id="prendre-(\d+)"[^>]*aria-checked="(true|false)"', html)
    assert len(buttons) == 10
    return {int(number) for number, checked in buttons if checked == "true"}


def fill(page: Page, person: Person, consent: bool = True) -> None:
    """Fill in who signs."""
    page.get_by_label("Prénom").fill(person.given_name)
    page.get_by_label("Nom", exact=True).fill(person.family_name)
    page.get_by_label(person.role).check()
    page.get_by_label("Commune", exact=True).fill(person.commune)
    page.get_by_label("Nom de la liste").fill(person.list_name)
    page.get_by_label("Adresse électronique").fill(person.email)
    if consent:
        page.get_by_label("J’accepte que mon nom").check()


def submit(page: Page) -> None:
    """Send the form that asks who signs."""
    page.get_by_role("button", name="Recevoir le lien de confirmation").click()


def ask_to_sign(page: Page, person: Person, *numbers: int) -> None:
    """Tick, and say who signs: a letter leaves."""
    tick(page, *numbers)
    page.goto("/signer")
    fill(page, person)
    submit(page)
    expect(page).to_have_url(re.compile("/signer/envoye$"))


def sign(page: Page, site: Site, person: Person, *numbers: int) -> str:
    """Tick, say who signs, and return the link of the letter that came."""
    before = len(site.mailbox.letters)
    ask_to_sign(page, person, *numbers)
    return link_in(letter_to(person, site, before, "/confirmer/"), "/confirmer/")


def confirm(page: Page, link: str) -> None:
    """Open the link of the letter and sign."""
    page.goto(link)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Confirmer ma signature").click()
    expect(page).to_have_url(re.compile("/ma-signature$"))


def come_back(page: Page, site: Site, person: Person) -> str:
    """Ask for a way back to a signature; return the link of the letter that came."""
    page.goto("/retrouver")
    page.get_by_label("Adresse électronique").fill(person.email)
    before = len(site.mailbox.letters)
    page.get_by_role("button", name="Recevoir mon lien").click()
    expect(page).to_have_url(re.compile("/retrouver/envoye$"))
    return link_in(letter_to(person, site, before, "/acces/"), "/acces/")


def letter_to(person: Person, site: Site, before: int, words: str) -> EmailMessage:
    """Wait for a letter to somebody that holds some words, among those that follow the first ``before``."""
    count = before + 1
    while True:
        letter = site.mailbox.wait(count)
        if letter["X-Envelope-To"] == person.email and words in text_of(letter):
            return letter
        count += 1
