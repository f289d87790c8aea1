"""Programs that fill in forms, and people who are taken for one."""

import pytest

from tests.support.database import rows
from tests.support.journeys import ELODIE, sign, signed_and_confirmed, tick


def letters(app):
    (counted,) = rows(
        app,
        "SELECT (SELECT count(*) FROM letter), (SELECT count(*) FROM signature WHERE email IS NOT NULL)",
    )
    return counted


@pytest.mark.parametrize("path", ["/signer", "/retrouver"])
def test_the_trap_is_for_programs_only(candidate, path):
    page = candidate.open(path)
    trap = page["[name=remarque]"]
    assert trap["tabindex"] == "-1"
    assert trap["autocomplete"] == "off"
    assert trap.find_parent(attrs={"aria-hidden": "true"})["class"] == ["honeypot"]


def test_a_trapped_program_believes_that_it_has_signed(app, candidate, citizen, deliver):
    signed = sign(candidate)
    assert letters(app) == (1, 1)
    trapped = sign(citizen, remarque="Buy now")
    assert (trapped.url, trapped.status) == (signed.url, signed.status)
    assert trapped.text() == signed.text()
    again = trapped.submit(".form")
    assert again.text(".success")
    assert letters(app) == (1, 1)
    assert deliver() == 1


def test_a_trapped_program_believes_that_a_way_back_was_sent(app, candidate, citizen, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    before = letters(app)
    page = citizen.open("/retrouver").submit(".form", email=ELODIE["email"], remarque="Buy now")
    assert page.url == "/retrouver/envoye"
    assert letters(app) == before


def test_a_trapped_person_signs_after_all(candidate, citizen, deliver):
    sign(candidate, remarque="Buy now")
    assert sign(candidate).url == "/signer/envoye"
    assert deliver() == 1


def test_errors_are_told_to_programs_too(candidate):
    page = sign(candidate, remarque="Buy now", given_name="")
    assert page.status == 422
    assert "#given_name-error" in page


@pytest.fixture
def at_their_pace(app):
    """Forms must take two seconds here, as they do outside of tests."""
    app.config["FORM_MIN_SECONDS"] = 2
    return app


def test_a_hurried_form_is_asked_for_again(at_their_pace, candidate, deliver, later):
    page = sign(candidate, contact="y")
    assert page.status == 422
    assert page.title.startswith("Erreur\u00a0: ")
    assert "Envoyez encore une fois" in page.text("#errors")
    assert page["#errors"].has_attr("autofocus")
    assert page["#family_name"]["value"] == ELODIE["family_name"]
    assert page["[name=role][value=tete-de-liste]"].has_attr("checked")
    assert page["#publication"].has_attr("checked")
    assert page["#contact"].has_attr("checked")
    assert deliver() == 0
    later(seconds=2)
    assert page.submit(".form").url == "/signer/envoye"
    assert deliver() == 1


def test_a_hurried_search_is_asked_for_again(at_their_pace, candidate, later):
    page = candidate.open("/retrouver").submit(".form", email="elodie@example.org")
    assert page.status == 422
    assert page["#email"]["value"] == "elodie@example.org"
    later(seconds=2)
    assert page.submit(".form").url == "/retrouver/envoye"


def test_two_seconds_are_enough(at_their_pace, candidate, later):
    tick(candidate, 1)
    page = candidate.open("/signer")
    later(seconds=2)
    assert page.submit(".form", **ELODIE).url == "/signer/envoye"


def test_a_form_never_opened_is_hurried(at_their_pace, candidate, later):
    page = tick(candidate, 1)
    later(minutes=5)
    data = {**ELODIE, "csrf_token": page["#engagements [name=csrf_token]"]["value"]}
    assert candidate.client.post("/signer", data=data).status_code == 422


def test_correcting_and_going_back_are_as_quick_as_one_likes(at_their_pace, candidate, later):
    tick(candidate, 1)
    page = candidate.open("/signer")
    later(seconds=3)
    page = page.submit(".form", **ELODIE | {"given_name": ""})
    assert "#given_name-error" in page
    candidate.open("/")
    assert candidate.open("/signer").submit(".form", **ELODIE).url == "/signer/envoye"
    assert sign(candidate, given_name="Marc").url == "/signer/envoye"


def test_without_a_tick_the_lack_of_it_is_said_first(at_their_pace, candidate):
    page = candidate.open("/signer").submit(".form", **ELODIE)
    assert page["#errors a"]["href"] == "/#engagements"
