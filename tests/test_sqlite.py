"""Writers on SQLite wait for its write lock, in one process and in several; readers never wait."""

import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import database
from app.extensions import db
from tests.support.site import ROOT

pytestmark = pytest.mark.sqlite

#: Another process, which holds the write lock until it is killed or reads a line.
HOLD = """
import sys, time
from tests.support.crowd import app_on
from app.extensions import db
with app_on(sys.argv[1]).app_context():
    db.session.connection()
    print("in", flush=True)
    sys.stdin.readline()
    db.session.commit()
"""


@pytest.fixture
def write(app):
    """Begin a transaction that writes, run what is given in it, and commit."""

    def run(inside=lambda: None) -> None:
        with app.app_context():
            db.session.execute(text("DELETE FROM revision"))
            inside()
            db.session.commit()

    return run


@pytest.fixture
def elsewhere(database_url, app):
    """Let another process take the write lock; yield that process."""
    command = [sys.executable, "-c", HOLD, database_url]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "in\n"
        yield process
        process.kill()


def begun(function) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def test_one_at_a_time(write):
    inside, most = [], []

    def stay() -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()

    threads = [begun(lambda: write(stay)) for _ in range(16)]
    for thread in threads:
        thread.join()
    assert most == [1] * 16


def test_a_writer_waits_for_another_process(write, elsewhere):
    done = []
    thread = begun(lambda: write(lambda: done.append(1)))
    thread.join(0.3)
    assert not done
    elsewhere.stdin.write("\n")
    elsewhere.stdin.flush()
    thread.join(20)
    assert done


def test_a_process_that_is_killed_lets_the_next_one_in(write, elsewhere):
    done = []
    thread = begun(lambda: write(lambda: done.append(1)))
    elsewhere.kill()
    thread.join(20)
    assert done


def test_a_writer_that_waits_too_long_fails_and_the_next_one_writes(app, write, elsewhere, monkeypatch):
    with app.app_context():
        db.engine.dispose()  # the timeout is set as a connection opens
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 200)
    for _ in range(2):
        with pytest.raises(OperationalError, match="database is locked"):
            write()
    elsewhere.kill()
    elsewhere.wait()
    write()
    write()


def test_readers_do_not_wait(app, write, elsewhere):
    with app.test_request_context("/"):
        assert db.session.execute(text("SELECT count(*) FROM revision")).scalar() == 0


def test_a_failed_transaction_lets_the_next_one_in(write):
    with pytest.raises(ZeroDivisionError):
        write(lambda: 1 / 0)
    write()
