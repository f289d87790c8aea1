"""The real server, as the guide runs it: 128 people at once, and a visitor who lies about the proxy."""

import urllib.request

from tests.support.database import rows
from tests.support.journeys import ELODIE
from tests.support.wire import Wire, at_once

PEOPLE = 128


def open_charter(wire: Wire, number: int) -> None:
    assert wire.ask("GET", "/")[0] == 200


def take_all_ten(wire: Wire, number: int) -> None:
    for commitment in range(1, 11):
        status, fragment = wire.ask("POST", f"/engagements/{commitment}", {"taken": "yes"})
        assert status == 200
        assert f'<span class="number">{commitment}</span>' in fragment, f"{commitment}: not counted"


def sign(wire: Wire, number: int) -> None:
    assert wire.ask("GET", "/signer")[0] == 200
    email = f"person{number}@example.org"
    assert wire.ask("POST", "/signer", {**ELODIE, "email": email})[0] == 303


def test_128_people_sign_at_once(site):
    assert at_once(site.url, PEOPLE, [open_charter, take_all_ten, sign]) == []
    (stored,) = rows(site.database, "SELECT count(*), count(DISTINCT signature_id) FROM pledge")
    assert stored == (PEOPLE * 10, PEOPLE)


def test_a_visitor_cannot_move_the_site(site):
    request = urllib.request.Request(f"{site.url}/mentions-legales", headers={"SCRIPT_NAME": "/evil"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
        assert b"/evil" not in answer.read()
