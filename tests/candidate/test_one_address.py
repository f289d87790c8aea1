"""One address is written to three times a day at most, until it answers: exactly, whoever asks."""

import time

import pytest

from tests.support.database import rows
from tests.support.journeys import ELODIE, confirm, sign, signed_and_confirmed
from tests.support.mailbox import link_in, text_of
from tests.support.site import running_site
from tests.support.visitor import Visitor
from tests.support.wire import Wire, at_once

PRESSING = 40
ELEVEN = [
    "Anne", "Bruno", "Chloé", "David", "Emma", "Farid", "Gaëlle", "Hugo", "Inès", "Jean", "Karine",
]  # fmt: skip


def open_charter(wire: Wire, number: int) -> None:
    assert wire.ask("GET", "/")[0] == 200


def take_one(wire: Wire, number: int) -> None:
    assert wire.ask("POST", "/engagements/1", {"taken": "yes"})[0] == 200


def press_sign(wire: Wire, number: int) -> None:
    name = f"Martin {chr(97 + number % 26) * (1 + number // 26)}"
    assert wire.ask("POST", "/signer", {**ELODIE, "family_name": name})[0] == 303


def test_forty_press_at_once_on_four_processes(tmp_path, database_url):
    with running_site(tmp_path, database_url, workers=4, RATELIMIT_ENABLED="true") as site:
        assert at_once(site.url, PRESSING, [open_charter, take_one, press_sign]) == []
        deadline = time.monotonic() + 60
        states = {"waiting": 1}
        while "waiting" in states:
            assert time.monotonic() < deadline, states
            states = dict(rows(site.database, "SELECT state, count(*) FROM letter GROUP BY state"))
            time.sleep(0.1)
        assert states == {"sent": 3, "void": PRESSING - 3}
        assert [letter["X-Envelope-To"] for letter in site.mailbox.letters] == [ELODIE["email"]] * 3


def test_a_list_of_eleven_signs_in_an_evening_behind_one_mailbox(app, deliver, mailbox, later):
    for name in ELEVEN:
        visitor = Visitor(app)
        sign(visitor, given_name=name)
        deliver()
        assert f"Bonjour {name} " in text_of(mailbox.letters[-1])
        assert confirm(visitor, mailbox).url == "/ma-signature"
        later(minutes=12)
    assert "11 signatures" in Visitor(app).open("/signataires").text()


def test_eleven_who_all_sign_before_anybody_confirms(app, deliver, mailbox, later):
    """The first three are written to; once one of them has confirmed, the next ones ask again."""
    waiting = {name: Visitor(app) for name in ELEVEN}
    for name, visitor in waiting.items():
        sign(visitor, given_name=name)
    while waiting:
        deliver()
        later(minutes=2)
        asked = [letter for letter in mailbox.letters if letter["Subject"] == "Confirmez votre signature"]
        assert len(asked) == min(3, len(waiting))
        for letter in asked:
            (name,) = [name for name in waiting if f"Bonjour {name} " in text_of(letter)]
            page = waiting.pop(name).open(link_in(letter, "/confirmer/"))
            assert page.submit(".form", agreed="y").url == "/ma-signature"
        mailbox.letters.clear()
        for visitor in waiting.values():
            assert visitor.open("/signer/envoye").submit(".form").status == 200
    assert "11 signatures" in Visitor(app).open("/signataires").text()


@pytest.mark.parametrize("answered", [False, True])
def test_only_an_answer_resets_the_count(app, deliver, mailbox, later, answered):
    visitors = [Visitor(app) for _ in range(3)]
    for number, visitor in enumerate(visitors):
        sign(visitor, given_name=ELEVEN[number])
    deliver()
    if answered:
        confirm(visitors[0], mailbox)
    later(hours=23)
    sign(Visitor(app), given_name="Zoé")
    deliver()
    assert any("Bonjour Zoé " in text_of(letter) for letter in mailbox.letters) == answered


def test_letters_of_all_kinds_share_one_count(app, deliver, mailbox):
    """A stranger signs, asks for access, and moves a signature of their own: nine letters, before."""
    stranger = Visitor(app)
    signed_and_confirmed(stranger, deliver, mailbox, email="autre@example.org")
    mailbox.letters.clear()
    for name in ELEVEN[:3]:
        sign(Visitor(app), given_name=name)
        Visitor(app).open("/retrouver").submit(".form", email=ELODIE["email"])
        stranger.open("/ma-signature/corriger").submit(".form", email=ELODIE["email"])
        deliver()
    assert [letter["To"] for letter in mailbox.letters].count(ELODIE["email"]) == 3


def test_a_tag_makes_no_new_mailbox(app, deliver, mailbox):
    for number in range(8):
        sign(Visitor(app), email=f"elodie.martin+{number}@example.org")
    deliver()
    assert len(mailbox.letters) == 3


def test_the_warning_of_a_move_cannot_be_silenced(app, candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    for _ in range(4):
        Visitor(app).open("/retrouver").submit(".form", email=ELODIE["email"])
    deliver()
    mailbox.letters.clear()
    candidate.open("/ma-signature/corriger").submit(".form", email="ailleurs@example.org")
    deliver()
    assert {letter["To"] for letter in mailbox.letters} == {ELODIE["email"], "ailleurs@example.org"}
