"""`flask signature`: what an organiser does about a signature, on every surface at once."""

from pathlib import Path

import pytest

from app import clock
from tests.support.database import rows
from tests.support.journeys import ELODIE, come_back, sign, signed_and_confirmed
from tests.support.mailbox import html_of, text_of
from tests.support.silence import SILENCE
from tests.support.visitor import check_typography

REASON = "Cette personne n’a pas signé, nous l’avons appelée."


def run(app, *arguments, status=0):
    done = app.test_cli_runner().invoke(args=["signature", *arguments])
    assert done.exit_code == status, done.output
    assert "Traceback" not in done.output
    return done.output


@pytest.fixture
def code(app, candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    return rows(app, "SELECT code FROM signature")[0][0]


SURFACES = (
    "/signataires/{}", "/signataires/{}/badge.svg", "/signataires/{}/image.png",
)  # fmt: skip


def test_a_hidden_signature_is_on_no_surface(app, code, candidate, citizen, deliver, mailbox):
    candidate.open("/ma-signature").submit("#certificat form")
    number = rows(app, "SELECT number FROM certificate")[0][0]
    for surface in SURFACES:
        assert citizen.client.get(surface.format(code)).status_code == 200
    assert run(app, "hide", code, "--reason", REASON) == "hidden\n"
    for surface in SURFACES:
        assert citizen.client.get(surface.format(code)).status_code == 404
    for path in (
        "/signataires",
        "/signataires.csv",
        "/signataires.json",
        "/signataires.atom",
        "/communes/24520",
    ):
        with citizen.client.get(path) as response:  # closed, or the download counts as going on
            assert "Élodie" not in response.get_data(as_text=True), path
    page = citizen.open(f"/verifier/{number}")
    assert page.text("h1") == "Signature non publiée"
    assert "l’organisation l’a retirée du registre" in page.text("main")
    assert "Élodie" not in page.text("main")
    assert REASON in candidate.open("/ma-signature").text(".signature")
    assert app.test_cli_runner().invoke(args=["register", "check"]).output == "0 differences\n"


def test_its_owner_is_told_why_and_where_to_answer(app, code, deliver, mailbox):
    run(app, "hide", code, "--reason", REASON)
    assert deliver() == 1
    letter = mailbox.letters[-1]
    assert (letter["To"], letter["Subject"]) == (ELODIE["email"], "Votre signature n’est plus publiée")
    for part in (text_of(letter), html_of(letter)):
        assert REASON in part
        assert "n.perez@cress-na.org" in part
    check_typography(text_of(letter))


def test_restoring_brings_everything_back(app, code, citizen, deliver):
    run(app, "hide", code, "--reason", REASON)
    run(app, "restore", code, "--reason", "Erreur.")
    assert citizen.open(f"/signataires/{code}").text("h1") == "Élodie Martin"
    assert deliver() == 0, "the letter that had not left is void"
    assert "only a signature that is hidden" in run(app, "restore", code, "--reason", "x", status=1)


def test_hiding_does_not_wait_for_the_end_of_a_silence(app, code, citizen, monkeypatch):
    monkeypatch.setattr(clock, "_time", lambda: SILENCE)
    run(app, "hide", code, "--reason", REASON)
    assert citizen.client.get(f"/signataires/{code}").status_code == 404


def test_a_withdrawal_by_the_organisation_is_one_by_the_owner(
    app, code, candidate, deliver, mailbox, settings
):
    run(app, "hide", code, "--reason", REASON)
    assert run(app, "withdraw", code, "--yes", "--reason", "Usurpation.").endswith("withdrawn\n")
    assert rows(app, "SELECT email, given_name, hidden_reason, status FROM signature") == [
        (None, None, None, "withdrawn")
    ]
    assert rows(app, "SELECT what, words FROM deed ORDER BY id") == [
        ("hide", None),
        ("withdraw", "Usurpation."),
    ]
    assert code in Path(settings["ERASURE_LEDGER"]).read_text()
    assert candidate.open("/ma-signature").url == "/retrouver"
    deliver()
    assert mailbox.letters[-1]["Subject"] == "Votre signature est retirée"


def test_signatures_are_found_by_name_address_and_code(app, code, citizen):
    sign(citizen, given_name="Marc", family_name="Duñó", email="marc@example.org", commune="Le Bugue")
    assert "Marc Duñó, Le Bugue" in run(app, "list", "DUNO")
    for text in ("elodie martin", "Élodie-Martin", ELODIE["email"].upper(), code):
        assert run(app, "list", text).split("  ")[:2] == [code, "confirmed"], text
    assert run(app, "list", "%") == run(app, "list")
    assert len(run(app, "list").splitlines()) == 2


def test_what_one_signature_shows(app, code):
    run(app, "hide", code, "--reason", REASON)
    said = run(app, "show", code)
    for words in ("Élodie Martin", "Sarlat-la-Canéda", "commitments: 1, 3, 4", "hidden", "hide by", REASON):
        assert words in said
    assert "there is no signature x" in run(app, "show", "x", status=1)


@pytest.mark.parametrize("reason", ["", " ", "x" * 501])
def test_a_reason_is_needed(app, code, reason):
    assert "write between 1 and 500 characters" in run(app, "hide", code, "--reason", reason, status=2)


def test_a_hidden_owner_comes_back(app, code, citizen, deliver, mailbox):
    run(app, "hide", code, "--reason", REASON)
    assert REASON in come_back(citizen, deliver, mailbox).text("main")
