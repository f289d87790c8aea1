"""Keep the proof, keep no more: what is erased, when, by whom, and what a backup brings back."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.certificates.key import seal_key
from app.clock import now
from app.extensions import db
from app.models import Event, Letter, LetterKind, Pledge, Signature, Status
from app.signatures import erasure_log, retention, rules
from tests.support.crowd import person
from tests.support.database import dump, rows
from tests.support.journeys import ELODIE, confirm, sign, signed_and_confirmed, tick
from tests.support.mailbox import link_in
from tests.support.visitor import Visitor

ROOT = Path(__file__).parents[2]
PERSON = ("Élodie", "elodie", "Martin", "martin", "24520", "Ensemble pour demain", "tete-de-liste")


@pytest.fixture
def purge(app):
    """Run the command, and return its lines without the last one."""

    def run(*options: str) -> list[str]:
        result = app.test_cli_runner().invoke(args=["privacy", "purge", *options])
        assert result.exit_code == 0, result.output
        *lines, last = result.output.splitlines()
        assert last == ("dry run: nothing was changed" if options else "done")
        return lines

    return run


def database(app) -> str:
    return app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")


def codes(app, *statuses: Status) -> list[str]:
    with app.app_context():
        query = select(Signature.code).where(Signature.status.in_(statuses)).order_by(Signature.id)
        return list(db.session.scalars(query))


def withdraw(visitor: Visitor) -> None:
    """Take the signature back, as its owner does."""
    page = visitor.open("/ma-signature/retirer").submit("main form")
    assert page.url == "/signature-retiree"


def journal(app) -> dict[str, int]:
    """Return how many rows the journal says were erased, by rule."""
    query = select(Event.what, func.sum(Event.number)).where(Event.signature_id.is_(None))
    with app.app_context():
        return {what: count for what, count in db.session.execute(query.group_by(Event.what)) if count}


# Terms


def test_never_confirmed_is_erased_after_eight_days(app, candidate, deliver, purge, later):
    sign(candidate)
    deliver()
    (code,) = codes(app, Status.PENDING)
    later(days=7, hours=23)
    assert purge() == []
    later(hours=2)
    assert purge() == [f"erased-pending 1: {code}"]
    assert not any(word in dump(app) for word in (*PERSON, ELODIE["email"], code))
    assert journal(app) == {"erased-pending": 1}


def test_who_asked_again_has_eight_more_days(app, candidate, deliver, purge, later):
    sign(candidate)
    deliver()
    later(days=6)
    with app.app_context():
        rules.queue_confirmation(db.session.query(Signature).one(), now(), within_quota=True)
        db.session.commit()
    later(days=7)
    assert purge() == []
    later(days=2)
    assert len(purge()) == 1


def test_the_link_of_an_erased_signature_says_so_quietly(candidate, citizen, deliver, mailbox, purge, later):
    sign(candidate)
    deliver()
    later(days=9)
    purge()
    assert citizen.open(link_in(mailbox.letters[0], "/confirmer/")).status == 404
    assert candidate.open("/signer/envoye").url == "/signer"


def test_each_term_is_a_setting(app, candidate, deliver, mailbox, purge, later):
    app.config |= {"KEEP_PENDING_DAYS": 2, "KEEP_LETTERS_DAYS": 4}
    sign(Visitor(app), email="luc@example.org")
    signed_and_confirmed(candidate, deliver, mailbox)
    seen = []
    for _ in range(5):
        later(days=1)
        seen.append([line.split()[0] for line in purge()])
    assert seen == [[], ["erased-pending"], [], ["erased-letters"], []]


def test_letters_are_erased_after_delivery_and_not_before(app, candidate, deliver, mailbox, purge, later):
    signed_and_confirmed(candidate, deliver, mailbox)
    with app.app_context():
        signature = db.session.query(Signature).one()
        rules.queue_letter(signature, LetterKind.ACCESS, ELODIE["email"], now())  # for the relay is down
        db.session.commit()
    later(days=31)
    assert purge() == ["erased-letters 2: 1 2"]
    with app.app_context():
        assert [letter.kind for letter in db.session.query(Letter)] == [LetterKind.ACCESS]


def test_a_warning_about_the_seal_forgets_whom_and_is_not_sent_again(app, deliver, mailbox, purge, later):
    app.config["ORGANISERS"] = ["anne@example.org"]
    with app.app_context():
        life = seal_key.not_after - now()
    later(seconds=life.total_seconds() - 50 * 86400)
    assert deliver() == 1
    later(days=31)
    assert purge() == ["unaddressed-letters 1: 1"]
    assert "anne@example.org" not in dump(app)
    assert (purge(), deliver()) == ([], 0), "nobody is warned twice of one term"
    later(days=13)
    assert deliver() == 1


def test_a_new_address_that_nobody_answers_is_forgotten(app, candidate, deliver, mailbox, purge, later):
    signed_and_confirmed(candidate, deliver, mailbox)
    form = candidate.open("/ma-signature/corriger")
    form.submit(".form", email="elsewhere@example.org")
    deliver()
    (code,) = codes(app, Status.CONFIRMED)
    later(days=7)
    assert purge() == []
    later(days=2)
    assert purge() == [f"erased-new-addresses 1: {code}"]
    later(days=31)
    purge()
    assert "elsewhere@example.org" not in dump(app)


def test_what_was_merged_goes_when_its_link_is_dead(app, candidate, deliver, mailbox, purge, later):
    signed_and_confirmed(candidate, deliver, mailbox, 1)
    signed_and_confirmed(Visitor(app), deliver, mailbox, 2)
    (merged,) = codes(app, Status.MERGED)
    later(days=9)
    assert purge() == [f"erased-merged 1: {merged}"]
    assert len(codes(app, Status.CONFIRMED)) == 1


def test_the_whole_register_goes_at_the_end_of_the_mandate(
    app, candidate, deliver, mailbox, purge, later, monkeypatch
):
    monkeypatch.setattr(retention, "BATCH", 1)  # what was merged goes before what it joined
    signed_and_confirmed(candidate, deliver, mailbox, 1)
    signed_and_confirmed(Visitor(app), deliver, mailbox, 2)
    sign(Visitor(app), email="luc@example.org")
    everybody = set(codes(app, *Status))
    ends = datetime(2032, 3, 31, 21, 59, tzinfo=UTC)  # a minute before midnight in Paris
    app.config |= {"KEEP_PENDING_DAYS": 4000, "KEEP_LETTERS_DAYS": 4000}
    later(seconds=(ends - now()).total_seconds())
    assert purge() == []
    later(minutes=2)
    (line,) = purge()
    assert line.startswith("erased-register 3: ")
    assert set(line.split()[2:]) == everybody
    assert not any(word in dump(app) for word in (*PERSON, "@example.org"))
    assert purge() == []


# Withdrawals


def test_withdrawn_leaves_what_proves_it(app, candidate, citizen, deliver, mailbox, purge, later):
    own = signed_and_confirmed(candidate, deliver, mailbox)
    pdf = own.submit("#certificat form").response.data
    signed_and_confirmed(Visitor(app), deliver, mailbox, 7)
    (merged,) = codes(app, Status.MERGED)
    with app.app_context():  # and no more than that: what a site of before this command holds
        signature = db.session.query(Signature).filter_by(status=Status.CONFIRMED).one()
        number = signature.certificates[0].number
        signature.status, signature.withdrawn_at = Status.WITHDRAWN, now()
        db.session.commit()
        code, wording = signature.code, signature.consents[0].wording
    expected = [f"reduced-withdrawn 1: {code}", f"noted-in-ledger 1: {code}"]
    assert purge("--dry-run") == purge() == expected
    left = dump(app)
    assert not any(word in left for word in (*PERSON, ELODIE["email"], merged))
    assert wording in left, "what was agreed to is the proof"
    by_file = citizen.client.post("/verifier", data={"fichier": (BytesIO(pdf), "certificat.pdf")})
    assert "Signature retirée" in by_file.text
    assert citizen.open(f"/verifier/{number}").text("h1") == "Signature retirée"
    assert candidate.open(f"/signataires/{code}").status == 404
    assert purge() == []
    later(days=5 * 365 + 1)
    assert purge() == [f"erased-withdrawn 1: {code}"]


def test_a_link_to_a_withdrawn_signature_opens_nothing(app, candidate, citizen, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    withdraw(candidate)
    assert citizen.open(link_in(mailbox.letters[0], "/confirmer/")).status == 410
    assert candidate.open("/ma-signature").url == "/retrouver"


@pytest.mark.parametrize(("answer", "sent"), [("250 OK", 2), ("451 later", 0), ("550 no", 0)])
def test_a_letter_on_its_way_while_its_signature_is_erased(app, candidate, deliver, mailbox, answer, sent):
    sign(candidate)
    sign(Visitor(app), email="luc@example.org")

    def erase() -> None:
        rows(app, "DELETE FROM letter WHERE address = :address", address=ELODIE["email"])

    mailbox.answer, mailbox.meanwhile = answer, erase
    assert deliver() == sent
    assert rows(app, "SELECT address, attempts FROM letter") == [("luc@example.org", 1)]


# The run itself


def crowd(app, count: int) -> None:
    """Store pending signatures whose time to confirm is over, one row each and one pledge."""
    begun = datetime(2026, 3, 1, tzinfo=UTC)
    with app.app_context():
        for number in range(count):
            pledges = {1: Pledge(number=1, taken_at=begun)}
            db.session.add(
                person(number, status=Status.PENDING, created_at=begun, touched_at=begun, pledges=pledges)
            )
        db.session.commit()


def test_the_dry_run_says_what_the_run_does_and_changes_nothing(
    app, candidate, deliver, mailbox, purge, later, monkeypatch
):
    monkeypatch.setattr(retention, "BATCH", 2)
    sign(Visitor(app), email="luc@example.org")
    signed_and_confirmed(candidate, deliver, mailbox, 1)
    signed_and_confirmed(Visitor(app), deliver, mailbox, 2)
    crowd(app, 5)
    later(days=40)
    before = dump(app)
    foretold = purge("--dry-run")
    assert dump(app) == before
    assert purge() == foretold
    assert [line.split()[0] for line in foretold] == [
        "erased-pending",
        "erased-merged",
        "erased-letters",
    ]
    assert journal(app) == {line.split()[0]: int(line.split()[1].rstrip(":")) for line in foretold}
    after = dump(app)
    assert purge() == []
    assert dump(app) == after
    printed = " ".join(foretold)
    assert "@" not in printed
    assert "Martin" not in printed


KILLED = """
import json, os, signal, sys
from app import clock, create_app
from app.signatures import retention
from app.extensions import db

