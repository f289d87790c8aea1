"""The register as it is written: exact whatever happens, frozen during a silence, recounted at night."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select, update

from app import clock
from app.extensions import db
from app.models import Certificate, Entry, Pledge, Revision, Role, Signature, Spelling, Status, Tally
from app.register import audit, queries
from app.register.update import publish_waiting
from tests.support import crowd
from tests.support.database import rows
from tests.support.journeys import change, come_back, listed, sign, signed_and_confirmed
from tests.support.mailbox import link_in
from tests.support.silence import END, SILENCE
from tests.support.visitor import Visitor


@pytest.fixture
def at(monkeypatch):
    """Set the clock."""

    def move(moment: datetime) -> None:
        monkeypatch.setattr(clock, "_time", lambda: moment)

    return move


@pytest.fixture
def own(app, candidate, deliver, mailbox, at):
    """Élodie's page: she confirmed on the eve of the silence."""
    at(SILENCE - timedelta(minutes=10))
    return signed_and_confirmed(candidate, deliver, mailbox)


def names(citizen: Visitor, path: str = "/signataires") -> list[str]:
    return [e.get_text(" ", strip=True) for e in citizen.open(path).soup.select(".entry .name")]


def found(app) -> list[str]:
    with app.app_context():
        return [f"{d.what}: {d.found}, not {d.expected}" for d in audit.find_differences()]


# Counts


def test_every_change_is_counted(app, own, candidate, deliver, mailbox):
    with app.app_context():
        assert queries.count_by_commitment(queries.Search()) == {0: 1, 1: 1, 3: 1, 4: 1}
    change(candidate, 1, 7)
    candidate.open("/ma-signature/corriger").submit(".form", role="elu", commune="Le Bugue")
    with app.app_context():
        assert queries.count_by_commitment(queries.Search()) == {0: 1, 3: 1, 4: 1, 7: 1}
        assert queries.count_entries(queries.Search(commune="24067", roles=frozenset({Role.ELECTED}))) == 1
        assert queries.count_entries(queries.Search(commune="24520")) == 0
    assert found(app) == []


def test_a_count_that_comes_to_nothing_is_gone(app, own, candidate):
    candidate.open("/ma-signature/retirer").submit("main form")
    with app.app_context():
        for table in (Entry, Spelling, Tally):
            assert db.session.scalar(select(func.count()).select_from(table)) == 0
        assert db.session.scalar(select(Revision.number)) == 2
    assert found(app) == []


def test_a_draft_costs_the_register_nothing(app, candidate):
    sign(candidate, 1, 2)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Revision)) == 0


def test_what_changes_nothing_public_is_no_revision(app, own, candidate, deliver, mailbox):
    """Somebody comes back: caches keep what they have."""
    come_back(candidate, deliver, mailbox)
    with app.app_context():
        assert db.session.scalar(select(Revision.number)) == 1


def test_what_is_not_committed_is_not_listed(app, own, citizen):
    with app.app_context():
        signature = db.session.scalars(select(Signature)).one()
        signature.list_name = "Autre liste"
        db.session.flush()
        assert queries.find_entry(signature.code).list_name == "Autre liste"
        db.session.rollback()
    assert "Ensemble pour demain" in citizen.open("/signataires").text()


