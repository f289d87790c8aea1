"""Every page in every state that a visitor may meet, each on a fresh device."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.mailbox import link_in
from tests.support.site import Site
from tests.support.steps import (
    Person,
    ask_to_sign,
    case,
    change,
    come_back,
    confirm,
    fill,
    letter_to,
    sign,
    submit,
    tick,
)

Open = Callable[..., AbstractContextManager[Page]]


@dataclass
class Cast:
    """Who has signed before, and what they left behind."""

    site: Site
    confirmed_link: str
    pending_link: str
    used_access_link: str
    code: str
    number: str
    pdf: bytes
    replaced_number: str
    #: The cookies of somebody who signed, and of somebody who then gave everything back.
    signatory: Any
    withdrawn: Any
    withdrawn_number: str
    move_link: str = ""
    refuse_move_link: str = ""


def bring_in(open_page: Open, site: Site) -> Cast:
    """Let three people sign: one stays, one gives everything back, one has not confirmed yet."""
    jeanne = Person("Jeanne", "Lacoste", "jeanne@example.org")
    paul = Person("Paul", "Roux", "paul@example.org", "Bergerac", "élu·e", "")
    with open_page("/") as page:
        confirmed_link = sign(page, site, jeanne, 1, 2, 10)
        confirm(page, confirmed_link)
        change(page, 3)
        replaced_number = _number(page)
        change(page, 3, taken=False)
        number = _number(page)
        pdf = page.context.request.get("/ma-signature/certificat.pdf").body()
        code = (page.get_by_role("link", name="Voir ma page publique").get_attribute("href") or "").split(
            "/"
        )[-1]
    with open_page("/") as page:
        confirm(page, sign(page, site, paul, 4))
        withdrawn_number = _number(page)
        change(page, 4, taken=False)
        withdrawn = page.context.storage_state()
    with open_page("/") as page:
        used_access_link = come_back(page, site, jeanne)
        page.goto(used_access_link)
        page.get_by_role("button", name="Ouvrir ma signature").click()
        expect(page).to_have_url(re.compile("/ma-signature$"))
        signatory = page.context.storage_state()  # the access link closed the session before
    with open_page("/") as page:
        pending_link = sign(page, site, Person("Luc", "Faure", "luc@example.org"), 3, 4)
    return Cast(
        site,
        confirmed_link,
        pending_link,
        used_access_link,
        code,
        number,
        pdf,
        replaced_number,
        signatory,
        withdrawn,
        withdrawn_number,
    )


def _number(page: Page) -> str:
    page.get_by_role("button", name="Le lire ici").click()
    number = page.locator(".certificate dd").first.inner_text()
    page.goto("/ma-signature")
    return number


def at(path: str) -> Callable[[Page, Cast], None]:
    """Make the state of a page that its address alone brings; ``{name}`` is what the cast knows."""

    def bring(page: Page, cast: Cast) -> None:
        page.goto(path.format_map(vars(cast)))
        expect(page).not_to_have_url(re.compile("/retrouver$"))  # the session has ended

    return bring


def ticked(page: Page, cast: Cast) -> None:
    tick(page, 1, 5, 10)
    expect(page.locator("#progress")).to_contain_text("Enregistré")


def not_saved(page: Page, cast: Cast) -> None:
    tick(page, 1)
    page.route("**/engagements/*", lambda route: route.fulfill(status=503, body=""))
    case(page, 2).click()
    expect(page.locator(".failure")).to_be_visible()


def unsigned(page: Page, cast: Cast) -> None:
    page.goto("/signer")
    submit(page)
    expect(page.locator("#errors")).to_be_visible()


def ambiguous_commune(page: Page, cast: Cast) -> None:
    tick(page, 1)
    page.goto("/signer")
    fill(page, Person("Marie", "Roche", "marie@example.org", "24590"))
    submit(page)
    expect(page.get_by_role("group", name="Votre commune est")).to_be_visible()


def doubtful_address(page: Page, cast: Cast) -> None:
    tick(page, 1)
    page.goto("/signer")
    fill(page, Person("Marie-Christine", "Roche", "marie-christine.roche-de-la-tour@gmial.com"))
    submit(page)
    expect(page.get_by_role("group", name="Votre adresse est")).to_be_visible()


def expired_form(page: Page, cast: Cast) -> None:
    tick(page, 1)
    page.goto("/signer")
    fill(page, Person("Marie", "Roche", "marie@example.org"))
    page.context.clear_cookies()
    submit(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Page restée ouverte trop longtemps")
    page.locator("summary").click()


def sent(page: Page, cast: Cast, address: str = "sent@example.org") -> None:
    ask_to_sign(page, Person("Marie", "Roche", address), 1, 2)


def waiting(page: Page, cast: Cast) -> None:
    sent(page, cast, "form@example.org")
    page.goto("/")


def pending(page: Page, cast: Cast) -> None:
    sent(page, cast, "waits@example.org")
    page.goto("/ma-signature")


def cookie_lost(page: Page, cast: Cast) -> None:
    tick(page, 1)
    page.goto("/signer")
    fill(page, Person("Marie", "Roche", "marie@example.org"))
    page.context.clear_cookies()
    submit(page)
    page.get_by_role("button", name="Envoyer de nouveau").click()
    expect(page.locator("#errors")).to_be_visible()


def sent_again(page: Page, cast: Cast) -> None:
    sent(page, cast, "again@example.org")
    _send_again(page, "again@example.org")
    expect(page.get_by_role("status")).to_be_visible()


def sent_to_nobody(page: Page, cast: Cast) -> None:
    sent(page, cast, "error@example.org")
    _send_again(page, "error@")
    expect(page.locator("#errors")).to_be_visible()


def _link(page: Page, cast: Cast, address: str) -> str:
    return sign(page, cast.site, Person("Marie", "Roche", address), 1, 2)


def _send_again(page: Page, address: str) -> None:
    page.get_by_label("Adresse électronique").fill(address)
    page.get_by_role("button", name="Renvoyer le courriel").click()


def unagreed(page: Page, cast: Cast) -> None:
    page.goto(cast.pending_link)
    page.get_by_role("button", name="Confirmer ma signature").click()
    expect(page.locator("#errors")).to_be_visible()


def changed_meanwhile(page: Page, cast: Cast) -> None:
    link = _link(page, cast, "changed@example.org")
    page.goto(link)
    other_tab = page.context.new_page()
    other_tab.goto(f"{link}/engagements")
    tick(other_tab, 3)
    page.get_by_role("checkbox").check()
    with page.expect_response(lambda answer: answer.status == 409):
        page.get_by_role("button", name="Confirmer ma signature").click()
    expect(page.locator("#errors")).to_be_visible()


def replaced_link(page: Page, cast: Cast) -> None:
    link = _link(page, cast, "before@example.org")
    page.goto(f"{link}/corriger")
    page.get_by_label("Adresse électronique").fill("after@example.org")
    page.get_by_role("button", name="Enregistrer et relire").click()
    expect(page).to_have_url(re.compile("/confirmer/renvoye$"))
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Lien périmé")


def uncorrected(page: Page, cast: Cast) -> None:
    page.goto(f"{cast.pending_link}/corriger")
    page.get_by_label("Prénom").fill("")
    page.get_by_role("button", name="Enregistrer et relire").click()
    expect(page.locator("#errors")).to_be_visible()


def unamended(page: Page, cast: Cast) -> None:
    page.goto("/ma-signature/corriger")
    page.get_by_label("Prénom").fill("")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.locator("#errors")).to_be_focused()


def moving(page: Page, cast: Cast, name: str = "moves") -> None:
    """Ask to move to another address."""
    someone = Person("Marie", "Roche", f"{name}@example.org")
    confirm(page, sign(page, cast.site, someone, 1))
    page.goto("/ma-signature/corriger")
    page.get_by_label("Adresse électronique").fill(f"{name}-away@example.org")
    before = len(cast.site.mailbox.letters)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page).to_have_url(re.compile("/ma-signature$"))
    asked = letter_to(Person("", "", f"{name}-away@example.org"), cast.site, before, "/demenager/")
    cast.move_link = link_in(asked, "/demenager/")
    told = letter_to(someone, cast.site, before, "/refuser")
    cast.refuse_move_link = link_in(told, "/demenager/")


def refuse_move(page: Page, cast: Cast) -> None:
    moving(page, cast, "stays")
    page.goto(cast.refuse_move_link)
    page.get_by_role("button", name="Refuser").click()
    expect(page.locator("#errors")).to_be_focused()


def moved(page: Page, cast: Cast) -> None:
    moving(page, cast, "moved")
    page.goto(cast.move_link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirmer ma nouvelle adresse")


def joining(page: Page, cast: Cast) -> None:
    page.goto(sign(page, cast.site, Person("Jeanne", "Lacoste", "jeanne@example.org"), 7))
    expect(page.locator("p.note")).to_contain_text("rejoindront votre signature")


def refusing(page: Page, cast: Cast, name: str = "refuses") -> None:
    someone = Person("Marie", "Roche", f"{name}@example.org")
    before = len(cast.site.mailbox.letters)
    ask_to_sign(page, someone, 1)
    page.goto(link_in(letter_to(someone, cast.site, before, "/refuser/"), "/refuser/"))


def unrefused(page: Page, cast: Cast) -> None:
    refusing(page, cast, "hesitates")
    page.get_by_role("button", name="Effacer cette signature").click()
    expect(page.locator("#errors")).to_be_focused()


def refused(page: Page, cast: Cast) -> None:
    refusing(page, cast, "refused")
    link = page.url
    page.get_by_label("Je n’ai pas demandé cette signature.").check()
    page.get_by_role("button", name="Effacer cette signature").click()
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Vous avez refusé cette signature")


def not_found(page: Page, cast: Cast) -> None:
    page.goto("/retrouver")
    page.get_by_role("button", name="Recevoir mon lien").click()
    expect(page.locator("#errors")).to_be_visible()


def way_back(page: Page, cast: Cast) -> None:
    page.goto(come_back(page, cast.site, Person("Jeanne", "Lacoste", "jeanne@example.org")))


def _check(page: Page, content: bytes) -> None:
    page.goto("/verifier")
    file = {"name": "certificat.pdf", "mimeType": "application/pdf", "buffer": content}
    page.get_by_label("Par le fichier PDF").set_input_files(file)  # type: ignore[arg-type]  # a TypedDict, made in place
    page.get_by_role("button", name="Vérifier le fichier").click()


def genuine_file(page: Page, cast: Cast) -> None:
    _check(page, cast.pdf)
    expect(page.get_by_role("heading", level=1)).to_have_text("Certificat authentique et à jour")


def altered_file(page: Page, cast: Cast) -> None:
    _check(page, cast.pdf + b"!")
    expect(page.get_by_role("heading", level=1)).to_have_text("Fichier altéré")


def unknown_file(page: Page, cast: Cast) -> None:
    _check(page, b"%PDF-1.4")
    expect(page.get_by_role("heading", level=1)).to_have_text("Certificat inconnu")


def large_file(page: Page, cast: Cast) -> None:
    _check(page, b"%PDF-" + b"a" * 5_000_000)
    expect(page.locator("#errors")).to_be_focused()


def no_file(page: Page, cast: Cast) -> None:
    page.goto("/verifier")
    page.get_by_role("button", name="Vérifier le fichier").click()
    expect(page.locator("#errors")).to_be_focused()


def just_confirmed(page: Page, cast: Cast) -> None:
    confirm(page, _link(page, cast, "confirmed@example.org"))


def territory(page: Page, cast: Cast) -> None:
    page.goto("/territoire")
    page.locator("summary").first.click()
    expect(page.locator("details[open] table")).to_be_visible()


def standing_alone(page: Page, cast: Cast) -> None:
    """Show the page that is served when nothing can be relied on, got here by asking for another host."""
    request = urllib.request.Request(cast.site.url, headers={"Host": "elsewhere.example"})
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        body = error.read().decode()
    page.route("**/panne", lambda route: route.fulfill(status=500, body=body, content_type="text/html"))
    page.goto("/panne")


#: Seen before anybody has signed.
FIRST: dict[str, str] = {
    "charter": "/",
    "register, empty": "/signataires",
    "commune, nobody yet": "/communes/24067",
    "commune, not found": "/communes/sarlot",
    "commitment, nobody yet": "/engagements/4",
    "territory, empty": "/territoire",
    "sign, nothing ticked": "/signer",
    "find": "/retrouver",
    "found": "/retrouver/envoye",
    "resent": "/confirmer/renvoye",
    "privacy": "/donnees-personnelles",
    "open data": "/donnees-ouvertes",
    "verify": "/verifier",
    "verify, unknown number": "/verifier/2222-2222-2222",
    "accessibility": "/accessibilite",
    "legal": "/mentions-legales",
    "withdrawn": "/signature-retiree",
    "denied": "/refuser/fait",
    "move refused": "/demenager/refuse",
    "broken link": "/confirmer/incomplet",
    "404": "/nulle-part",
}
THEN: dict[str, Callable[[Page, Cast], Any]] = {
    "charter, ticked": ticked,
    "charter, not saved": not_saved,
    "sign, errors": unsigned,
    "sign, ambiguous commune": ambiguous_commune,
    "sign, doubtful address": doubtful_address,
    "sign, expired form": expired_form,
    "sign, cookie lost": cookie_lost,
    "charter, signature waiting": waiting,
    "own, pending": pending,
    "sent": sent,
    "sent, again": sent_again,
    "sent, errors": sent_to_nobody,
    "confirm": at("{pending_link}"),
    "confirm, commitments": at("{pending_link}/engagements"),
    "confirm, errors": unagreed,
    "confirm, changed meanwhile": changed_meanwhile,
    "confirm, already": at("{confirmed_link}"),
    "confirm, replaced link": replaced_link,
    "correct": at("{pending_link}/corriger"),
    "correct, errors": uncorrected,
    "find, errors": not_found,
    "access": way_back,
    "access, used link": at("{used_access_link}"),
    "own, just confirmed": just_confirmed,
    "own": at("/ma-signature"),
    "own, nothing left": at("/ma-signature"),
    "own, commitments": at("/ma-signature/engagements"),
    "charter, own": at("/"),
    "certificate": at("/ma-signature/certificat"),
    "amend": at("/ma-signature/corriger"),
    "amend, errors": unamended,
    "own, moving": moving,
    "move": moved,
    "confirm, joining": joining,
    "withdraw": at("/ma-signature/retirer"),
    "deny": refusing,
    "deny, errors": unrefused,
    "deny, done before": refused,
    "move, refused": refuse_move,
    "share": at("/ma-signature/partager"),
    "register": at("/signataires"),
    "register, one commune": at("/signataires?commune=sarlat"),
    "register, nobody there": at("/signataires?commune=ribérac"),
    "register, ambiguous commune": at("/signataires?commune=24590"),
    "register, unknown commune": at("/signataires?commune=zzzz"),
    "territory": territory,
    "signatory": at("/signataires/{code}"),
    "commune": at("/communes/24520"),
    "commitment": at("/engagements/1"),
    "verify, current": at("/verifier/{number}"),
    "verify, replaced": at("/verifier/{replaced_number}"),
    "verify, withdrawn": at("/verifier/{withdrawn_number}"),
    "verify, genuine file": genuine_file,
    "verify, altered file": altered_file,
    "verify, unknown file": unknown_file,
    "verify, large file": large_file,
    "verify, no file": no_file,
    "verify, miswritten": at("/verifier/AAAA-BBBB-CCCC"),
    "500": standing_alone,
}
#: Whose cookies the device has, in the states that need some.
HOLDERS = {
    "own": "signatory",
    "own, commitments": "signatory",
    "charter, own": "signatory",
    "certificate": "signatory",
    "amend": "signatory",
    "amend, errors": "signatory",
    "withdraw": "signatory",
    "share": "signatory",
    "own, nothing left": "withdrawn",
}
STATES = [*FIRST, *THEN]
