"""Answers of many browsers at once, which share a transaction."""

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from app import sqlite
from app.clock import now
from app.models import new_code
from app.signatures import drafts
from app.signatures.drafts import Draft
from tests.support.database import looked_at, rows
from tests.support.journeys import sign
from tests.support.mailbox import link_in

PRESSING = 6


@pytest.fixture
def commits(app):
    """Count the transactions of the application that are made durable."""
    seen = []
    event.listen(app.extensions["autocommit"], "commit", seen.append)
    return seen


@contextmanager
def nobody_writes(app):
    """Keep all others from writing drafts."""
    with looked_at(app) as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("UPDATE signature SET id = id WHERE false"))
        else:
            connection.execute(text("LOCK TABLE signature IN EXCLUSIVE MODE"))
        yield


class Waiting(deque):
    """Who waits at the desk; tells how many have come by, written or not."""

    came = 0

    def append(self, one):
        super().append(one)
        self.came += 1


def at_once(app, *answers):
    """Give answers (code, number, taken), each from a thread, while nobody can write; return what came."""
    app.extensions["drafts"]._waiting = waiting = Waiting()

    def press(code, number, taken):
        with app.app_context():
            return drafts.answer(code, number, taken=taken, now=now())

    with ThreadPoolExecutor(len(answers)) as pool:
        with nobody_writes(app):
            futures = []
            for number, answer in enumerate(answers, 1):
                futures.append(pool.submit(press, *answer))
                deadline = time.monotonic() + 10
                while waiting.came < number and time.monotonic() < deadline:
                    time.sleep(0.001)
        return [future.result() for future in futures]


def wait_for_somebody_to_wait(app):
    """Return when somebody waits for a row; SQLite does not tell."""
    deadline = time.monotonic() + 10
    with looked_at(app) as connection:
        while connection.dialect.name == "postgresql" and time.monotonic() < deadline:
            if connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                return
    time.sleep(0.1)


def test_whoever_waits_is_written_with_the_others(app, commits):
    codes = [new_code() for _ in range(PRESSING)]
    came = at_once(app, *((code, number, True) for number, code in enumerate(codes, 1)))
    assert came == [Draft(code, {number}) for number, code in enumerate(codes, 1)]
    assert len(commits) <= 2
    assert rows(app, "SELECT count(*) FROM signature") == [(PRESSING,)]
    assert sorted(rows(app, "SELECT number FROM pledge")) == [(n,) for n in range(1, PRESSING + 1)]


def test_presses_on_one_draft_are_taken_in_turn(app):
    code, other = new_code(), new_code()
    came = at_once(app, (code, 3, True), (other, 1, True), (code, 3, False), (code, 5, True), (code, 5, True))
    assert came[1] == Draft(other, {1})
    assert came[-1] == Draft(code, {5})
    assert sorted(rows(app, "SELECT number FROM pledge")) == [(1,), (5,)]


def test_one_that_is_no_draft_any_more_is_told_so_alone(app):
    closed, code = new_code(), new_code()
    with app.app_context():
        assert drafts.answer(closed, 1, taken=True, now=now()) == Draft(closed, {1})
    rows(app, "UPDATE signature SET status = 'withdrawn', withdrawn_at = created_at")
    assert at_once(app, (closed, 2, True), (code, 2, True), (closed, 1, False)) == [
        None,
        Draft(code, {2}),
        None,
    ]
    assert sorted(rows(app, "SELECT number FROM pledge")) == [(1,), (2,)]


def test_what_another_process_has_just_taken_is_released(app):
    """Their transaction goes on while ours begins."""
    code = new_code()

    def press(taken, number):
        with app.app_context():
            return drafts.answer(code, number, taken=taken, now=now())

    assert press(True, 1) == Draft(code, {1})
    with ThreadPoolExecutor(1) as pool:
        with looked_at(app) as connection:
            connection.execute(text("UPDATE signature SET touched_at = touched_at"))
            connection.execute(text("INSERT INTO pledge SELECT id, 3, touched_at FROM signature"))
            came = pool.submit(press, False, 3)
            wait_for_somebody_to_wait(app)
        assert came.result() == Draft(code, {1})
    assert rows(app, "SELECT number FROM pledge") == [(1,)]


def test_nobody_confirms_while_a_commitment_is_being_released(app, monkeypatch):
    code, tried = new_code(), []

    def try_to_confirm(step):
        def stepped(*arguments):
            came = step(*arguments)
            with looked_at(app) as connection:
                sqlite = connection.dialect.name == "sqlite"
                connection.exec_driver_sql("PRAGMA busy_timeout = 50" if sqlite else "SET lock_timeout = 50")
                with pytest.raises(OperationalError):
                    connection.execute(text("UPDATE signature SET status = 'withdrawn'"))
                connection.rollback()
            tried.append(came)
            return came

        return stepped

    with app.app_context():
        for number in (1, 2):
            drafts.answer(code, number, taken=True, now=now())
        for step in ("_in_one_statement", "_one_after_the_other"):
            monkeypatch.setattr(drafts, step, try_to_confirm(getattr(drafts, step)))
        assert drafts.answer(code, 2, taken=False, now=now()) == Draft(code, {1})
    assert len(tried) == 1
    assert rows(app, "SELECT status FROM signature") == [("draft",)]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM pledge WHERE number = 3", "INSERT INTO pledge SELECT id, 4, touched_at FROM signature"],
    ids=["released", "taken"],
)
def test_what_is_confirmed_is_what_was_shown(app, candidate, deliver, mailbox, statement):
    """Another tab ticks, or the contrary, while the button is being pressed."""
    sign(candidate, 3, 5)
    deliver()
    page = candidate.open(link_in(mailbox.letters[-1], "/confirmer/"))
    with ThreadPoolExecutor(1) as pool:
        with looked_at(app) as connection:
            connection.execute(text("UPDATE signature SET touched_at = touched_at"))
            connection.execute(text(statement))
            came = pool.submit(page.submit, ".form", agreed="y")
            wait_for_somebody_to_wait(app)
        page = came.result()
    assert page.status == 409
    assert "Relisez-la" in page.text()
    assert rows(app, "SELECT status FROM signature") == [("pending",)]
    assert page.submit(".form", agreed="y").url == "/ma-signature"


@pytest.mark.sqlite
def test_what_cannot_be_written_is_said_to_each(app, monkeypatch):
    monkeypatch.setattr(sqlite, "PATIENCE", 0.5)
    codes = [new_code() for _ in range(PRESSING)]

    def press(code):
        with app.app_context():
            try:
                return drafts.answer(code, 1, taken=True, now=now())
            except DBAPIError as error:
                return type(error).__name__

    with ThreadPoolExecutor(PRESSING) as pool:
        with nobody_writes(app):
            assert set(pool.map(press, codes)) == {"OperationalError"}
        monkeypatch.undo()  # a busy disk is not a locked database
        assert all(draft == Draft(draft.code, {1}) for draft in pool.map(press, codes))
    assert rows(app, "SELECT count(*) FROM pledge") == [(PRESSING,)]