def test_many_at_once_are_all_counted(app, deliver, mailbox, at):
    """Twelve people of one list confirm together."""
    at(SILENCE - timedelta(minutes=10))
    visitors = [Visitor(app) for _ in range(12)]
    for n, visitor in enumerate(visitors):
        sign(visitor, 1, n % 3 + 1, given_name=f"Anne-{'abcdefghijkl'[n]}", email=f"a{n}@example.org")
    deliver()
    assert len(mailbox.letters) == 12
    pages = []

    def press(letter) -> None:
        visitor = Visitor(app)
        page = visitor.open(link_in(letter, "/confirmer/"))
        pages.append(page.submit(".form", agreed="y").url)

    threads = [threading.Thread(target=press, args=(letter,)) for letter in mailbox.letters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pages == ["/ma-signature"] * 12
    with app.app_context():
        assert queries.count_entries(queries.Search()) == 12
    assert found(app) == []


# Silence


def test_the_register_stays_as_it_stood(app, own, candidate, citizen, deliver, mailbox, at):
    at(SILENCE)
    change(candidate, 1, 7)
    newcomer = Visitor(app)
    signed_and_confirmed(newcomer, deliver, mailbox, given_name="Bruno", email="b@example.org")
    page = citizen.open("/signataires")
    assert "Le registre est montré tel qu’il était avant le scrutin" in page.text(".note")
    assert "23\N{NO-BREAK SPACE}mars 2026" in page.text(".note")
    assert names(citizen) == ["Élodie Martin"]
    assert "1, Sensibiliser" in page.text(".entry .visually-hidden")
    assert "7, " not in page.text(".entry .visually-hidden")
    assert found(app) == [], "what waits is no difference"

    at(END)
    with app.app_context():
        assert publish_waiting(END) == 2
        assert publish_waiting(END) == 0
    page = citizen.open("/signataires")
    assert ".note" not in page
    assert names(citizen) == ["Bruno Martin", "Élodie Martin"]
    assert "1, Sensibiliser" not in page.soup.select(".entry .visually-hidden")[1].get_text()
    assert "7, " in page.soup.select(".entry .visually-hidden")[1].get_text()
    assert found(app) == []


def test_the_courier_lists_what_has_waited(app, own, citizen, deliver, mailbox, at):
    at(SILENCE)
    signed_and_confirmed(Visitor(app), deliver, mailbox, given_name="Bruno", email="b@example.org")
    deliver()
    assert names(citizen) == ["Élodie Martin"]
    at(END)
    deliver()
    assert names(citizen) == ["Bruno Martin", "Élodie Martin"]


def test_a_withdrawal_does_not_wait(app, own, candidate, citizen, at):
    code = citizen.open("/signataires")[".entry .name a"]["href"]
    at(SILENCE)
    candidate.open("/ma-signature/retirer").submit("main form")
    assert names(citizen) == []
    assert citizen.open(code).status == 404


def test_a_signature_that_waits_says_so(app, own, deliver, mailbox, at, citizen):
    at(SILENCE)
    newcomer = Visitor(app)
    page = signed_and_confirmed(newcomer, deliver, mailbox, given_name="Bruno", email="b@example.org")
    assert page.text(".success").startswith("Votre signature est confirmée. Merci")
    assert "paraîtra le 23\N{NO-BREAK SPACE}mars 2026" in page.text(".note")
    assert "paraîtra le 23\N{NO-BREAK SPACE}mars 2026" in mailbox.letters[-1].get_body().get_content()
    assert "section[aria-labelledby=sharing-title]" not in page
    assert newcomer.open("/ma-signature/partager").url == "/ma-signature"


def test_withdrawn_while_waiting_is_never_listed(app, deliver, mailbox, at, citizen):
    at(SILENCE)
    newcomer = Visitor(app)
    signed_and_confirmed(newcomer, deliver, mailbox)
    newcomer.open("/ma-signature/retirer").submit("main form")
    at(END)
    deliver()
    assert names(citizen) == []


@pytest.mark.parametrize(
    ("moment", "silent"),
    [
        ("2026-03-20T22:59:59", False),
        ("2026-03-20T23:00:00", True),  # Paris is an hour ahead
        ("2026-03-22T22:59:59", True),
        ("2026-03-22T23:00:00", False),
        ("2026-03-18T12:00:00", False),
    ],
)
def test_silence_is_told_by_the_clocks_of_paris(app, moment, silent):
    campaign = app.extensions["charter"].campaign
    until = campaign.silence_until(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert until == (END if silent else None)


# Recounting


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (update(Entry).values(family_name="Autre"), "entry: family_name, not family_name"),
        (update(Entry).values(mask=1), "entry: mask, not mask"),
        (delete(Entry), "entry: nothing, not an entry"),
        (delete(Spelling).where(Spelling.position == 1), "spellings: 1, not 2"),
        (update(Spelling).where(Spelling.position == 1).values(key="autre"), "spellings: 2, not 2"),
        (update(Tally).where(Tally.number == 3).values(count=7), "tally: 7, not 1"),
        (delete(Tally).where(Tally.number == 0), "tally: 0, not 1"),
        (update(Signature).values(status=Status.WITHDRAWN), "entry: an entry, not nothing"),
        (delete(Pledge).where(Pledge.number == 4), "entry: mask, taken_on, not mask, taken_on"),
    ],
)
def test_what_differs_is_said_and_mended(app, own, damage, said):
    with app.app_context():
        db.session.execute(damage, execution_options={"synchronize_session": False})
        db.session.commit()
    assert said in found(app)
    runner = app.test_cli_runner()
    checked = runner.invoke(args=["register", "check"])
    assert checked.exit_code == 1
    assert said.partition(":")[2] in checked.output
    assert "Martin" not in checked.output
    assert runner.invoke(args=["register", "check", "--mend"]).exit_code == 0
    assert runner.invoke(args=["register", "check"]).output == "0 differences\n"


