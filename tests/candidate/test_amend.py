"""What its owner may change of a confirmed signature: the person, the address, the consent."""

import pytest

from tests.support.database import rows
from tests.support.journeys import ELODIE, come_back, confirm, sign, signed_and_confirmed
from tests.support.mailbox import html_of, link_in, text_of
from tests.support.visitor import Visitor, check_typography


@pytest.fixture
def own(candidate, deliver, mailbox):
    return signed_and_confirmed(candidate, deliver, mailbox)


def amend(visitor, **changes):
    return visitor.open("/ma-signature/corriger").submit(".form", **changes)


def journal(app):
    return [row[0] for row in rows(app, "SELECT what FROM event ORDER BY id")]


def test_the_form_shows_what_is(own, candidate):
    page = candidate.open("/ma-signature/corriger")
    for field in ("given_name", "family_name", "commune", "list_name", "email"):
        assert page[f"#{field}"]["value"] == ELODIE[field]
    assert page["[name=role][checked]"]["value"] == ELODIE["role"]


def test_each_change_is_published_and_dated(app, own, candidate, citizen):
    page = amend(candidate, family_name="Martin-Roux", commune="Le Bugue", role="elu", list_name="")
    assert page.url == "/ma-signature"
    assert "à jour" in page.text(".success")
    public = citizen.open(citizen.open("/signataires")[".entry .name a"]["href"])
    assert public.text("h1") == "Élodie Martin-Roux"
    assert "élu·e" in public.text(".role")
    assert "au Bugue" in public.text(".role")
    assert journal(app)[-4:] == [
        "family-name-corrected",
        "role-corrected",
        "commune-corrected",
        "list-corrected",
    ]


def test_the_certificate_before_is_replaced(own, candidate, citizen):
    number = own.submit("#certificat button[formaction]").text(".certificate .facts dd:first-of-type")
    amend(candidate, family_name="Martin-Roux")
    page = citizen.open(f"/verifier/{number}")
    assert page.text("h1") == "Certificat authentique, mais remplacé"
    assert [cell.get_text() for cell in page.soup.select("tbody tr > *")] == [
        "Nom",
        "Élodie Martin",
        "Élodie Martin-Roux",
    ]
    twin = candidate.open("/ma-signature").submit("#certificat button[formaction]")
    assert twin.text(".certificate .name") == "Élodie Martin-Roux"


def test_nothing_changed_changes_nothing(app, own, candidate, deliver):
    before = journal(app)
    assert amend(candidate).url == "/ma-signature"
    assert journal(app) == before
    assert deliver() == 0


def test_errors_keep_what_was_typed(own, candidate):
    page = amend(candidate, given_name="", family_name="Roux", commune="zzzz")
    assert page.status == 422
    assert page.title.startswith("Erreur")
    assert page["#family_name"]["value"] == "Roux"
    assert {a["href"] for a in page.soup.select("#errors a")} == {"#given_name", "#commune"}


def test_two_do_not_become_one(app, own, candidate, citizen, deliver, mailbox):
    signed_and_confirmed(citizen, deliver, mailbox, given_name="Marc")
    page = amend(citizen, given_name="ELODIE")
    assert page.status == 422
    assert "existe déjà" in page.text("#errors")
    assert page["#given_name"]["value"] == "ELODIE"
    assert "Marc Martin" in citizen.open("/ma-signature").text(".signature")


def test_only_its_owner(citizen):
    for path in ("/ma-signature/corriger", "/ma-signature/retirer"):
        assert citizen.open(path).url == "/retrouver"


# The address


def test_a_new_address_is_asked_first(app, own, candidate, citizen, deliver, mailbox):
    page = amend(candidate, email="Nouvelle@example.org")
    assert "nouvelle@example.org" in page.text()
    present, future = page.soup.select(".signature .address")
    assert (present.get_text(), future.get_text()) == (ELODIE["email"], "nouvelle@example.org")
    assert deliver() == 2
    asked, told = mailbox.letters[-2:]
    assert asked["To"] == "nouvelle@example.org"
    assert told["To"] == ELODIE["email"]
    assert "nouvelle@" not in text_of(told) + html_of(told)
    for letter in (asked, told):
        check_typography(text_of(letter).partition("Bonjour")[2])
    link = link_in(asked, "/demenager/")
    for _ in range(2):  # opening is not answering
        page = citizen.open(link)
    assert "move-asked" in journal(app)
    assert "moved" not in journal(app)
    page = page.submit("main form")
    assert page.url == "/ma-signature"
    assert page.text(".signature .address") == "nouvelle@example.org"
    assert journal(app)[-1] == "moved"
    assert citizen.open(link).status == 410