retention.BATCH, left, commit = 3, 2, db.session.commit

def commit_then_die():
    global left
    commit()
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

db.session.commit = commit_then_die
with create_app(json.loads(sys.argv[1])).app_context():
    retention.purge(clock.now())
"""


def test_killed_between_two_batches_it_goes_on_where_it_was(app, purge, settings):
    crowd(app, 10)
    run = subprocess.run([sys.executable, "-c", KILLED, json.dumps(settings)], cwd=ROOT)
    assert run.returncode == -signal.SIGKILL
    assert len(codes(app, Status.PENDING)) == 4
    assert journal(app) == {"erased-pending": 6}, "each batch is whole, with its line in the journal"
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Pledge)) == 4
    (line,) = purge()
    assert line.startswith("erased-pending 4: ")
    assert journal(app) == {"erased-pending": 10}


# Backups


def back_up(app, copy: Path) -> None:
    with closing(sqlite3.connect(database(app))) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def put_back(app, copy: Path) -> None:
    with app.app_context():
        db.engine.dispose()
    for file in Path(database(app)).parent.glob("paraphe.sqlite3*"):
        file.unlink()
    shutil.copy(copy, database(app))


@pytest.mark.sqlite
def test_a_backup_brings_nobody_back(app, candidate, citizen, deliver, mailbox, purge, tmp_path):
    own = signed_and_confirmed(candidate, deliver, mailbox, 1)
    own.submit("#certificat form")
    sign(Visitor(app), 2)  # the same person once more, not confirmed yet when the backup is taken
    deliver()
    back_up(app, tmp_path / "old")
    confirm(citizen, mailbox)
    withdraw(citizen)
    deliver()
    withdrawn = list(erasure_log.read(tmp_path / "erased.txt"))
    assert len(withdrawn) == 2, "the signature, and the one that was merged into it"
    purge()
    put_back(app, tmp_path / "old")
    assert citizen.open(f"/signataires/{withdrawn[0]}").status == 200, "the backup brings her back"

    foretold = purge("--dry-run")
    assert purge() == foretold == ["withdrawn-again 2: " + " ".join(withdrawn)]
    assert not any(word in dump(app) for word in (*PERSON, ELODIE["email"]))
    assert citizen.open(f"/signataires/{withdrawn[0]}").status == 404
    assert codes(app, *Status) == [withdrawn[0]]
    with app.app_context():
        signature = db.session.query(Signature).one()
        noted = erasure_log.read(tmp_path / "erased.txt")
        assert signature.withdrawn_at == noted[withdrawn[0]]
    assert purge() == []


@pytest.mark.sqlite
def test_a_backup_brings_nobody_back_who_denied(app, candidate, citizen, deliver, mailbox, purge, tmp_path):
    sign(candidate)
    deliver()
    back_up(app, tmp_path / "old")
    denied = citizen.open(link_in(mailbox.letters[0], "/refuser/")).submit("main form", agreed="y")
    assert denied.url == "/refuser/fait"
    put_back(app, tmp_path / "old")
    (code,) = codes(app, Status.PENDING)
    assert purge() == [f"withdrawn-again 1: {code}"]
    assert not any(word in dump(app) for word in (*PERSON, ELODIE["email"]))


def test_what_begins_again_under_the_same_code_stands(
    app, candidate, citizen, deliver, mailbox, purge, later
):
    sign(candidate)
    deliver()
    (code,) = codes(app, Status.PENDING)
    citizen.open(link_in(mailbox.letters[0], "/refuser/")).submit("main form", agreed="y")
    later(hours=1)
    tick(candidate, 1)
    with candidate.client.session_transaction() as session:
        session["draft"] |= {"code": code}  # as an old cookie brings it back
        session.modified = True
    candidate.open("/signer").submit(".form", **ELODIE | {"email": "candidate@example.org"})
    assert codes(app, Status.PENDING) == [code]
    assert purge() == []


def test_the_ledger_names_nobody_and_is_private(app, candidate, deliver, mailbox, tmp_path):
    signed_and_confirmed(candidate, deliver, mailbox)
    withdraw(candidate)
    (code,) = codes(app, Status.WITHDRAWN)
    file = tmp_path / "erased.txt"
    assert [line.split()[0] for line in file.read_text().split("\n") if line] == [code]
    assert file.stat().st_mode & 0o077 == 0


def test_a_ledger_that_cannot_be_written_stops_no_withdrawal(app, candidate, deliver, mailbox, purge, caplog):
    signed_and_confirmed(candidate, deliver, mailbox)
    good, app.config["ERASURE_LEDGER"] = app.config["ERASURE_LEDGER"], "/proc/nowhere/erased.txt"
    withdraw(candidate)
    (code,) = codes(app, Status.WITHDRAWN)
    assert "the erasure log cannot be written" in caplog.text
    failed = app.test_cli_runner().invoke(args=["privacy", "purge"])
    assert failed.exit_code == 1
    assert failed.output.startswith("Error: ERASURE_LEDGER, /proc/nowhere/erased.txt: ")
    app.config["ERASURE_LEDGER"] = good
    assert purge() == [f"noted-in-ledger 1: {code}"]
    assert purge() == []


def test_a_torn_line_of_the_ledger_spoils_no_other(tmp_path):
    file, at = tmp_path / "folder" / "erased.txt", datetime(2026, 3, 1, 12, tzinfo=UTC)
    erasure_log.add(file, ["a" * 20], at)
    with file.open("a") as torn:
        torn.write("\n" + "b" * 20 + " 2026-0")
    erasure_log.add(file, ["c" * 20, "d" * 20], at)
    assert erasure_log.read(file) == {"a" * 20: at, "c" * 20: at, "d" * 20: at}
    assert erasure_log.read(tmp_path / "none.txt") == {}


# What was never kept


def test_no_address_of_a_machine_is_kept(app, candidate, deliver, mailbox, caplog):
    caplog.set_level("DEBUG")
    candidate.client.environ_base["REMOTE_ADDR"] = "203.0.113.77"
    signed_and_confirmed(candidate, deliver, mailbox)
    candidate.open("/nulle-part")
    assert "203.0.113.77" not in dump(app)
    assert "203.0.113.77" not in caplog.text
