"""My signature: changed, certified, left, found again."""

import re

import pytest

from app.extensions import db
from app.models import Signature
from app.signatures import rules
from tests.support.database import rows
from tests.support.journeys import (
    ELODIE,
    change,
    come_back,
    confirm,
    sign,
    signed_and_confirmed,
    tick,
)
from tests.support.mailbox import link_in, text_of


@pytest.fixture
def own(candidate, deliver, mailbox):
    return signed_and_confirmed(candidate, deliver, mailbox)


def test_what_the_page_shows(own):
    assert "Élodie Martin" in own.text("main")
    assert own.text(".signature .address") == ELODIE["email"]
    assert own.text("#engagements .count") == "3 engagements sur 10"
    taken = own.soup.select("#engagements .commitment-list li")
    numbers = [e.select_one(".visually-hidden").get_text() for e in taken]
    assert numbers == [f"Engagement {n}\N{NO-BREAK SPACE}: " for n in (1, 3, 4)]
    assert all("Pris le " in e.get_text() for e in taken)
    assert not own.soup.select("#engagements button"), "read only"


def test_each_change_is_dated(own, candidate, citizen, deliver, mailbox, later):
    later(days=3)
    come_back(candidate, deliver, mailbox)
    page = candidate.open("/ma-signature").open_link("/ma-signature/engagements")
    page = page.submit("#prendre-1").submit("#prendre-2")
    assert page.url == "/ma-signature/engagements"
    assert "#engagement-1 .meta" not in page
    assert page.text("#engagement-2 .meta") != page.text("#engagement-3 .meta")
    code = re.search("/signataires/([0-9a-f]+)", str(candidate.open("/ma-signature").soup))[1]
    public = citizen.open(f"/signataires/{code}")
    assert "3 engagements sur 10" in public.text()
    assert "Engagement 1\u00a0:" not in public.text()


def test_a_change_by_htmx_keeps_the_date_on_the_line(own, candidate):
    fragment = candidate.open("/ma-signature/engagements").submit("#prendre-2", htmx=True)
    assert fragment.text("#engagement-2 .meta").startswith("Pris le ")


def test_the_charter_page_is_mine_too(own, candidate):
    page = candidate.open("/")
    assert page.text(".count") == "3 engagements sur 10"
    assert not page.soup.select("#engagements form, #engagements button"), "read only"
    assert page.text("#engagement-3 .meta").startswith("Pris le ")
    assert page.open_link("/ma-signature/engagements").text("h1") == "Modifier mes engagements"
    assert page[".progress-bar .button"]["href"] == "/ma-signature#certificat"
    assert candidate.open("/signer").url == "/ma-signature"


def test_a_browser_closed_elsewhere_ticks_a_draft(app, own, candidate):
    with app.app_context():
        rules.close_sessions(db.session.query(Signature).one())
        db.session.commit()
    assert candidate.open("/").submit("#prendre-9").url == "/"
    assert candidate.open("/").text(".count") == "1 engagement sur 10"
    assert rows(app, "SELECT count(*) FROM pledge") == [(3,)]


def test_a_session_ends_after_twelve_hours_of_use(own, candidate, later):
    for _ in range(25):  # half an hour each
        later(minutes=29)
        if candidate.open("/ma-signature").url != "/ma-signature":
            break
    else:
        pytest.fail("used for twelve hours, and still open")
    assert candidate.open("/ma-signature").url == "/retrouver"


def test_a_session_in_use_is_open_for_hours(own, candidate, later):
    for _ in range(24):  # 11 hours and 36 minutes
        later(minutes=29)
        assert candidate.open("/ma-signature").url == "/ma-signature"


def test_a_new_access_link_closes_older_sessions(own, candidate, citizen, deliver, mailbox):
    assert come_back(citizen, deliver, mailbox).url == "/ma-signature"
    assert candidate.open("/ma-signature").url == "/retrouver"
    assert citizen.open("/ma-signature").url == "/ma-signature"