def test_the_old_address_opens_nothing_more(own, candidate, citizen, deliver, mailbox):
    candidate.open("/retrouver").submit(".form", email=ELODIE["email"])
    deliver()
    way_back = link_in(mailbox.letters[-1], "/acces/")
    amend(candidate, email="nouvelle@example.org")
    deliver()
    link = link_in(next(x for x in mailbox.letters if x["To"] == "nouvelle@example.org"), "/demenager/")
    citizen.open(link).submit("main form")
    assert citizen.open(way_back).status == 410
    citizen.open("/retrouver").submit(".form", email=ELODIE["email"])
    assert deliver() == 0
    assert come_back(citizen, deliver, mailbox, "nouvelle@example.org").url == "/ma-signature"


def test_taking_the_old_address_again_calls_it_off(own, candidate, citizen, deliver, mailbox):
    amend(candidate, email="nouvelle@example.org")
    deliver()
    link = link_in(next(x for x in mailbox.letters if x["To"] == "nouvelle@example.org"), "/demenager/")
    page = amend(candidate, email=ELODIE["email"])
    assert "nouvelle@" not in page.text()
    assert citizen.open(link).status == 410


def test_a_link_to_move_gets_old(own, candidate, citizen, deliver, mailbox, later):
    amend(candidate, email="nouvelle@example.org")
    deliver()
    link = link_in(next(x for x in mailbox.letters if x["To"] == "nouvelle@example.org"), "/demenager/")
    later(days=7, minutes=1)
    assert citizen.open(link).status == 410


def test_where_the_same_person_has_signed_already(own, candidate, deliver, mailbox):
    other = Visitor(candidate.client.application)
    signed_and_confirmed(other, deliver, mailbox, email="nouvelle@example.org")
    amend(candidate, email="nouvelle@example.org")
    deliver()
    link = link_in(mailbox.letters[-2], "/demenager/")
    page = other.open(link)
    assert "déjà signé" in page.text("[role=alert]")
    assert "main form" not in page
    token = other.open("/ma-signature")["#contact [name=csrf_token]"]["value"]
    path = link.removeprefix("http://localhost")
    assert other.client.post(path, data={"csrf_token": token}).status_code == 409


def test_a_stranger_s_address_is_not_flooded(own, candidate, deliver):
    sent = []
    for _ in range(6):
        amend(candidate, email="cible@example.org")
        sent.append(deliver())
    assert sent == [2, 2, 2, 0, 0, 0]


def test_correcting_a_name_keeps_the_move(own, candidate, citizen, deliver, mailbox):
    amend(candidate, email="nouvelle@example.org")
    page = amend(candidate, given_name="Elodie")
    assert "nouvelle@example.org" in page.text(".signature")
    deliver()
    link = link_in(next(x for x in mailbox.letters if x["To"] == "nouvelle@example.org"), "/demenager/")
    assert citizen.open(link).status == 200


def test_sessions_of_the_old_address_are_closed(own, candidate, citizen, deliver, mailbox):
    amend(candidate, email="nouvelle@example.org")
    deliver()
    link = link_in(next(x for x in mailbox.letters if x["To"] == "nouvelle@example.org"), "/demenager/")
    assert citizen.open(link).submit("main form").url == "/ma-signature"
    assert candidate.open("/ma-signature").url == "/retrouver"


@pytest.fixture
def links(own, candidate, deliver, mailbox):
    """The links of a move: to answer it, at the new address; to refuse it, at the present one."""
    amend(candidate, email="nouvelle@example.org")
    deliver()
    letters = {letter["To"]: letter for letter in mailbox.letters}
    told = letters[ELODIE["email"]]
    assert link_in(told, "/refuser") in html_of(told)
    return link_in(letters["nouvelle@example.org"], "/demenager/"), link_in(told, "/demenager/")


def test_the_present_address_refuses_a_move(app, links, candidate, citizen, deliver, mailbox):
    move, refuse = links
    page = citizen.open(refuse)
    assert "Une autre adresse électronique a été demandée" in page.text("main")
    page = page.submit(".form")
    assert page.status == 422
    assert "Cochez la case pour refuser." in page.text("#errors")
    assert citizen.open(move).status == 200, "a scanner that presses the button refuses nothing"
    assert page.submit(".form", agreed="y").url == "/demenager/refuse"
    assert journal(app)[-1] == "move-refused"
    assert citizen.open(move).status == citizen.open(refuse).status == 410
    assert candidate.open("/ma-signature").url == "/retrouver", "the session is closed"
    assert ELODIE["email"] in come_back(candidate, deliver, mailbox).text(".signature")