@pytest.mark.sqlite
def test_everything_at_once_is_mended_by_one_command(app, own):
    """An entry is lost, its spellings are not; another column, a tally and a pledge are wrong too."""
    listed(app, 2, 5, family_name="Autre", email="autre@example.org", commune="Le Bugue")
    with app.app_context():
        path = db.engine.url.database
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM entry WHERE family_name = 'Martin'")
        connection.execute("UPDATE entry SET commune = '24520', mask = 1")
        connection.execute("UPDATE tally SET count = count + 3 WHERE number IN (0, 2)")
        connection.execute("DELETE FROM pledge WHERE number = 4")
    runner = app.test_cli_runner()
    assert runner.invoke(args=["register", "check", "--mend"]).exit_code == 0
    assert runner.invoke(args=["register", "check"]).output == "0 differences\n"
    assert rows(app, "SELECT count(*) FROM tally WHERE count < 1") == [(0,)]


@pytest.mark.sqlite
def test_what_has_lost_its_signature_is_said_and_mended(app, own, citizen):
    """Somebody erased rows by hand, where SQLite looks at no foreign key."""
    with app.app_context():
        path = db.engine.url.database
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM signature")
        connection.execute("INSERT INTO spelling SELECT 'x', position, key, known, role, commune, epci,"
                           " district, mask FROM spelling")  # fmt: skip
    runner = app.test_cli_runner()
    assert runner.invoke(args=["register", "check"]).output.endswith("2 differences\n")
    assert runner.invoke(args=["register", "check", "--mend"]).exit_code == 0
    assert runner.invoke(args=["register", "check"]).output == "0 differences\n"
    assert names(citizen) == []
    with app.app_context():
        assert queries.count_by_commitment(queries.Search()) == {}


def test_a_name_that_folds_to_nothing_has_a_line_all_the_same(app, citizen):
    sign = "\N{GREEK YPOGEGRAMMENI}"
    crowd.fill(app, 1, given_name=sign, family_name=sign)
    assert names(citizen) == [f"{sign} {sign}"]
    assert found(app) == []


def test_a_certificate_does_not_tell_what_the_register_keeps_back(app, own, candidate, citizen, at):
    own.submit("#certificat form")
    with app.app_context():
        number = db.session.scalars(select(Certificate.number)).all()[-1]
    assert "Certificat authentique" in citizen.open(f"/verifier/{number}").title
    at(SILENCE)
    change(candidate, 7)
    page = citizen.open(f"/verifier/{number}")
    assert "pas public pendant le scrutin" in page.text()
    assert "Engagement 7" not in page.text()
    assert "Élodie" not in page.text()


def test_what_was_signed_before_the_register_had_lines(app, own, citizen):
    """The migration leaves `to_list` on; the first look of the courier does the rest."""
    with app.app_context():
        for table in (Spelling, Entry, Tally):
            db.session.execute(delete(table))
        db.session.execute(update(Signature).values(to_list=True))
        db.session.commit()
        assert publish_waiting(clock.now()) == 1
    assert names(citizen) == ["Élodie Martin"]
    assert found(app) == []


def test_recounting_keeps_nobody_waiting(app, own, candidate):
    """It reads for as long as it takes, and somebody ticks meanwhile."""
    with app.app_context():
        differences = audit.find_differences()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(audit, "_compare", lambda *_: iter(["in the middle"]))
            assert next(differences) == "in the middle"
            ticked = []
            thread = threading.Thread(target=lambda: ticked.append(change(candidate, 9).status))
            thread.start()
            thread.join(10)
            assert ticked == [200]
            differences.close()
