"""Taking back what one signed, refusing what somebody else signed, and leaving."""

import pytest

from app import create_app
from app.extensions import db
from tests.support.database import dump, rows
from tests.support.journeys import ELODIE, come_back, confirm, sign, signed_and_confirmed, tick, withdraw
from tests.support.mailbox import html_of, link_in, text_of
from tests.support.visitor import Visitor, check_typography


@pytest.fixture
def own(candidate, deliver, mailbox):
    return signed_and_confirmed(candidate, deliver, mailbox)


def count(app, table):
    return rows(app, f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608  # our own names


def test_two_clicks(own, candidate, citizen):
    public = citizen.open("/signataires")[".entry .name a"]["href"]
    number = own.submit("#certificat button[formaction]").text(".certificate .facts dd:first-of-type")
    page = withdraw(candidate)
    assert page.url == "/signature-retiree"
    assert citizen.open(public).status == 404
    assert "0 signature" in citizen.open("/signataires").text()
    assert citizen.open(f"/verifier/{number}").text("h1") == "Signature retirée"
    assert candidate.open("/ma-signature").url == "/retrouver"
    assert candidate.open("/").text(".count") == "0 engagement sur 10"


def test_nothing_personal_is_left(app, own, candidate):
    own.submit("#certificat form")
    withdraw(candidate)
    kept = dump(app)
    assert kept.count(ELODIE["email"]) == 1, "where the last letter is to go"
    kept = kept.replace(ELODIE["email"], "").lower()
    for words in ("élodie", "martin", "24520", "ensemble pour", b"%PDF".hex()):
        assert words not in kept, words


def test_the_last_letter_forgets_its_address(app, own, candidate, deliver):
    withdraw(candidate)
    assert deliver() == 1
    assert "example.org" not in dump(app)


def test_withdrawing_and_signing_again_gives_nobody_more_letters(candidate, deliver, mailbox):
    for _ in range(2):
        signed_and_confirmed(candidate, deliver, mailbox)
        for _ in range(3):
            candidate.open("/ma-signature/corriger").submit(".form", email="cible@example.org")
            deliver()
        withdraw(candidate)
        deliver()
    assert sum(letter["To"] == "cible@example.org" for letter in mailbox.letters) == 3


def test_looking_withdraws_nothing(own, candidate, citizen):
    for method in ("get", "head", "options"):
        candidate.client.open("/ma-signature/retirer", method=method.upper())
    assert "1 signature" in citizen.open("/signataires").text()


def test_the_last_letter(own, candidate, deliver, mailbox):
    withdraw(candidate)
    assert deliver() == 1
    letter = mailbox.letters[-1]
    assert (letter["To"], letter["Subject"]) == (ELODIE["email"], "Votre signature est retirée")
    check_typography(text_of(letter))
    assert "Élodie" not in text_of(letter) + html_of(letter)


def test_no_way_back_in(own, candidate, citizen, deliver, mailbox):
    first = link_in(mailbox.letters[0], "/confirmer/")
    citizen.open("/retrouver").submit(".form", email=ELODIE["email"])
    deliver()
    way_back = link_in(mailbox.letters[-1], "/acces/")
    withdraw(candidate)
    deliver()
    assert citizen.open(way_back).status == 410
    assert citizen.open(first).status == 410
    citizen.open("/retrouver").submit(".form", email=ELODIE["email"])
    assert deliver() == 0


def test_a_letter_that_has_not_left_stays(candidate, deliver, mailbox):
    sign(candidate)
    deliver()
    confirm(candidate, mailbox)  # its letter waits
    withdraw(candidate)
    assert deliver() == 1
    assert mailbox.letters[-1]["Subject"] == "Votre signature est retirée"


def test_the_link_of_what_joined_it_is_dead_too(own, candidate, citizen, deliver, mailbox):
    sign(citizen, 9)
    deliver()
    joined = link_in(mailbox.letters[-1], "/confirmer/")
    confirm(citizen, mailbox)
    withdraw(candidate)
    assert citizen.open(joined).status == 404


def test_signing_afresh(own, candidate, deliver, mailbox, later):
    withdraw(candidate)
    later(days=1)
    page = signed_and_confirmed(candidate, deliver, mailbox, 2)
    assert page.text(".count") == "1 engagement sur 10"


# « Ce n’est pas moi »


def test_not_me(app, candidate, citizen, deliver, mailbox):
    sign(candidate)
    deliver()
    letter = mailbox.letters[0]
    assert link_in(letter, "/refuser/") in html_of(letter)
    page = citizen.open(link_in(letter, "/refuser/"))
    assert count(app, "signature") == 1, "opening is not pressing"
    page = page.submit("main form")
    assert (page.status, count(app, "signature")) == (422, 1), "a scanner presses, and ticks nothing"
    back = page["main form + p a"]["href"]
    assert citizen.open(back).text("h1") == "Confirmer votre signature"
    page = page.submit("main form", agreed="y")
    assert page.url == "/refuser/fait"
    for table in ("signature", "pledge", "consent"):
        assert count(app, table) == 0, table
    assert citizen.open(link_in(letter, "/confirmer/")).status == 404
    assert candidate.open("/signer/envoye").url == "/signer"
    assert candidate.open("/").text(".count") == "0 engagement sur 10"


@pytest.mark.parametrize("email", [ELODIE["email"], "elodie.martin+charte@example.org"])
def test_a_refusal_stops_letters_for_thirty_days(candidate, citizen, deliver, mailbox, later, email):
    sign(candidate)
    deliver()
    citizen.open(link_in(mailbox.letters[0], "/refuser/")).submit("main form", agreed="y")
    later(days=29)
    for _ in range(2):
        sent = sign(candidate, email=email)
        assert sent.url == "/signer/envoye", "the page says nothing of it"
        candidate.open("/retrouver").submit(".form", email=email)
        assert deliver() == 0
    later(days=2)
    sign(Visitor(candidate.client.application), email=email)
    assert deliver() == 1


def test_a_refusal_leaves_the_link_to_what_the_mailbox_confirmed(own, citizen, deliver, mailbox):
    sign(citizen, given_name="Marc")
    deliver()
    citizen.open(link_in(mailbox.letters[-1], "/refuser/")).submit("main form", agreed="y")
    assert come_back(citizen, deliver, mailbox).url == "/ma-signature"


def test_who_refused_may_sign_after_all(candidate, citizen, deliver, mailbox):
    sign(candidate)
    deliver()
    first = mailbox.letters[0]
    citizen.open(link_in(first, "/refuser/")).submit("main form", agreed="y")
    page = citizen.open(link_in(first, "/refuser/"))
    assert page.text("h1") == "Vous avez refusé cette signature"
    assert page.submit("main form").url == "/retrouver"
    assert citizen.open(link_in(first, "/refuser/")).status == 404
    sign(candidate, given_name="Marc")
    assert deliver() == 1
    assert citizen.open(link_in(first, "/confirmer/")).status == 404
    assert citizen.open(link_in(mailbox.letters[-1], "/confirmer/")).status == 200


def test_not_me_stops_the_letters_that_wait(candidate, citizen, deliver, mailbox, later):
    sign(candidate)
    deliver()
    later(minutes=1)
    candidate.open("/signer/envoye").submit(".form")
    citizen.open(link_in(mailbox.letters[0], "/refuser/")).submit("main form", agreed="y")
    assert deliver() == 0


def test_not_me_comes_too_late_once_confirmed(own, citizen, mailbox):
    assert citizen.open(link_in(mailbox.letters[0], "/refuser/")).status == 410
    assert "1 signature" in citizen.open("/signataires").text()


def test_not_me_is_not_for_another_address(candidate, citizen, deliver, mailbox):
    sign(candidate)
    deliver()
    citizen.open(f"{link_in(mailbox.letters[0], '/confirmer/')}/corriger").submit(
        ".form", email="autre@example.org"
    )
    assert citizen.open(link_in(mailbox.letters[0], "/refuser/")).status == 410


# Sessions


def test_a_copied_cookie_opens_nothing_after_leaving(own, candidate, citizen):
    copied = candidate.client.get_cookie("paraphe").value
    citizen.client.set_cookie("paraphe", copied)
    assert citizen.open("/ma-signature").url == "/ma-signature"
    own.submit("form[action='/ma-signature/fermer']")
    citizen.client.set_cookie("paraphe", copied)
    assert citizen.open("/ma-signature").url == "/retrouver"


def test_a_new_session_at_each_opening(candidate, deliver, mailbox):
    tick(candidate, 1)
    with candidate.client.session_transaction() as session:
        before = dict(session)
    sign(candidate, 1)
    deliver()
    confirm(candidate, mailbox)
    with candidate.client.session_transaction() as session:
        assert "draft" not in session
        assert session.get("csrf_token") != before.get("csrf_token")


@pytest.mark.parametrize("fallbacks", [["k" * 40], ["o" * 40, "k" * 40], ["k" * 40, "o" * 40]])
def test_a_new_secret_breaks_nothing(settings, mailbox, fallbacks):
    """The secret is changed under open sessions, open forms and letters on their way."""

    def site(secret, former):
        app = create_app(settings | {"SECRET_KEY": secret, "SECRET_KEY_FALLBACKS": former})
        with app.app_context():
            db.create_all()
        return app

    before, after = site("k" * 40, []), site("n" * 40, fallbacks)
    visitor = Visitor(before)
    form = tick(visitor, 1, 2)
    deliver = lambda app: app.test_cli_runner().invoke(args=["letters", "deliver"])  # noqa: E731
    sign(visitor)
    deliver(before)
    cookie = visitor.client.get_cookie("paraphe").value
    visitor.client = after.test_client()
    visitor.client.set_cookie("paraphe", cookie)
    page = form.submit("#prendre-5").submit("#prendre-6")
    assert page.text(".count") == "2 engagements sur 10", "the open form and the draft"
    page = confirm(visitor, mailbox)
    assert page.url == "/ma-signature", "the letter on its way"
    assert visitor.open("/ma-signature").url == "/ma-signature"
    for app in (before, after):
        with app.app_context():
            db.engine.dispose()
