"""`/sante` in each state of the site."""

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
from tests.support.header_rules import check_headers
from tests.support.journeys import confirm, sign, signed_and_confirmed
from tests.support.visitor import Visitor


@pytest.fixture
def app(settings):
    """A site whose database was made by the migrations."""
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
def ask_health(app, later):
    """GET `/sante` once its cache has expired. Return the HTTP status, the state and the reasons."""

    def ask():
        later(seconds=2)
        response = app.test_client().get("/sante")
        assert set(response.json) == {"etat", "raisons"}
        return response.status_code, response.json["etat"], *response.json["raisons"]

    return ask


def test_ok(app, ask_health):
    client = app.test_client()
    response = client.get("/sante")
    assert response.json == {"etat": "ok", "raisons": []}
    check_headers(response)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.mimetype == "application/json"
    head = client.head("/sante")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == response.headers["Content-Length"]
    for answer in (response, head):
        assert "Set-Cookie" not in answer.headers
    assert client.post("/sante").status_code == 405


def test_sante_has_no_personal_data(app, ask_health, candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    assert ask_health() == (200, "ok")


@pytest.mark.sqlite
def test_a_deleted_database_is_unreachable_until_it_is_back(app, ask_health, database):
    away = database.rename(database.with_name("away"))
    assert ask_health() == (503, "panne", "base-injoignable")
    assert not database.exists(), "asking makes none"
    response = app.test_client().get("/sante")
    check_headers(response)
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Retry-After"] == "30"
    assert app.test_client().head("/sante").status_code == 503
    away.rename(database)
    assert ask_health() == (200, "ok")


@pytest.mark.sqlite
def test_a_damaged_database_is_unreachable(ask_health, database, caplog):
    database.write_bytes(b"no database" * 1000)
    assert ask_health() == (503, "panne", "base-injoignable")
    assert "health: DatabaseError: file is not a database" in caplog.text


@pytest.mark.sqlite
def test_a_read_only_database(app, ask_health, database):
    with database.open("r+b") as file:
        file.seek(18)  # « write version »: above 2, SQLite only reads (its file format, 1.3.4)
        file.write(b"\3")
    assert ask_health() == (503, "panne", "base-en-lecture-seule")


@pytest.mark.sqlite
def test_a_locked_database_is_ok(ask_health, database):
    with sqlite3.connect(database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ask_health() == (200, "ok")
        other.execute("ROLLBACK")


def test_a_database_older_or_newer_than_the_program(app, ask_health):
    with app.app_context():
        downgrade(revision="0003")
    assert ask_health() == (503, "panne", "migrations")
    with app.app_context():
        upgrade()
    assert ask_health() == (200, "ok")
    rows(app, "UPDATE alembic_version SET version_num = 'next'")
    assert ask_health() == (200, "alerte", "base-plus-recente")


def test_a_database_without_tables(settings):
    app = create_app(settings)
    with app.app_context():
        db.engine.connect().close()
        db.engine.dispose()
    assert app.test_client().get("/sante").json == {"etat": "panne", "raisons": ["migrations"]}


def test_a_worker_that_never_ran(candidate, ask_health, later, deliver):
    sign(candidate)
    later(minutes=14)
    assert ask_health() == (200, "ok")
    later(minutes=1)
    assert ask_health() == (503, "panne", "courrier-arrete")
    assert deliver() == 1
    assert ask_health() == (200, "ok")


def test_a_worker_that_stopped_after_an_attempt(candidate, ask_health, later, deliver, mailbox):
    mailbox.answer = "451 later"
    sign(candidate)
    deliver()
    later(minutes=15)
    assert ask_health() == (200, "ok")
    later(minutes=2)
    assert ask_health() == (503, "panne", "courrier-arrete")


def test_a_slow_worker_is_ok(app, ask_health, later, deliver, mailbox):
    """A slow relay delays the letters behind the first."""
    for number in range(2):
        sign(Visitor(app), email=f"{number}@example.org")
    later(minutes=30)
    assert ask_health() == (503, "panne", "courrier-arrete")
    seen = []
    mailbox.meanwhile = lambda: seen.append(ask_health())
    assert deliver() == 2
    assert seen == [(200, "ok")] * 2


def test_a_relay_that_is_down_is_an_alert_with_status_200(
    app, candidate, ask_health, later, deliver, mailbox
):
    mailbox.answer = "451 later"
    sign(candidate)
    for _ in range(3):
        assert ask_health() == (200, "ok")
        later(minutes=6)
        deliver()
    assert ask_health() == (200, "alerte", "relais-en-panne")
    mailbox.answer = "250 OK"
    later(seconds=30)
    sign(Visitor(app), given_name="Luc", email="luc@example.org")
    deliver()
    assert ask_health() == (200, "alerte", "lettre-bloquee"), "others leave: it is that letter's own trouble"
    later(minutes=6)
    deliver()
    assert ask_health() == (200, "ok")
    confirm(candidate, mailbox)


@pytest.mark.sqlite
def test_disk_space(ask_health, monkeypatch):
    monkeypatch.setattr(health, "DISK_NOTICE", 2**63)
    assert ask_health() == (200, "alerte", "disque-presque-plein")
    monkeypatch.setattr(health, "DISK_FULL", 2**63)
    assert ask_health() == (503, "panne", "disque-plein")


def test_letters_may_wait_in_development(settings, monkeypatch, later):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = create_app(settings | {"MAIL_SERVER": ""})
    with app.app_context():
        upgrade()
    sign(Visitor(app))
    later(minutes=30)
    assert app.test_client().get("/sante").json == {"etat": "ok", "raisons": []}
    with app.app_context():
        db.engine.dispose()


def test_requests_within_a_second_share_one_health_check(app, monkeypatch):
    monkeypatch.setattr(clock, "_time", lambda: datetime(2026, 11, 25, tzinfo=UTC))
    looks = []
    with app.app_context():
        engine = health.create_health_engine(db.engine.url)
    event.listen(engine, "connect", lambda *_: looks.append(1))
    for _ in range(20):
        assert app.test_client().get("/sante").status_code == 200
    assert len(looks) == 1
