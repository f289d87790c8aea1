"""Each rule of the purge, row by row and to the second; test_retention.py walks the whole way."""

import os
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.extensions import charter, db
from app.models import (
    Certificate,
    Entry,
    Event,
    Letter,
    LetterKind,
    LetterState,
    Pledge,
    Signature,
    Status,
    Tally,
)
from app.signatures import erasure_log, retention
from app.signatures.rules import PERSONAL
from tests.support.crowd import person

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
numbers = count()


@pytest.fixture(autouse=True)
def context(app):
    with app.app_context():
        yield app


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def put(status: Status, touched_at: datetime = NOW, **facts: object) -> Signature:
    """Store a signature of that status."""
    confirmed_at = days_ago(100) if status in (Status.CONFIRMED, Status.WITHDRAWN) else None
    facts = {"confirmed_at": confirmed_at, "created_at": days_ago(100), **facts}
    taken = {1: Pledge(number=1, taken_at=days_ago(100))}
    signature = person(next(numbers), pledges=taken, status=status, touched_at=touched_at, **facts)
    db.session.add(signature)
    db.session.commit()
    return signature


def put_withdrawn(withdrawn_at: datetime = NOW, **facts: object) -> Signature:
    """Store what is left of a withdrawn signature, and note it in the ledger."""
    nobody = dict.fromkeys(PERSONAL)
    signature = put(Status.WITHDRAWN, withdrawn_at=withdrawn_at, **{**nobody, **facts})
    for name in PERSONAL:
        setattr(signature, name, facts.get(name))
    signature.pledges.clear()
    signature.events = [Event("confirmed", days_ago(100)), Event("withdrawn", withdrawn_at)]
    db.session.commit()
    erasure_log.add(retention.ledger_file(), [signature.code], withdrawn_at)
    return signature


def letter(kind: LetterKind, state: LetterState = LetterState.SENT, **facts: object) -> Letter:
    facts = {"address": "elodie@example.org", "created_at": NOW, "due_at": NOW, "attempts": 1, **facts}
    return Letter(kind=kind, state=state, message_key=f"{next(numbers):032}", **facts)


def purge(**options: bool) -> list[tuple[str, list[str]]]:
    done = [(erased.what, list(erased.names)) for erased in retention.purge(NOW, **options)]
    db.session.expire_all()
    return done


def left() -> set[str]:
    return set(db.session.scalars(select(Signature.code)))


@pytest.mark.parametrize(
    ("status", "days", "what"),
    [
        (Status.PENDING, 8, "erased-pending"),
        (Status.MERGED, 8, "erased-merged"),
    ],
)
def test_what_is_idle_goes_the_second_after_its_term(status, days, what):
    due = put(status, days_ago(days) - SECOND).code
    kept = {put(status, days_ago(days)).code, put(Status.CONFIRMED, days_ago(1000)).code}
    assert purge() == [(what, [due])]
    assert left() == kept
    assert purge() == []


def test_a_letter_that_asks_to_confirm_gives_as_long_again():
    long_ago = days_ago(20)
    asked = put(Status.PENDING, long_ago, letters=[letter(LetterKind.CONFIRM, created_at=days_ago(8))])
    before = put(
        Status.PENDING, long_ago, letters=[letter(LetterKind.CONFIRM, created_at=days_ago(8) - SECOND)]
    )
    otherwise = put(Status.PENDING, long_ago, letters=[letter(LetterKind.MOVING)])
    codes = [before.code, otherwise.code]
    assert purge() == [("erased-pending", codes)]
    assert left() == {asked.code}


def test_a_new_address_that_nobody_answers_goes_the_second_after_its_term():
    def moving(event: str, at: datetime, status: Status = Status.CONFIRMED) -> Signature:
        return put(status, new_email="ailleurs@example.org", events=[Event(event, at)])

    kept = moving("move-asked", days_ago(8))
    due = moving("move-asked", days_ago(8) - SECOND)
    otherwise = moving("role-corrected", NOW)
    pending = moving("signed", days_ago(9), Status.PENDING)
    settled = put(Status.CONFIRMED)
    assert purge() == [("erased-new-addresses", [due.code, otherwise.code])]
    assert [s.new_email for s in (kept, due, otherwise, pending, settled)] == [
        "ailleurs@example.org", None, None, "ailleurs@example.org", None
    ]  # fmt: skip


def test_a_former_address_goes_the_second_after_its_term():
    def moved(at: datetime) -> Signature:
        return put(Status.CONFIRMED, former_email="avant@example.org", events=[Event("moved", at)])

    kept, due = moved(days_ago(8)), moved(days_ago(8) - SECOND)
    assert purge() == [("erased-former-addresses", [due.code])]
    assert [s.former_email for s in (kept, due)] == ["avant@example.org", None]


