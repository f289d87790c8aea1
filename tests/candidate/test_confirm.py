"""Links: only a person who presses the button, once, confirms."""

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from tests.support.database import looked_at, rows
from tests.support.journeys import ELODIE, confirm, sign, signed_and_confirmed, tick
from tests.support.mailbox import html_of, link_in, text_of


@pytest.fixture
def link(candidate, deliver, mailbox):
    sign(candidate)
    deliver()
    return link_in(mailbox.letters[0], "/confirmer/")


def statuses(app):
    return sorted(row[0] for row in rows(app, "SELECT status FROM signature"))


def test_the_page_shows_what_will_be_signed(citizen, link):
    page = citizen.open(link)
    for words in ("Élodie Martin", "tête de liste", "Ensemble pour demain", "à Sarlat-la-Canéda"):
        assert words in page.text("#ce-que-vous-signez")
    assert len(page.soup.select(".commitment-list li")) == 3
    assert not page["#agreed"].has_attr("checked")
    assert len(page.soup.select("main form button")) == 1


def test_opening_confirms_nothing(app, citizen, link):
    path = link.removeprefix("http://localhost")
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        citizen.client.open(path, method=method, headers={"Sec-Purpose": "prefetch"})
    assert statuses(app) == ["pending"]


def test_pressing_without_the_box_confirms_nothing(app, citizen, link):
    page = citizen.open(link).submit(".form")
    assert page.status == 422
    assert "Cochez la case" in page.text("#agreed-error")
    assert statuses(app) == ["pending"]


def test_confirming_leads_to_a_clean_url_and_opens_the_session(app, citizen, link):
    page = citizen.open(link).submit(".form", agreed="y")
    assert page.url == "/ma-signature"
    assert "confirmée et publiée" in page.text(".success")
    assert statuses(app) == ["confirmed"]
    assert ".success" not in citizen.open("/ma-signature")


def test_opening_keeps_nothing_of_the_session_before(candidate, link):
    page = candidate.open(link)
    before = page["main form [name=csrf_token]"]["value"]
    page.submit(".form", agreed="y")
    with candidate.client.session_transaction() as session:
        assert "draft" not in session
    assert candidate.send("post", "/ma-signature/fermer", {"csrf_token": before}, {}).status == 400


def test_a_second_use_says_so_and_how_to_get_the_certificate(citizen, candidate, link):
    citizen.open(link).submit(".form", agreed="y")
    page = candidate.open(link)
    assert page.text("h1") == "Signature déjà confirmée"
    assert page.soup.select("main a[href='/ma-signature']")


def test_a_double_click_confirms_once(app, citizen, candidate, link, deliver):
    first, second = citizen.open(link), candidate.open(link)
    first.submit(".form", agreed="y")
    assert second.submit(".form", agreed="y").text("h1") == "Signature déjà confirmée"
    assert deliver() == 1


def test_who_ticked_is_not_who_confirmed(candidate, citizen, link):
    """The browser that typed an address proves nothing; only the mailbox does."""
    citizen.open(link).submit(".form", agreed="y")
    assert candidate.open("/ma-signature").url == "/retrouver"
    assert candidate.open("/").text(".count") == "0 engagement sur 10"


def test_expired(citizen, link, later, deliver, mailbox):
    later(days=7, minutes=1)
    page = citizen.open(link)
    assert (page.status, page.text("h1")) == (410, "Lien périmé")
    page = page.submit("main form")
    assert page.url == "/confirmer/renvoye"
    deliver()
    assert confirm(citizen, mailbox).url == "/ma-signature"


def test_expired_after_use_is_still_already_confirmed(citizen, link, later):
    citizen.open(link).submit(".form", agreed="y")
    later(days=30)
    assert citizen.open(link).text("h1") == "Signature déjà confirmée"


def test_damaged(citizen, link):
    for damaged in (link[:-1], link + "x", link.replace("/confirmer/", "/confirmer/a"), "/confirmer/x.y.z"):
        assert citizen.open(damaged).status == 404


def test_a_link_has_one_purpose(citizen, link):
    assert citizen.open(link.replace("/confirmer/", "/acces/")).status == 404


def test_a_changed_address_kills_the_link(citizen, candidate, link):
    candidate.open("/signer/envoye").submit(".form", email="autre@example.org")
    page = citizen.open(link)
    assert page.status == 410
    assert "main form" not in page


def test_a_rotated_secret_breaks_no_link(app, citizen, link):
    app.config["SECRET_KEY_FALLBACKS"] = [app.config["SECRET_KEY"]]
    app.config["SECRET_KEY"] = "another-secret-that-is-long-enough-too"
    assert citizen.open(link).submit(".form", agreed="y").url == "/ma-signature"


