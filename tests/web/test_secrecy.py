"""Whether an address has signed is told to nobody: the same work is done for each, statement by statement."""

import re

import pytest

from app.extensions import db
from app.models import Letter, LetterKind
from tests.support.database import listen_to_statements
from tests.support.journeys import ELODIE, sign, signed_and_confirmed, tick
from tests.support.visitor import Visitor

KNOWN, OVER_ITS_CAP, UNKNOWN = ELODIE["email"], "assez@example.org", "inconnue@example.org"


@pytest.fixture
def statements(app):
    """Every SQL statement since it was last cleared."""
    seen = []
    listen_to_statements(app, lambda *args: seen.append(args[2]))
    return seen


@pytest.fixture
def three_addresses(app, candidate, deliver, mailbox, later):
    """One that has signed, one that was written to three times for each reason, one never heard of."""
    signed_and_confirmed(candidate, deliver, mailbox)
    page = sign(Visitor(app), given_name="Luc", email=OVER_ITS_CAP)
    for _ in range(4):
        Visitor(app).open("/retrouver").submit(".form", email=OVER_ITS_CAP)
        later(seconds=11)
        page = page.submit(".form")
        deliver()
    assert [letter["To"] for letter in mailbox.letters].count(OVER_ITS_CAP) == 3
    return KNOWN, OVER_ITS_CAP, UNKNOWN


def asked(app, statements, address):
    """Ask for a way back; return what the database was told, and what came back."""
    page = Visitor(app).open("/retrouver")
    statements.clear()
    response = page.visitor.client.post(
        "/retrouver", data={"email": address, "csrf_token": page["[name=csrf_token]"]["value"]}
    )
    return statements.copy(), dict(response.headers), response.data


def signs(app, statements, address):
    """Sign; return what the database was told, and what came back."""
    stranger = Visitor(app)
    tick(stranger, 1)
    page = stranger.open("/signer")
    statements.clear()
    data = {**ELODIE, "email": address, "csrf_token": page["[name=csrf_token]"]["value"]}
    response = stranger.client.post("/signer", data=data)
    assert response.status_code == 303
    headers = {name: value for name, value in response.headers.items() if name != "Set-Cookie"}
    return statements.copy(), headers, response.data


@pytest.mark.parametrize("act", [asked, signs])
def test_the_same_work_for_every_address(app, statements, three_addresses, act):
    known, over, unknown = (act(app, statements, address) for address in three_addresses)
    assert sum(statement.startswith("INSERT INTO letter") for statement in unknown[0]) == 1
    assert known == over == unknown


def test_what_a_stranger_typed_is_kept_nowhere(app, candidate, deliver):
    candidate.open("/retrouver").submit(".form", email=UNKNOWN)
    assert deliver() == 0
    with app.app_context():
        assert db.session.query(Letter).count() == 0


def test_a_way_back_is_kept_with_its_signature(app, three_addresses, candidate, deliver):
    """So that erasing the signature erases it; one that never leaves keeps no address."""
    candidate.open("/retrouver").submit(".form", email=KNOWN)
    deliver()
    with app.app_context():
        ways_back = db.session.query(Letter).filter_by(kind=LetterKind.ACCESS).all()
        assert {(letter.address, letter.signature_id is None) for letter in ways_back} == {
            (KNOWN, False),
            (OVER_ITS_CAP, False),
            ("", True),
        }


def test_no_page_and_no_cookie_repeats_it(app, three_addresses):
    stranger = Visitor(app)
    for address in three_addresses:
        page = stranger.open("/retrouver").submit(".form", email=address)
        assert not re.search("@", page.text())
        assert address not in str(stranger.client.get_cookie("paraphe"))