def test_what_proves_a_withdrawal_goes_the_second_after_its_term():
    due = put_withdrawn(days_ago(1825) - SECOND).code
    kept = {put_withdrawn(days_ago(1825)).code, put(Status.CONFIRMED, days_ago(2000)).code}
    assert purge() == [("erased-withdrawn", [due])]
    assert left() == kept


def test_letters_go_the_second_after_their_term_once_they_have_left():
    at, late = days_ago(30), days_ago(30) - SECOND
    due = [
        letter(LetterKind.ACCESS, sent_at=late),
        letter(LetterKind.ACCESS, LetterState.REFUSED, due_at=late),
        letter(LetterKind.ACCESS, LetterState.VOID, due_at=late),
    ]
    kept = [
        letter(LetterKind.ACCESS, sent_at=at),
        letter(LetterKind.ACCESS, sent_at=at, due_at=late),
        letter(LetterKind.ACCESS, LetterState.WAITING, due_at=late),
    ]
    db.session.add_all([*due, *kept])
    db.session.commit()
    names = [str(gone.id) for gone in due]
    assert purge() == [("erased-letters", names)]
    assert db.session.scalar(select(func.count()).select_from(Letter)) == 3


def test_a_warning_about_the_seal_forgets_whom_and_stays():
    late = days_ago(30) - SECOND
    warning = letter(LetterKind.SEAL, sent_at=late, trouble="451 later")
    db.session.add_all([warning, letter(LetterKind.SEAL, sent_at=late, address="")])
    db.session.commit()
    assert purge() == [("unaddressed-letters", [str(warning.id)])]
    assert (warning.address, warning.trouble, warning.state) == ("", None, LetterState.SENT)
    assert purge() == []