def test_the_former_address_takes_a_signature_back(app, links, candidate, citizen, deliver, mailbox):
    move, refuse = links
    assert candidate.open(move).submit("main form").url == "/ma-signature"
    page = citizen.open(refuse)
    assert "a changé d’adresse" in page.text("main")
    page.submit(".form", agreed="y")
    assert rows(app, "SELECT email, former_email FROM signature") == [(ELODIE["email"], None)]
    assert candidate.open("/ma-signature").url == "/retrouver"
    assert citizen.open(refuse).status == 410
    assert come_back(citizen, deliver, mailbox).url == "/ma-signature"


def test_moving_twice_does_not_silence_the_first_address(app, links, candidate, citizen, deliver, mailbox):
    move, refuse = links
    candidate.open(move).submit("main form")
    amend(candidate, email="ailleurs@example.org")
    deliver()
    told = [letter for letter in mailbox.letters if letter["To"] == "nouvelle@example.org"][-1]
    assert "/refuser" not in text_of(told), "only the first address takes it back"
    assert "reprenez votre adresse" in text_of(told)
    letter = next(letter for letter in mailbox.letters if letter["To"] == "ailleurs@example.org")
    candidate.open(link_in(letter, "/demenager/")).submit("main form")
    citizen.open(refuse).submit(".form", agreed="y")
    assert rows(app, "SELECT email FROM signature") == [(ELODIE["email"],)]


def test_a_move_is_refused_for_a_week(links, candidate, citizen, later):
    move, refuse = links
    candidate.open(move).submit("main form")
    later(days=6, hours=23)
    assert citizen.open(refuse).status == 200
    later(hours=2)
    assert citizen.open(refuse).status == 410


def test_an_old_page_does_not_undo_a_newer_correction(own, candidate):
    old = candidate.open("/ma-signature/corriger")
    amend(candidate, commune="Le Bugue")
    page = old.submit(".form", given_name="Elodie")
    assert page.status == 409
    assert "corrigée ailleurs" in page.text("#errors")
    assert page["#given_name"]["value"] == "Elodie"
    assert "au Bugue" in candidate.open("/ma-signature").text(".signature")
    assert page.submit(".form").url == "/ma-signature"
    assert "à Sarlat" in candidate.open("/ma-signature").text(".signature")


# Being written to


def test_the_consent_to_be_contacted_is_a_switch(app, own, candidate):
    assert "ne vous écrira pas" in own.text("#contact")
    page = own.submit("#contact form")
    assert "Vous avez accepté" in page.text("#contact")
    page = page.submit("#contact form")
    assert "ne vous écrira pas" in page.text("#contact")
    assert journal(app)[-2:] == ["contact-agreed", "contact-refused"]


def test_pressing_twice_agrees_once(app, own):
    own.submit("#contact form")
    own.submit("#contact form")  # the same page, that says « yes »
    assert journal(app).count("contact-agreed") == 1


def test_the_words_agreed_to_are_kept(app, own):
    on_screen = own.text("#contact button")
    own.submit("#contact form")
    consents = rows(app, "SELECT purpose, wording FROM consent ORDER BY id")
    assert [purpose for purpose, _ in consents] == ["publication", "contact"]
    assert consents[1][1] == on_screen


def test_what_the_switch_is_not_sent(own, candidate):
    token = own["#contact [name=csrf_token]"]["value"]
    answer = candidate.client.post("/ma-signature/contact", data={"csrf_token": token, "agreed": "maybe"})
    assert answer.status_code == 422


# Signing again


def test_the_page_tells_that_it_joins(own, citizen, deliver, mailbox):
    sign(citizen, 9, list_name="Une autre liste")
    deliver()
    page = citizen.open(link_in(mailbox.letters[-1], "/confirmer/"))
    assert "rejoindront votre signature" in page.text(".note")
    assert confirm(citizen, mailbox).url == "/ma-signature"


def test_who_corrected_their_name_is_known_by_it(own, candidate, citizen, deliver, mailbox):
    amend(candidate, family_name="Martin-Roux")
    sign(citizen, 9, family_name="Martin Roux")
    deliver()
    assert confirm(citizen, mailbox).text(".count") == "4 engagements sur 10"
    sign(Visitor(citizen.client.application), 10)  # by the name before: another person
    deliver()
    assert ".note" not in candidate.open(link_in(mailbox.letters[-1], "/confirmer/"))


def test_the_page_tells_it_to_nobody_else(own, citizen, deliver, mailbox):
    sign(citizen, 9, given_name="Marc")
    deliver()
    assert ".note" not in citizen.open(link_in(mailbox.letters[-1], "/confirmer/"))
