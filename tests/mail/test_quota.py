"""The quota of letters: so many a day to one e-mail address, also after a signature was deleted."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import current_app

from app.extensions import db
from app.mail import quota
from app.models import Event, Letter, LetterKind, LetterState
from tests.support.crowd import person

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
EMAIL = "elodie@example.org"


@pytest.fixture
def sent(app):
    """Store a letter; by default, one that was sent to `EMAIL` at noon."""
    with app.app_context():

        def write(at: datetime = NOON, **facts: object) -> None:
            facts = {"kind": LetterKind.CONFIRM, "state": LetterState.SENT, "address": EMAIL, **facts}
            key = f"{db.session.query(Letter).count():032}"
            db.session.add(Letter(message_key=key, created_at=at, due_at=at, attempts=1, **facts))
            db.session.commit()

        yield write


def is_within(per_day: int, kind: LetterKind = LetterKind.CONFIRM) -> bool:
    current_app.config["LETTERS_PER_DAY"] = per_day
    return quota.within_quota(kind, EMAIL, NOON)


def test_letters_of_the_last_day_count_towards_the_quota(sent):
    assert is_within(1)
    assert not is_within(0)
    for written in (1, 2, 3):
        sent(NOON - DAY + written * SECOND)
        assert is_within(written + 1)
        assert not is_within(written)


@pytest.mark.parametrize(
    "facts",
    [
        {"at": NOON - DAY},
        {"kind": LetterKind.MOVING},
        {"address": "elodie+x@example.com"},
        {"address": "elodiex+x@example.org"},
        {"state": LetterState.VOID},
        {"address": "luc@example.org"},
    ],
    ids=str,
)
def test_other_letters_do_not_count_towards_the_quota(sent, facts):
    sent(**facts)
    assert is_within(1)


@pytest.mark.parametrize("state", [LetterState.WAITING, LetterState.SENT, LetterState.REFUSED])
def test_a_letter_counts_in_every_state_but_void(sent, state):
    sent(state=state)
    assert not is_within(1)


def test_a_letter_under_the_hash_of_its_address_counts(sent):
    sent(address=quota._hash_mailbox(EMAIL))
    assert not is_within(1)
    assert quota.within_quota(LetterKind.CONFIRM, "luc@example.org", NOON)


@pytest.mark.parametrize(
    "facts",
    [{"kind": LetterKind.ACCESS}, {"kind": LetterKind.MOVE}, {"address": "elodie+x@example.org"}],
    ids=str,
)
def test_a_letter_of_another_kind_or_tag_counts(sent, facts):
    sent(**facts)
    assert not is_within(1)
    assert not quota.within_quota(LetterKind.CONFIRM, "elodie+y@example.org", NOON)


@pytest.mark.parametrize("kind", quota.STRANGERS)
@pytest.mark.parametrize("answer", quota.ANSWERS)
def test_an_answer_resets_the_count(sent, kind, answer):
    at = NOON - timedelta(hours=1)
    owner = person(1, email=EMAIL, events=[Event("signed", NOON), Event(answer, at - DAY)])
    other = person(2, events=[Event(answer, NOON)])
    db.session.add_all([owner, other])
    sent(at - SECOND, kind=kind)
    sent(at, kind=kind)
    assert not is_within(2, kind), "no answer since the first letter"
    owner.events.append(Event(answer, at))
    db.session.commit()
    assert is_within(1, kind)
    sent(at + SECOND, kind=kind)
    assert not is_within(1, kind)


def test_an_answer_of_three_days_ago_does_not_extend_the_count(sent):
    db.session.add(person(1, email=EMAIL, events=[Event("confirmed", NOON - 3 * DAY)]))
    sent(NOON - DAY - SECOND)
    assert is_within(1)


def test_sent_letters_are_detached_before_a_signature_is_deleted(app, sent):
    later = person(2)
    owner = person(1, email=EMAIL, merged=[later])
    db.session.add(owner)
    db.session.commit()
    sent(signature_id=owner.id, trouble="451 later")
    sent(signature_id=later.id, state=LetterState.REFUSED)
    sent(signature_id=owner.id, state=LetterState.WAITING, address="luc@example.org")
    assert len(owner.letters) == 2

    quota.detach_sent_letters(owner)
    db.session.delete(owner)
    db.session.commit()

    left = {(letter.signature_id, letter.address, letter.trouble) for letter in db.session.query(Letter)}
    assert left == {(None, quota._hash_mailbox(EMAIL), None)}
    assert db.session.query(Letter).count() == 2
    assert is_within(3)
    assert not is_within(2)
