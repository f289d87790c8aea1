"""Writers queue in front of SQLite: one after the other, in this process and among all of them."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import create_app, sqlite
from app.extensions import db
from tests.conftest import ROOT

pytestmark = pytest.mark.sqlite

#: Another process, which takes its turn and keeps it until it is killed or told to go on.
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
    """Let another process take its turn; yield it once it is in."""
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


def test_who_waits_too_long_is_told_so_and_the_queue_goes_on(write, elsewhere, monkeypatch):
    monkeypatch.setattr(sqlite, "PATIENCE", 0.2)
    for _ in range(2):
        with pytest.raises(OperationalError, match="database is locked"):
            write()
    monkeypatch.setattr(sqlite, "PATIENCE", 20)
    elsewhere.kill()
    write()
    write()


def test_who_waits_for_a_thread_of_its_own_process_is_told_so_too(write, monkeypatch):
    def too_late() -> None:
        monkeypatch.setattr(sqlite, "PATIENCE", 0.1)
        with pytest.raises(OperationalError, match="database is locked"):
            write()
        monkeypatch.undo()

    write(lambda: begun(too_late).join())
    write()


def test_readers_do_not_queue(app, write, elsewhere):
    with app.test_request_context("/"):
        assert db.session.execute(text("SELECT count(*) FROM revision")).scalar() == 0


def test_a_failed_transaction_lets_the_next_one_in(write):
    with pytest.raises(ZeroDivisionError):
        write(lambda: 1 / 0)
    write()


def test_a_folder_where_no_file_can_be_made_is_a_database_that_cannot_be_opened(settings, tmp_path):
    (tmp_path / "full.sqlite3.queue").mkdir()
    app = create_app(settings | {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/full.sqlite3"})
    with app.app_context(), pytest.raises(OperationalError, match="full.sqlite3.queue"):
        db.create_all()


def test_no_file_is_left_open(app, write, tmp_path):

    with app.app_context():
        for _ in range(3):
            write()
            db.session.remove()
            db.engine.dispose()
    links = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert f"{tmp_path}/paraphe.sqlite3.queue" not in links