def test_changing_commitments_before_confirming(app, citizen, link):
    page = citizen.open(link).open_link(f"{urlsplit(link).path}/engagements")
    assert page.text(".count") == "3 engagements sur 10"
    page = page.submit("#prendre-1").submit("#prendre-7")
    assert page.url == f"{urlsplit(link).path}/engagements"
    assert page.text(".saved") == "Enregistré"
    fragment = page.submit("#prendre-8", htmx=True)
    assert fragment.text("#progress[hx-swap-oob] .count") == "4 engagements sur 10"
    assert rows(app, "SELECT number FROM pledge ORDER BY number") == [(3,), (4,), (7,), (8,)]
    page = citizen.open(link)
    assert len(page.soup.select(".commitment-list li")) == 4
    assert page.submit(".form", agreed="y").url == "/ma-signature"


def test_the_browser_that_signed_changes_nothing_any_more(app, candidate, link):
    """What it ticks from now on is the next person's draft."""
    tick(candidate, 9)
    assert rows(app, "SELECT number FROM pledge ORDER BY number") == [(1,), (3,), (4,)]


@pytest.mark.parametrize("htmx", [False, True])
def test_a_press_once_confirmed_leads_to_what_became_of_it(app, citizen, candidate, link, htmx):
    left_open = citizen.open(f"{link}/engagements")
    candidate.open(link).submit(".form", agreed="y")
    page = left_open.submit("#prendre-9", htmx=htmx)
    if htmx:
        page = citizen.open(page.response.headers["HX-Redirect"])
    assert page.text("h1") == "Signature déjà confirmée"
    assert rows(app, "SELECT number FROM pledge ORDER BY number") == [(1,), (3,), (4,)]


def test_a_signatory_signs_only_what_was_shown(app, citizen, link):
    page = citizen.open(link)
    tick(citizen, 9, path=f"{link}/engagements")
    page = page.submit(".form", agreed="y")
    assert page.status == 409
    assert "Relisez-la" in page.text("#errors")
    assert not page["#agreed"].has_attr("checked")
    assert len(page.soup.select(".commitment-list li")) == 4
    assert statuses(app) == ["pending"]
    assert page.submit(".form", agreed="y").url == "/ma-signature"


def test_everything_released_meanwhile(citizen, link):
    page = citizen.open(f"{link}/engagements")
    for number in (1, 3, 4):
        page = page.submit(f"#prendre-{number}")
    page = citizen.open(link)
    assert "0 engagement" in page.text("#ce-que-vous-signez")
    assert page.submit(".form", agreed="y").status == 409


def test_correcting_before_confirming(app, citizen, link, deliver):
    page = citizen.open(f"{link}/corriger")
    assert page["#email"]["value"] == ELODIE["email"]
    page = page.submit(".form", family_name="Martinet", commune="Le Bugue")
    assert page.url == link.removeprefix("http://localhost")
    assert "Élodie Martinet" in page.text("#ce-que-vous-signez")
    assert "au Bugue" in page.text("#ce-que-vous-signez")
    assert deliver() == 0


def test_a_bad_correction_is_refused_and_kept(citizen, link):
    page = citizen.open(f"{link}/corriger").submit(".form", commune="Nulle-Part", family_name="X2")
    assert page.status == 422
    assert page["#family_name"]["value"] == "X2"
    assert "Élodie Martin" in citizen.open(link).text("#ce-que-vous-signez")


def test_a_corrected_address_is_confirmed_anew(citizen, link, deliver, mailbox):
    page = citizen.open(f"{link}/corriger").submit(".form", email="nouvelle@example.org")
    assert page.url == "/confirmer/renvoye"
    assert deliver() == 2
    asked, told = mailbox.letters[1:]
    assert asked["To"] == "nouvelle@example.org"
    assert (told["To"], told["Subject"]) == (ELODIE["email"], "Votre signature va changer d’adresse")
    assert "nouvelle@" not in text_of(told) + html_of(told), "the old address learns no other"
    mailbox.letters.remove(told)
    assert citizen.open(f"{link}/corriger").url == link.removeprefix("http://localhost")
    assert confirm(citizen, mailbox).url == "/ma-signature"


def test_signing_again_adds_to_the_standing_signature(app, candidate, citizen, deliver, mailbox, later):
    signed_and_confirmed(candidate, deliver, mailbox, 1, 3)
    later(days=2)
    sign(citizen, 3, 8, given_name="elodie")
    deliver()
    page = confirm(citizen, mailbox)
    assert "ont rejoint votre signature" in page.text(".success")
    assert page.text(".count") == "3 engagements sur 10"
    assert statuses(app) == ["confirmed", "merged"]
    first, second, third = (e.get_text() for e in page.soup.select("#engagements .meta"))
    assert first == second != third
    assert len(citizen.open("/signataires").soup.select(".entry")) == 1


