"""The database: its migrations, and how SQLite is spoken to."""

from datetime import date

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from app import create_app
from app.clock import now
from app.extensions import db
from app.models import Signature
from app.register import queries
from app.register.update import publish_waiting
from app.signatures import rules
from tests.support.database import listen_to_statements


@pytest.fixture
def empty(settings) -> Flask:
    return create_app(settings)


def test_the_migrations_make_the_models(empty):
    with empty.app_context():
        upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, db.metadata) == []
        db.engine.dispose()


def test_the_migrations_go_back_to_nothing(empty):
    with empty.app_context():
        upgrade()
        downgrade(revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
        db.engine.dispose()


def test_going_up_and_down_keeps_the_signatures(empty):
    with empty.app_context():
        upgrade(revision="0001")
        for statement in (
            "INSERT INTO signature (id, code, status, email, name_key, commune, created_at, touched_at,"
            " access_count) VALUES (1, 'a', 'pending', 'a@example.org', 'a', '24520', '2026-03-01',"
            " '2026-03-01', 0)",
            "INSERT INTO letter (kind, state, signature_id, address, message_key, attempts, created_at,"
            " due_at) VALUES ('confirm', 'sent', 1, 'a@example.org', 'k', 1, '2026-03-01', '2026-03-01')",
            "INSERT INTO certificate (number, signature_id, issued_at) VALUES ('n', 1, '2026-03-01')",
        ):
            db.session.execute(text(statement))
        db.session.commit()
        upgrade()
        db.session.execute(
            text(
                "INSERT INTO letter (kind, state, address, message_key, created_at, due_at, attempts)"
                " VALUES ('seal', 'waiting', 'b@example.org', 'l', '2026-03-01', '2026-03-01', 0)"
            )
        )
        db.session.commit()
        downgrade(revision="0001")
        assert db.session.scalar(text("SELECT count(*) FROM signature")) == 1
        assert db.session.scalars(text("SELECT kind FROM letter")).all() == ["confirm"]
        db.session.rollback()
        db.engine.dispose()


def test_drafts_are_erased_and_everything_else_is_kept(empty):
    with empty.app_context():
        upgrade(revision="0005")
        for statement in (
            "INSERT INTO signature (id, code, status, created_at, touched_at, access_count)"
            " VALUES (1, 'a', 'draft', '2026-03-01', '2026-03-01', 0)",
            "INSERT INTO signature (id, code, status, email, name_key, commune, created_at, touched_at,"
            " access_count) VALUES (2, 'b', 'pending', 'b@example.org', 'b', '24520', '2026-03-01',"
            " '2026-03-01', 0)",
            "INSERT INTO pledge VALUES (1, 3, '2026-03-01'), (2, 4, '2026-03-01')",
        ):
            db.session.execute(text(statement))
        db.session.commit()
        upgrade(revision="0006")
        assert db.session.scalars(text("SELECT code FROM signature")).all() == ["b"]
        assert db.session.scalars(text("SELECT number FROM pledge")).all() == [4]
        with pytest.raises(IntegrityError, match="named_once_signed"):
            db.session.execute(text("UPDATE signature SET status = 'draft', email = NULL"))
        db.session.rollback()
        downgrade(revision="0005")
        assert db.session.scalars(text("SELECT code FROM signature")).all() == ["b"]
        db.session.rollback()
        db.engine.dispose()


def test_the_proof_of_a_withdrawal_goes_up_and_down(empty):
    with empty.app_context():
        upgrade(revision="0003")
        for statement in (
            "INSERT INTO signature (id, code, status, email, name_key, commune, created_at, touched_at,"
            " confirmed_at, access_count) VALUES (1, 'a', 'withdrawn', 'a@example.org', 'a', '24520',"
            " '2026-03-01', '2026-03-01', '2026-03-01', 0), (2, 'b', 'confirmed', 'b@example.org', 'b',"
            " '24520', '2026-03-01', '2026-03-01', '2026-03-01', 0)",
            "INSERT INTO pledge VALUES (2, 3, '2026-03-01')",
            "INSERT INTO certificate (number, signature_id, issued_at, content, pdf, sha256)"
            " VALUES ('m', 1, '2026-03-01', '{\"a\": 1}', 'x', 'h'), ('n', 2, '2026-03-01', '{}', 'y', 'i')",
        ):
            db.session.execute(text(statement))
        db.session.commit()
        reduced = text("SELECT count(*) FROM signature WHERE email IS NULL AND name_key IS NULL")
        bare = text("SELECT number FROM certificate WHERE content IS NULL AND pdf IS NULL")
        upgrade(revision="0004")
        assert db.session.scalar(reduced) == 0
        db.session.rollback()
        upgrade()  # the models are those of the newest
        rules.anonymise(db.session.query(Signature).filter_by(code="a").one())
        db.session.commit()
        assert db.session.scalar(reduced) == 1
        assert db.session.scalars(bare).all() == ["m"]
        with pytest.raises(IntegrityError, match="named_once_signed"):
            db.session.execute(text("UPDATE signature SET email = NULL WHERE code = 'b'"))
        db.session.rollback()

        downgrade(revision="0003")
        kept = text("SELECT status, email FROM signature ORDER BY id")
        assert db.session.execute(kept).all() == [("withdrawn", ""), ("confirmed", "b@example.org")]
        assert db.session.scalar(text("SELECT count(*) FROM certificate WHERE pdf IS NOT NULL")) == 2
        db.session.rollback()
        upgrade(revision="0004")
        assert db.session.scalar(reduced) == 1
        assert db.session.scalars(bare).all() == ["m"]
        assert db.session.scalars(text("SELECT number FROM pledge")).all() == [3]
        db.session.rollback()
        db.engine.dispose()


def test_what_was_confirmed_before_is_listed_by_the_first_look(empty):
    with empty.app_context():
        upgrade(revision="0004")
        db.session.execute(
            text(
                "INSERT INTO signature (id, code, status, given_name, family_name, role, email, name_key,"
                " commune, created_at, touched_at, confirmed_at, access_count)"
                " VALUES (1, 'a', 'confirmed', 'Zoé', 'Lé', 'elu', 'a@example.org',"
                " 'zoe le', '24520', '2026-03-01', '2026-03-01', '2026-03-01', 0)"
            )
        )
        db.session.execute(text("INSERT INTO pledge VALUES (1, 3, '2026-03-01')"))
        db.session.commit()
        upgrade()
        assert queries.find_entry("a") is None
        assert publish_waiting(now()) == 1
        entry = queries.find_entry("a")
        assert (entry.full_name, entry.taken, entry.epci) == ("Zoé Lé", {3: date(2026, 3, 1)}, "200027217")
        db.session.rollback()
        downgrade(revision="0004")
        assert db.session.scalar(text("SELECT count(*) FROM signature")) == 1
        db.session.rollback()
        db.engine.dispose()


@pytest.mark.sqlite
def test_sqlite_is_durable_strict_and_patient(app):
    with app.app_context(), db.engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


@pytest.mark.sqlite
def test_the_file_is_for_its_owner_alone(app, tmp_path):
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        files = sorted(tmp_path.glob("paraphe.sqlite3*"))
        assert [file.name.removeprefix("paraphe.sqlite3") for file in files] == ["", "-shm", "-wal"]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_foreign_key_is_a_promise(app):
    with app.app_context(), pytest.raises(IntegrityError):
        db.session.execute(text("INSERT INTO pledge VALUES (12345, 1, '2026-03-01')"))


def test_parameters_stay_out_of_the_log(app):
    with app.app_context():
        assert db.engine.hide_parameters


@pytest.mark.sqlite
@pytest.mark.parametrize(("method", "begin"), [("GET", "BEGIN"), ("POST", "BEGIN IMMEDIATE")])
def test_only_what_may_write_takes_the_write_lock(app, candidate, method, begin):
    page = candidate.open("/")
    seen = []
    listen_to_statements(app, lambda *args: seen.append(args[2]))
    if method == "GET":
        candidate.open("/signataires")
    else:
        data = {"email": "x@example.org", "csrf_token": page["#engagements [name=csrf_token]"]["value"]}
        candidate.client.post("/retrouver", data=data)
    assert {statement for statement in seen if statement.startswith("BEGIN")} == {begin}
