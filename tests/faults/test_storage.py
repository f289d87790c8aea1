"""The file of the database: locked, full, missing, damaged, read-only; and come back, without a restart.

Each test leaves to the next one a site that works again.
"""

import os
import resource
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import event, make_url

from app import create_app
from app.extensions import db
from tests.support.database import rows
from tests.support.journeys import ELODIE, tick
from tests.support.people import Person, check_whole, wait_until, workers
from tests.support.visitor import Visitor, check_house_rules
from tests.support.wire import Wire

pytestmark = pytest.mark.sqlite
NOBODY = 65534


@pytest.fixture
def file(site):
    return Path(make_url(site.database).database)


@pytest.fixture
def person(site):
    """Somebody who has ticked, and is about to say who signs."""
    person = Person(site.url, site.mailbox)
    person.answer(1, True)
    person.ask("GET", "/signer")
    yield person
    person.wire.connection.close()


def press(person):
    """Say who signs, and return what comes."""
    person.wire.connection.close()  # which the server may have left meanwhile
    return person.wire.ask("POST", "/signer", {**ELODIE, "email": person.email})


def check_503(status, text, typed=ELODIE["list_name"]):
    """Assert that a page says so in French, and has what was typed."""
    assert status == 503, text
    soup = BeautifulSoup(text, "html.parser")
    check_house_rules(soup)
    assert soup.h1.get_text() == "Service momentanément indisponible"
    assert soup.html["lang"] == "fr"
    if typed:
        assert typed in soup.select_one(".typed-values").get_text()
        assert {field["name"] for field in soup.select("main form input")} >= set(ELODIE)


def works_again(site, person):
    """Let the person press again, and come to the end."""
    wait_until(lambda: reads(site)[0] == 200)
    assert press(person)[0] == 303
    person.signed = True
    person.confirm()
    check_whole(site, [person])
    assert "Traceback" not in site.log.read_text()


def reads(site, path="/signataires"):
    """Open a page, as somebody else does."""
    wire = Wire(site.url)
    try:
        return wire.ask("GET", path)
    finally:
        wire.connection.close()


def test_locked_for_longer_than_anybody_waits(site, file, person):
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        person.wire.connection.close()
        person.wire.send("POST", "/signer", {**ELODIE, "email": person.email})
        assert reads(site)[0] == 200
        check_503(*person.wire.receive())
        other.execute("ROLLBACK")
    works_again(site, person)


@contextmanager
def no_file_longer_than(site, size):
    """Have the system refuse that the site makes a file longer, as a full disk does."""
    before = resource.prlimit(workers(site)[0], resource.RLIMIT_FSIZE)
    try:
        for pid in workers(site):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
        yield
    finally:
        for pid in workers(site):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_no_room_left(site, file, person):
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with no_file_longer_than(site, 4096):
        check_503(*press(person))
        assert reads(site)[0] == 200
    works_again(site, person)


def test_gone(site, file, person):
    away = file.rename(file.with_name("away"))
    check_503(*press(person))
    check_503(*reads(site), typed=None)
    assert not file.exists(), "an empty one was made"
    away.rename(file)
    works_again(site, person)


def test_another_one_in_its_place(site, file, person):
    """It is opened anew: nothing goes on being written where nobody will find it."""
    away = file.rename(file.with_name("away"))
    beside = Path(f"{file}-wal").rename(file.with_name("away-wal"))
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE other (id INTEGER)")
    check_503(*press(person))
    file.unlink()
    beside.rename(f"{file}-wal")
    away.rename(file)
    works_again(site, person)


def test_damaged(site, file, person):
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sound = file.read_bytes()
    with file.open("r+b") as damaged:
        damaged.write(os.urandom(len(sound)))
        check_503(*press(person))
        damaged.seek(0)
        damaged.write(sound)
    works_again(site, person)


def as_nobody(dialect, _record, arguments, options):
    """Open the file without the rights of root, where the tests have them: nothing is read-only to root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        connection = dialect.connect(*arguments, **options)
        connection.execute("PRAGMA schema_version")  # the file is opened when it is first read
        return connection
    finally:
        os.seteuid(user)


@pytest.fixture
def lent_folder():
    """A folder that anybody may write to: those of pytest are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_read_only(settings, lent_folder):
    file = lent_folder / "paraphe.sqlite3"
    settings["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{file}"
    app = create_app(settings)
    with app.app_context():
        engine = db.engine
        db.create_all()
    candidate = Visitor(app)
    tick(candidate, 1)
    page = candidate.open("/signer")
    engine.dispose()
    event.listen(engine, "do_connect", as_nobody)
    file.chmod(0o444)
    page = page.submit(".form", **ELODIE)
    check_503(page.status, page.response.text)
    file.chmod(0o600)
    event.remove(engine, "do_connect", as_nobody)
    assert page.submit("main form").url == "/signer/envoye"
    engine.dispose()


def test_as_many_pages_as_it_may_have(app, candidate):
    """As on a full disk, where SQLite counts by itself."""
    tick(candidate, 1)
    page = candidate.open("/signer")
    with app.app_context():
        engine = db.engine
    ((most,),) = rows(app, "PRAGMA page_count")

    def limit(connection, _record):
        connection.execute(f"PRAGMA max_page_count = {most}")

    engine.dispose()
    event.listen(engine, "connect", limit)
    refused = None
    for number in range(200):  # until the pages that there are have no room left
        other = Visitor(app)
        tick(other, 1)
        refused = other.open("/signer").submit(".form", **{**ELODIE, "email": f"a{number}@example.org"})
        if refused.status == 503:
            break
    check_503(refused.status, refused.response.text)
    event.remove(engine, "connect", limit)
    engine.dispose()
    assert page.submit(".form", **ELODIE).url == "/signer/envoye"
    assert rows(app, "PRAGMA integrity_check") == [("ok",)]
