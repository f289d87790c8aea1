"""`flask data copy`: an installation moves to the other engine, and goes on there."""

import tracemalloc
from pathlib import Path

import pytest
from sqlalchemy import text

from app.clock import now
from app.extensions import db
from app.models import Certificate, Signature
from app.ops import transfer
from tests.ops.test_backup import PAIRS, lives_on, migrated, populate, run
from tests.support.database import dump, rows

pytestmark = pytest.mark.postgresql


def url(app) -> str:
    return app.config["SQLALCHEMY_DATABASE_URI"]


@pytest.mark.parametrize("engines", PAIRS[1:3])
def test_all_is_there_and_goes_on(place, mailbox, engines):
    before, after = engines.split()
    source, target = migrated(place("source", before)), place("target", after)
    populate(source, mailbox)
    said = run(source, "data", "copy", url(source), url(target))
    assert said.splitlines()[-1] == "copied"
    counts = dict(line.split() for line in said.splitlines()[:-1])
    assert counts["signature"] == "5"
    assert len(counts) == len(db.metadata.tables)
    for table, count in counts.items():
        assert rows(target, f"SELECT count(*) FROM {table}") == [(int(count),)]  # noqa: S608  # our own names
    assert dump(target) == dump(source)
    assert rows(target, "SELECT * FROM alembic_version") == rows(source, "SELECT * FROM alembic_version")
    lives_on(target, mailbox)


def test_what_is_not_empty_is_left_alone(place, mailbox):
    source, target = (migrated(place(name, "sqlite")) for name in ("source", "target"))
    before = dump(target)
    assert "is not empty" in run(source, "data", "copy", url(source), url(target), status=1)
    assert dump(target) == before


@pytest.mark.parametrize(
    ("origin", "destination", "words"),
    [
        ("sqlite:////nowhere/at-all.sqlite3", "{empty}", "/nowhere/at-all.sqlite3 is not there"),
        ("{empty}", "{empty}", "holds no database of this program"),
        ("{full}", "nonsense:secret", "it is not the URL of a database that can be opened"),
        ("{full}", "mysql://me:secret@127.0.0.1/x", "it is not the URL of a database that can be opened"),
        ("{full}", "postgresql+psycopg://me:secret@127.0.0.1:1/x", "onnection"),
    ],
)
def test_what_cannot_be_opened_is_said_without_its_password(place, tmp_path, origin, destination, words):
    full = migrated(place("full", "sqlite"))
    empty = tmp_path / "empty.sqlite3"
    empty.touch()
    names = {"full": url(full), "empty": f"sqlite:///{empty}"}
    said = run(full, "data", "copy", origin.format(**names), destination.format(**names), status=1)
    assert said.startswith("Error: ")
    assert words in said
    assert "secret" not in said
    assert said.count("\n") == 1


def test_it_is_read_and_written_a_little_at_a_time(place):
    source, target = migrated(place("source", "sqlite")), place("target", "postgresql")
    with source.app_context():
        signature = Signature(code="a" * 20, created_at=now(), touched_at=now())
        for number in range(1000):
            pdf = number.to_bytes(2, "big") * 30_000
            facts = {"number": str(number), "sha256": str(number), "issued_at": now(), "content": {}}
            signature.certificates.append(Certificate(pdf=pdf, **facts))
        db.session.add(signature)
        db.session.commit()
        db.session.remove()
        tracemalloc.start()
        try:
            assert transfer.copy(url(source), url(target))["certificate"] == 1000
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 40_000_000, "of 60 MB"


def test_a_copy_that_fails_leaves_nothing(place):
    source, target = migrated(place("source", "sqlite")), place("target", "postgresql")
    with source.app_context():
        with db.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute(text("INSERT INTO pledge VALUES (12345, 1, '2026-03-01 00:00:00.000000')"))
            connection.commit()
        db.engine.dispose()
    said = run(source, "data", "copy", url(source), url(target), status=1)
    assert said.startswith("Error: a row of pledge does not fit: ")
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert rows(target, tables) == [(0,)]
    into = place("into", "sqlite")
    assert "rows refer to others" in run(source, "data", "copy", url(source), url(into), status=1)
    assert Path(into.instance_path, "paraphe.sqlite3").stat().st_size <= 4096