@pytest.mark.parametrize(
    "facts",
    [
        *({name: "elu" if name == "role" else "x"} for name in PERSONAL),
        {"pledges": 2},
        {"events": "taken"},
        {"content": {"full_name": "É"}},
        {"pdf": b"%PDF"},
        {"merged": True},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_whatever_names_somebody_who_withdrew_is_erased(facts):
    signature = put_withdrawn()
    name, value = next(iter(facts.items()))
    gone = [signature.code]
    if name in PERSONAL:
        db.session.execute(Signature.__table__.update().values({name: value}))
        db.session.expire_all()
    elif name == "pledges":
        signature.pledges[value] = Pledge(number=value, taken_at=NOW)
    elif name == "events":
        signature.events.append(Event(value, NOW))
    elif name == "merged":
        gone.append(put(Status.MERGED, merged_into=signature).code)
    else:
        signature.certificates.append(Certificate(number="n", issued_at=NOW, sha256="h", **facts))
    db.session.commit()
    assert purge() == [("reduced-withdrawn", [signature.code])]
    assert all(getattr(signature, name) is None for name in PERSONAL)
    assert not signature.pledges
    assert {event.what for event in signature.events} == {"confirmed", "withdrawn"}
    assert all(c.content is c.pdf is None for c in signature.certificates)
    assert left() == {gone[0]}
    assert purge() == []


def test_what_the_ledger_says_is_taken_back_again():
    at = days_ago(50)
    confirmed = put(Status.CONFIRMED, created_at=at, letters=[letter(LetterKind.CONFIRMED)])
    pending = put(Status.PENDING, created_at=at - SECOND)
    anew = put(Status.CONFIRMED, created_at=at + SECOND)
    unnoted = put(Status.CONFIRMED, created_at=at)
    withdrawn = put_withdrawn(days_ago(60), created_at=days_ago(70))
    gone = [confirmed.code, pending.code]
    erasure_log.add(retention.ledger_file(), [*gone, anew.code], at)
    assert purge() == [("withdrawn-again", gone)]
    assert left() == {confirmed.code, anew.code, unnoted.code, withdrawn.code}
    assert (confirmed.status, confirmed.withdrawn_at) == (Status.WITHDRAWN, at)
    assert confirmed.email is None
    assert not confirmed.letters, "it said good-bye before the backup was put back"
    assert {anew.status, unnoted.status} == {Status.CONFIRMED}
    assert withdrawn.withdrawn_at == days_ago(60)


def test_the_register_goes_the_day_after_the_mandate(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)
    first = put(Status.CONFIRMED)
    everybody = {
        first.code,
        put(Status.MERGED, merged_into=first).code,
        put(Status.PENDING, days_ago(9)).code,
    }
    noted = put(Status.CONFIRMED).code
    erasure_log.add(retention.ledger_file(), [noted], NOW)
    withdrawn = put_withdrawn().code
    assert db.session.scalar(select(func.count()).select_from(Entry)) == 2
    ends = charter.campaign.mandate_ends
    last_second = datetime(ends.year, ends.month, ends.day, 21, 59, 59, tzinfo=UTC)  # midnight in Paris
    again, *_ = retention.purge(last_second, dry_run=True)
    assert again.what == "withdrawn-again"
    assert "erased-register" not in {erased.what for erased in retention.purge(last_second, dry_run=True)}
    again, register, proof = retention.purge(last_second + SECOND)
    assert (again.what, again.names) == ("withdrawn-again", [noted])
    assert register.what == "erased-register"
    assert sorted(register.names) == sorted(everybody)
    assert (proof.what, set(proof.names)) == ("erased-withdrawn", {noted, withdrawn})
    assert left() == set()
    assert db.session.scalar(select(func.count()).select_from(Entry)) == 0
    assert not db.session.scalar(select(func.sum(Tally.count)))


def test_each_transaction_has_its_line_in_the_journal(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    late = [put(Status.PENDING, days_ago(9)).code for _ in range(5)]
    assert purge(dry_run=True) == [("erased-pending", late)]
    assert left() == set(late)
    assert db.session.scalar(select(func.count()).select_from(Event)) == 0
    assert purge() == [("erased-pending", late)]
    lines = db.session.execute(select(Event.what, Event.at, Event.number)).all()
    assert lines == [("erased-pending", NOW, number) for number in (2, 2, 1)]


def test_a_withdrawal_that_the_ledger_lacks_is_noted_with_its_date():
    first, second = put_withdrawn(days_ago(2)), put_withdrawn(days_ago(3))
    undated = put_withdrawn()
    undated.withdrawn_at = None
    db.session.commit()
    put(Status.CONFIRMED)
    file = retention.ledger_file()
    file.unlink()
    erasure_log.add(file, [second.code], days_ago(3))
    expected = [("noted-in-ledger", [first.code, undated.code])]
    assert purge(dry_run=True) == expected
    assert list(erasure_log.read(file)) == [second.code], "a dry run notes nothing"
    assert purge() == expected
    assert erasure_log.read(file) == {second.code: days_ago(3), first.code: days_ago(2), undated.code: NOW}


def test_a_ledger_with_a_relative_name_lies_in_the_instance_folder(context):
    context.config["ERASURE_LEDGER"] = "folder/erased.txt"
    assert retention.ledger_file() == Path(context.instance_path, "folder", "erased.txt")


def test_remembering_never_stops_a_withdrawal(context, caplog):
    retention.remember(["a" * 20, "b" * 20], NOW)
    assert erasure_log.read(retention.ledger_file()) == {"a" * 20: NOW, "b" * 20: NOW}
    context.config["ERASURE_LEDGER"] = "/proc/nowhere/erased.txt"
    retention.remember(["c" * 20], NOW)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith("the erasure log cannot be written: [Errno ")


def test_the_ledger_makes_its_folders_and_is_for_its_owner_alone(tmp_path):
    file, before = tmp_path / "one" / "two" / "erased.txt", os.umask(0)
    try:
        erasure_log.add(file, ["a" * 20], NOW)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() == b"\n" + b"a" * 20 + b" 2026-05-01T12:00:00+00:00"


def test_a_ledger_takes_from_another_what_it_lacks_or_knows_of_an_earlier_day_only(tmp_path):
    file, before, after = tmp_path / "erased.txt", days_ago(2), NOW
    erasure_log.add(file, ["a" * 20, "b" * 20], before)
    noted = {"a" * 20: after, "b" * 20: before, "c" * 20: before, "d" * 20: before, "e" * 20: after}
    erasure_log.merge(file, noted)
    assert erasure_log.read(file) == noted
    lines = file.read_text().splitlines()
    erasure_log.merge(file, noted)
    erasure_log.merge(file, {"a" * 20: before})
    assert file.read_text().splitlines() == lines, "nothing was new"
    assert len(lines) == 1 + 2 + 4


@pytest.mark.parametrize(
    "torn",
    [
        b"\xff\xfe",
        "é".encode(),
        b"a" * 19 + b" 2026-05-01T12:00:00+00:00",
        ("b" * 20 + " ٢٠٢٦-05-01T12:00:00+00:00").encode(),  # digits too, elsewhere
    ],
)
def test_what_is_not_a_line_of_the_ledger_is_left_out(tmp_path, torn):
    file = tmp_path / "erased.txt"
    assert erasure_log.read(file) == {}
    file.write_bytes(b"\n" + torn)
    erasure_log.add(file, ["c" * 20], NOW)
    assert erasure_log.read(file) == {"c" * 20: NOW}
