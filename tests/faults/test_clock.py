"""Clocks that jump, and the two nights a year when Paris changes its time."""

from datetime import UTC, datetime

import pytest

from app import clock
from tests.support.database import rows
from tests.support.journeys import confirm, sign, tick


@pytest.fixture
def at(monkeypatch):
    """Set the clock."""

    def set_to(*moment: int) -> None:
        monkeypatch.setattr(clock, "_time", lambda: datetime(*moment, tzinfo=UTC))

    return set_to


@pytest.mark.parametrize("back", [{"seconds": -1}, {"hours": -3}, {"days": -400}])
def test_a_clock_set_back_takes_nothing_away(app, candidate, deliver, mailbox, later, back):
    """What was written later than now: a session, a link, a letter that is due."""
    tick(candidate, 1, 2)
    later(**back)
    assert candidate.open("/")["#prendre-2"]["aria-checked"] == "true"
    sign(candidate, 3)
    later(**{unit: -value for unit, value in back.items()})
    later(minutes=1)
    later(**back)
    deliver()
    assert confirm(candidate, mailbox).url == "/ma-signature"
    assert rows(app, "SELECT count(*) FROM pledge") == [(3,)]


def test_letters_written_by_a_clock_in_the_future_leave(app, candidate, deliver, mailbox, later):
    later(days=300)
    sign(candidate)
    mailbox.answer = "451 later"
    assert deliver() == 0
    later(days=-300)
    mailbox.answer = "250 OK"
    assert deliver() == 1


def test_a_jump_ahead_and_back_closes_no_draft(candidate, later):
    tick(candidate, 5)
    later(days=365)
    assert candidate.open("/mentions-legales").status == 200
    later(days=-365)
    assert candidate.open("/")["#prendre-5"]["aria-checked"] == "true"


@pytest.mark.parametrize(
    ("before", "after", "day"),
    [
        ((2026, 3, 29, 0, 59), (2026, 3, 29, 1, 1), "29 mars 2026"),  # from 1:59 to 3:01
        ((2026, 10, 25, 0, 59), (2026, 10, 25, 1, 1), "25 octobre 2026"),  # from 2:59 to 2:01
        ((2026, 10, 24, 21, 59), (2026, 10, 24, 22, 1), "25 octobre 2026"),  # midnight in summer
        ((2026, 10, 25, 22, 59), (2026, 10, 25, 23, 1), "26 octobre 2026"),  # and in winter
    ],
)
def test_the_nights_when_the_time_changes(app, candidate, deliver, mailbox, at, before, after, day):
    at(*before)
    sign(candidate)
    mailbox.answer = "451 later"
    assert deliver() == 0
    mailbox.answer = "250 OK"
    at(*after)  # a minute later, whatever the clock in the kitchen says
    assert deliver() == 1
    page = confirm(candidate, mailbox)
    assert page.url == "/ma-signature"
    assert day in page.text().replace("\N{NO-BREAK SPACE}", " ")
    ((signed,), (confirmed,)) = rows(app, "SELECT at FROM event ORDER BY id")
    assert str(signed) < str(confirmed)