def test_two_people_behind_one_mailbox(app, candidate, citizen, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    signed_and_confirmed(citizen, deliver, mailbox, given_name="Marc")
    assert statuses(app) == ["confirmed", "confirmed"]


def test_eleven_people_of_one_list_sign_in_an_evening(app, deliver, mailbox):
    from tests.support.visitor import Visitor

    for person in ("Anne", "Ben", "Carl", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jo", "Kim"):
        signed_and_confirmed(Visitor(app), deliver, mailbox, given_name=person)
    assert statuses(app) == ["confirmed"] * 11


def wait_for_a_lock(app):
    """Return when a transaction waits for a row; SQLite does not say."""
    deadline = time.monotonic() + 10
    with looked_at(app) as connection:
        while connection.dialect.name == "postgresql" and time.monotonic() < deadline:
            if connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                return
    time.sleep(0.1)


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM pledge WHERE number = 3", "INSERT INTO pledge SELECT id, 4, touched_at FROM signature"],
    ids=["released", "taken"],
)
def test_what_is_confirmed_is_what_was_shown(app, candidate, deliver, mailbox, statement):
    """Another tab ticks, or the contrary, while the button is being pressed."""
    sign(candidate, 3, 5)
    deliver()
    page = candidate.open(link_in(mailbox.letters[-1], "/confirmer/"))
    with ThreadPoolExecutor(1) as pool:
        with looked_at(app) as connection:
            connection.execute(text("UPDATE signature SET touched_at = touched_at"))
            connection.execute(text(statement))
            came = pool.submit(page.submit, ".form", agreed="y")
            wait_for_a_lock(app)
        page = came.result()
    assert page.status == 409
    assert "Relisez-la" in page.text()
    assert rows(app, "SELECT status FROM signature") == [("pending",)]
    assert page.submit(".form", agreed="y").url == "/ma-signature"


# Links that mail programs change, and older links


@pytest.mark.parametrize("stray", [".", ")", ">", ";", ",", "/", "%20", "&gt;", "%0D%0A", "*", "»", "%C2%A0"])
def test_a_stray_character_after_a_link_changes_nothing(citizen, link, stray):
    assert citizen.open(link + stray).submit(".form", agreed="y").url == "/ma-signature"


def test_a_line_break_inside_a_link_changes_nothing(citizen, link):
    half = len(link) - 30
    assert citizen.open(f"{link[:half]}%0A{link[half:]}").text("h1") == "Confirmer votre signature"


@pytest.mark.parametrize(
    ("keep", "words"), [(-1, "La fin de ce lien manque"), (-60, "La fin de ce lien manque")]
)
def test_a_link_that_was_cut_offers_a_fresh_letter(citizen, link, deliver, mailbox, keep, words):
    page = citizen.open(link[:keep])
    assert (page.status, page.text("h1")) == (404, "Lien incomplet")
    assert "La fin de ce lien manque" in page.text("main")
    page.open_link("/retrouver").submit(".form", email=ELODIE["email"])
    deliver()
    assert citizen.open(link_in(mailbox.letters[-1], "/confirmer/")).status == 200


@pytest.mark.parametrize("path", ["acces", "refuser", "demenager", "confirmer"])
def test_each_damaged_link_offers_a_fresh_letter(citizen, path):
    page = citizen.open(f"/{path}/nonsense")
    assert (page.status, page.text("h1")) == (404, "Lien incomplet")


def test_a_newer_letter_replaces_the_link_of_an_older_one(candidate, citizen, deliver, mailbox, later):
    sign(candidate)
    deliver()
    later(minutes=5)
    candidate.open("/signer/envoye").submit(".form")
    deliver()
    old, new = (link_in(letter, "/confirmer/") for letter in mailbox.letters)
    page = citizen.open(old)
    assert (page.status, page.text("h1")) == (410, "Un courriel plus récent vous attend")
    assert citizen.open(f"{old}/engagements").url == old.removeprefix("http://localhost")
    later(minutes=5)
    assert page.submit("main form").url == "/confirmer/renvoye"
    deliver()
    assert citizen.open(new).status == 410, "replaced in its turn"
    newest = link_in(mailbox.letters[-1], "/confirmer/")
    assert citizen.open(newest).submit(".form", agreed="y").url == "/ma-signature"
    assert citizen.open(old).text("h1") == citizen.open(newest).text("h1"), "already confirmed"


def test_a_letter_beyond_the_quota_replaces_no_link(candidate, citizen, deliver, mailbox, later):
    sign(candidate)
    for _ in range(4):
        deliver()
        later(minutes=1)
        candidate.open("/signer/envoye").submit(".form")
    deliver()
    assert len(mailbox.letters) == 3
    assert citizen.open(link_in(mailbox.letters[-1], "/confirmer/")).status == 200


def test_a_double_click_replaces_no_link(candidate, citizen, deliver, mailbox):
    sign(candidate)
    deliver()
    for _ in range(2):
        candidate.open("/signer/envoye").submit(".form")
    deliver()
    assert citizen.open(link_in(mailbox.letters[-1], "/confirmer/")).status == 200


def test_a_stranger_s_words_reach_no_mailbox(candidate, deliver, mailbox):
    words = {
        "given_name": "Achetez nos montres à prix cassés dès maintenant",
        "family_name": "Sur notre site",
    }
    sign(candidate, **words)
    deliver()
    for part in (text_of(mailbox.letters[0]), html_of(mailbox.letters[0])):
        assert "Achetez nos montres à prix cassés dès\u00a0…" in part
        assert "maintenant" not in part.partition("Vous avez pris")[0]