@pytest.mark.parametrize("owner", [("0" * 20, 1, 0), "a", 7, ["x"], {"code": "x"}, ["0" * 20, "1", 1, 0]])
def test_a_session_of_another_shape_is_none(app, candidate, owner):
    candidate.open("/")
    with candidate.client.session_transaction() as session:
        session["owner"] = owner
    assert candidate.open("/ma-signature").url == "/retrouver"


@pytest.mark.parametrize("htmx", [False, True])
def test_a_tick_beside_a_confirmed_signature_changes_nothing(app, own, candidate, htmx):
    token = own["#contact [name=csrf_token]"]["value"]
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"} if htmx else {}
    page = candidate.send("post", "/engagements/9", {"taken": "yes", "csrf_token": token}, headers)
    if htmx:
        page = candidate.open(page.response.headers["HX-Redirect"])
    assert page.url == "/ma-signature/engagements"
    assert "se modifient ici" in page.text(".note")
    assert rows(app, "SELECT count(*) FROM pledge") == [(3,)]


def test_nothing_left_leaves_the_register(own, candidate, citizen):
    code = re.search("/signataires/([0-9a-f]+)", str(own.soup))[1]
    page = change(candidate, 1, 3, 4)
    assert "rien à certifier" in page.text()
    assert candidate.open("/ma-signature/certificat.pdf").url == "/ma-signature"
    assert citizen.open(f"/signataires/{code}").status == 404
    assert "0 signature" in citizen.open("/signataires").text()


def test_the_certificate(own, candidate):
    answer = own.submit("#certificat form")
    assert answer.url == "/ma-signature/certificat.pdf"
    assert answer.response.data.startswith(b"%PDF-")
    assert answer.response.mimetype == "application/pdf"
    assert "certificat-ELODIE-MARTIN-SARLAT-LA-CANEDA.pdf" in answer.response.headers["Content-Disposition"]


def test_the_twin_of_the_certificate(app, own, candidate):
    page = own.submit("#certificat button[formaction]")
    for commitment in app.extensions["charter"].commitments:
        assert commitment.text in page.text()
    for words in ("Élodie Martin", "tête de liste", "Ensemble pour demain", "à Sarlat-la-Canéda"):
        assert words in page.text()
    assert page.text().count("Non pris") == 7
    url = page[".certificate dd a"]["href"]
    assert url.startswith("http://localhost/verifier/")
    assert candidate.open(url).text("h1") == "Certificat authentique et à jour"


def test_leaving_closes_the_door(own, candidate):
    page = own.submit("form[action='/ma-signature/fermer']")
    assert page.url == "/"
    for path in ("/ma-signature", "/ma-signature/certificat", "/ma-signature/certificat.pdf"):
        assert candidate.open(path).url == "/retrouver"


def test_the_door_closes_by_itself(own, candidate, later):
    later(minutes=20)
    assert candidate.open("/ma-signature").url == "/ma-signature"
    later(minutes=20)
    assert candidate.open("/ma-signature").url == "/ma-signature"
    later(minutes=31)
    assert candidate.open("/ma-signature").url == "/retrouver"


@pytest.mark.parametrize("htmx", [False, True])
def test_a_press_after_the_door_closed_is_not_taken_for_a_draft(own, candidate, citizen, later, htmx):
    left_open = candidate.open("/ma-signature/engagements")
    later(minutes=31)
    page = left_open.submit("#prendre-2", htmx=htmx)
    if htmx:
        assert page.response.headers["HX-Redirect"] == "/retrouver"
        page = candidate.open("/retrouver")
    assert page.url == "/retrouver"
    assert "n’est pas enregistré" in page.text(".note")
    assert candidate.open("/").text(".count") == "0 engagement sur 10"


def test_coming_back_from_another_device(own, citizen, deliver, mailbox):
    page = citizen.open("/retrouver").submit(".form", email="ELODIE.martin@example.org ")
    assert page.url == "/retrouver/envoye"
    assert deliver() == 1
    link = link_in(mailbox.letters[2], "/acces/")
    page = citizen.open(link)
    assert citizen.open("/ma-signature").url == "/retrouver", "opening alone opens nothing"
    page = page.submit("main form")
    assert page.url == "/ma-signature"
    page = citizen.open(link)
    assert page.status == 410
    assert page.soup.select("main a[href='/retrouver']")


