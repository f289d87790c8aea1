"""`/sante`: what machines are told, in each state that the site may be in."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import event

from app import clock, create_app
from app.extensions import db
from app.ops import health
from tests.support.database import rows
from tests.support.journeys import confirm, sign, signed_and_confirmed
from tests.support.visitor import Visitor
from tests.web.test_headers import check


@pytest.fixture
def app(settings):
    """A site made by its migrations."""
    app = create_app(settings)
    with app.app_context():
        upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def database(app):
    with app.app_context():
        db.engine.dispose()
    return Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))


@pytest.fixture
def told(app, later):
    """Ask how the site is, after what was told last is old; return the status, the state and the reasons."""

    def ask():
        later(seconds=2)
        response = app.test_client().get("/sante")
        assert set(response.json) == {"etat", "raisons"}
        return response.status_code, response.json["etat"], *response.json["raisons"]

    return ask


def test_a_site_that_is_well(app, told):
    client = app.test_client()
    response = client.get("/sante")
    assert response.json == {"etat": "ok", "raisons": []}
    check(response)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.mimetype == "application/json"
    head = client.head("/sante")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == response.headers["Content-Length"]
    for answer in (response, head):
        assert "Set-Cookie" not in answer.headers
    assert client.post("/sante").status_code == 405


def test_nothing_is_told_of_anybody(app, told, candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    assert told() == (200, "ok")


@pytest.mark.sqlite
def test_a_database_gone_and_come_back(app, told, database):
    away = database.rename(database.with_name("away"))
    assert told() == (503, "panne", "base-injoignable")
    assert not database.exists(), "asking makes none"
    response = app.test_client().get("/sante")
    check(response)
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Retry-After"] == "30"
    assert app.test_client().head("/sante").status_code == 503
    away.rename(database)
    assert told() == (200, "ok")


@pytest.mark.sqlite
def test_a_database_that_is_none(told, database, caplog):
    database.write_bytes(b"no database" * 1000)
    assert told() == (503, "panne", "base-injoignable")
    assert "health: DatabaseError: file is not a database" in caplog.text


@pytest.mark.sqlite
def test_a_database_that_cannot_be_written_to(app, told, database):
    with database.open("r+b") as file:
        file.seek(18)  # « write version »: above 2, SQLite only reads (its file format, 1.3.4)
        file.write(b"\3")
    assert told() == (503, "panne", "base-en-lecture-seule")


@pytest.mark.sqlite
def test_a_database_that_somebody_writes_to(told, database):
    with sqlite3.connect(database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert told() == (200, "ok")
        other.execute("ROLLBACK")


def test_a_database_before_and_after_its_time(app, told):
    with app.app_context():
        downgrade(revision="0003")
    assert told() == (503, "panne", "migrations")
    with app.app_context():
        upgrade()
    assert told() == (200, "ok")
    rows(app, "UPDATE alembic_version SET version_num = 'next'")
    assert told() == (200, "alerte", "base-plus-recente")


def test_a_database_that_was_never_made(settings):
    app = create_app(settings)
    with app.app_context():
        db.engine.connect().close()
        db.engine.dispose()
    assert app.test_client().get("/sante").json == {"etat": "panne", "raisons": ["migrations"]}


def test_a_courier_that_does_not_run(candidate, told, later, deliver):
    sign(candidate)
    later(minutes=14)
    assert told() == (200, "ok")
    later(minutes=1)
    assert told() == (503, "panne", "courrier-arrete")
    assert deliver() == 1
    assert told() == (200, "ok")


def test_a_courier_that_stopped_after_a_try(candidate, told, later, deliver, mailbox):
    mailbox.answer = "451 later"
    sign(candidate)
    deliver()
    later(minutes=15)
    assert told() == (200, "ok")
    later(minutes=2)
    assert told() == (503, "panne", "courrier-arrete")


def test_a_courier_that_has_much_to_do(app, told, later, deliver, mailbox):
    """The first letter takes a slow relay its time; those behind it have waited for long."""
    for number in range(2):
        sign(Visitor(app), email=f"{number}@example.org")
    later(minutes=30)
    assert told() == (503, "panne", "courrier-arrete")
    seen = []
    mailbox.meanwhile = lambda: seen.append(told())
    assert deliver() == 2
    assert seen == [(200, "ok")] * 2


def test_a_relay_that_is_down_is_told_and_is_no_failure(app, candidate, told, later, deliver, mailbox):
    mailbox.answer = "451 later"
    sign(candidate)
    for _ in range(3):
        assert told() == (200, "ok")
        later(minutes=6)
        deliver()
    assert told() == (200, "alerte", "relais-en-panne")
    mailbox.answer = "250 OK"
    later(seconds=30)
    sign(Visitor(app), given_name="Luc", email="luc@example.org")
    deliver()
    assert told() == (200, "alerte", "lettre-bloquee"), "others leave: it is that letter's own trouble"
    later(minutes=6)
    deliver()
    assert told() == (200, "ok")
    confirm(candidate, mailbox)


@pytest.mark.sqlite
def test_a_disk_that_is_nearly_full(told, monkeypatch):
    monkeypatch.setattr(health, "DISK_NOTICE", 2**63)
    assert told() == (200, "alerte", "disque-presque-plein")
    monkeypatch.setattr(health, "DISK_FULL", 2**63)
    assert told() == (503, "panne", "disque-plein")


def test_letters_wait_for_nobody_while_developing(settings, monkeypatch, later):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = create_app(settings | {"MAIL_SERVER": ""})
    with app.app_context():
        upgrade()
    sign(Visitor(app))
    later(minutes=30)
    assert app.test_client().get("/sante").json == {"etat": "ok", "raisons": []}
    with app.app_context():
        db.engine.dispose()


def test_a_thousand_questions_are_one_look(app, monkeypatch):
    monkeypatch.setattr(clock, "_time", lambda: datetime(2026, 11, 25, tzinfo=UTC))
    looks = []
    with app.app_context():
        engine = health.create_health_engine(db.engine.url)
    event.listen(engine, "connect", lambda *_: looks.append(1))
    for _ in range(20):
        assert app.test_client().get("/sante").status_code == 200
    assert len(looks) == 1