def test_an_access_link_lasts_an_hour(own, citizen, deliver, mailbox, later):
    citizen.open("/retrouver").submit(".form", email=ELODIE["email"])
    deliver()
    later(hours=1, minutes=1)
    assert citizen.open(link_in(mailbox.letters[2], "/acces/")).status == 410


def test_the_answer_is_the_same_for_an_unknown_address(own, citizen, deliver):
    known = citizen.open("/retrouver").submit(".form", email=ELODIE["email"])
    unknown = citizen.open("/retrouver").submit(".form", email="inconnue@example.org")
    assert str(known.soup) == str(unknown.soup)
    assert set(known.response.headers.keys()) == set(unknown.response.headers.keys())
    assert deliver() == 1


def test_one_letter_leads_to_all_who_share_an_address(own, citizen, deliver, mailbox):
    signed_and_confirmed(citizen, deliver, mailbox, given_name="Marc", commune="Le Bugue")
    citizen.open("/retrouver").submit(".form", email=ELODIE["email"])
    deliver()
    letter = text_of(mailbox.letters[-1])
    assert "Élodie Martin (Sarlat-la-Canéda)" in letter
    assert "Marc Martin (Le Bugue)" in letter


def test_a_pending_signature_can_be_confirmed_from_there(candidate, citizen, deliver, mailbox):
    sign(candidate)
    deliver()
    citizen.open("/retrouver").submit(".form", email=ELODIE["email"])
    assert deliver() == 1
    assert mailbox.letters[-1]["Subject"] == "Votre lien d’accès"
    assert confirm(citizen, mailbox).url == "/ma-signature"


def test_using_a_link_resets_the_count(own, candidate, deliver, mailbox):
    for _ in range(6):
        assert come_back(candidate, deliver, mailbox).url == "/ma-signature"


def test_until_it_is_confirmed_the_page_says_that_it_waits(candidate, citizen, deliver, mailbox):
    sign(candidate, 1, 2)
    page = candidate.open("/ma-signature")
    assert page.text("h1") == "Votre signature attend votre confirmation"
    assert not any(word in page.text() for word in ("Élodie", ELODIE["email"], "Sarlat"))
    assert page.open_link("/signer/envoye").text(".address") == ELODIE["email"]
    deliver()
    confirm(citizen, mailbox)
    assert candidate.open("/ma-signature").url == "/retrouver"


def test_a_page_left_open_before_signing_changes_no_signature(candidate, citizen, deliver, mailbox):
    left_open = tick(candidate, 1, 2)
    sign(candidate, 1, 2)
    deliver()
    confirm(citizen, mailbox)
    assert left_open.submit("#prendre-3").text(".count") == "1 engagement sur 10"
    assert citizen.open("/ma-signature").text(".count") == "2 engagements sur 10"


def test_asking_often_writes_three_times(own, citizen, deliver):
    for sent in (1, 1, 1, 0, 0):
        page = citizen.open("/retrouver").submit(".form", email=ELODIE["email"])
        assert page.url == "/retrouver/envoye"
        assert deliver() == sent


def test_using_a_link_lets_others_sign_there(own, candidate, citizen, deliver, mailbox, later):
    for _ in range(4):
        citizen.open("/retrouver").submit(".form", email=ELODIE["email"])
        deliver()
    sign(citizen, given_name="Marc")
    assert deliver() == 0, "a mailbox gets three unanswered letters a day, of all kinds"
    candidate.open(link_in(mailbox.letters[-1], "/acces/")).submit("main form")
    later(minutes=1)
    citizen.open("/signer/envoye").submit(".form")
    assert deliver() == 1


def test_a_bad_address(citizen):
    page = citizen.open("/retrouver").submit(".form", email="elodie")
    assert page.status == 422
    assert page["#email"]["value"] == "elodie"
