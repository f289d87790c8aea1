"""`flask upgrade`: atomic, run once when two hosts start it, while the site answers."""

import shutil
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from app import create_app
from app.extensions import db
from app.ops import schema_version
from app.ops.schema_version import MIGRATIONS
from tests.support.database import rows
from tests.support.journeys import ELODIE
from tests.support.site import running_site, start_flask
from tests.support.wire import Wire, at_once

HEAD = schema_version.latest_revision()
VERSION = "SELECT version_num FROM alembic_version"
#: What every migration is while the processes before it still serve: it only adds.
ADDING = """
    with op.batch_alter_table("signature") as batch_op:
        batch_op.add_column(sa.Column("extra", sa.String(length=40), nullable=True))
    op.create_index("ix_pledge_extra", "pledge", ["taken_at"])
    op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True))
"""


@pytest.fixture
def next_migration(tmp_path):
    """Return a function that copies the migrations, adds one, and returns the folder."""

    def make(steps: str) -> Path:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "next.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n\n"
            f"revision = 'next'\ndown_revision = '{HEAD}'\nbranch_labels = depends_on = None\n\n"
            f"def upgrade():\n{steps}"
        )
        return folder

    return make


def test_file_names_give_the_revisions_of_alembic():
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_heads() == [schema_version.latest_revision()]
    assert {script.revision for script in scripts.walk_revisions()} == set(schema_version.known_revisions())


def test_upgrade_runs_all_migrations(settings, database_url):
    app = create_app(settings)
    for _ in range(2):
        run = app.test_cli_runner().invoke(args=["upgrade"])
        assert (run.exit_code, run.output) == (0, f"the database is at {HEAD}\n")
    assert rows(database_url, VERSION) == [(HEAD,)]
    with app.app_context():
        db.engine.dispose()


def test_two_hosts_upgrade_at_once(settings, database_url, tmp_path):
    environment = {f"FLASK_{name}": str(value).lower() for name, value in settings.items()}
    environment["FLASK_SQLALCHEMY_DATABASE_URI"] = database_url
    with ExitStack() as stack:
        started = [stack.enter_context(start_flask(environment, "upgrade")) for _ in range(2)]
        for process in started:
            said = process.communicate(timeout=120)[0]
            assert (process.returncode, said) == (0, f"the database is at {HEAD}\n")
    assert rows(database_url, VERSION) == [(HEAD,)]


def test_a_failed_upgrade_is_rolled_back(settings, database_url, next_migration):
    app = create_app(settings)
    failing = next_migration(f"{ADDING}    op.execute('nonsense')\n")
    with app.app_context():
        runner = app.test_cli_runner()
        assert runner.invoke(args=["db", "upgrade", "0003"]).exit_code == 0
        assert runner.invoke(args=["db", "upgrade", "--directory", str(failing)]).exit_code == 1
        db.engine.dispose()
    assert rows(database_url, VERSION) == [("0003",)], "nor what came before the failure"
    with pytest.raises(Exception, match="extra"):
        rows(database_url, "SELECT * FROM extra")
    with pytest.raises(Exception, match="extra"):
        rows(database_url, "SELECT extra FROM signature")


def test_the_site_answers_during_an_upgrade(database_url, tmp_path, next_migration):
    folder = next_migration(ADDING)
    upgraded = threading.Event()

    def open_charter(wire: Wire, number: int) -> None:
        assert wire.ask("GET", "/")[0] == 200

    def sign_repeatedly(wire: Wire, number: int) -> None:
        turns = 0
        while turns < 3 or not upgraded.is_set():
            turns += 1
            assert wire.ask("POST", f"/engagements/{number + 1}", {"taken": "yes"})[0] == 200
            email = f"person{turns}@thread{number}.example.org"
            assert wire.ask("POST", "/signer", {**ELODIE, "email": email})[0] == 303
            signed.append(email)
            assert wire.ask("GET", "/signataires")[0] == 200

    def upgrade_meanwhile() -> None:
        nonlocal status
        process = start_flask(site.environment, "db", "upgrade", "--directory", str(folder))
        status = (process.communicate(timeout=120)[0], process.returncode)
        upgraded.set()

    signed: list[str] = []
    status = ("not run", 1)
    (tmp_path / "site").mkdir()
    with running_site(tmp_path / "site", database_url, 1) as site:
        # Each connection of the old processes has prepared what it asks.
        assert at_once(site.url, 4, [open_charter]) == []
        upgrading = threading.Thread(target=upgrade_meanwhile)
        upgrading.start()
        assert at_once(site.url, 4, [open_charter, sign_repeatedly]) == []
        upgrading.join()
        assert status == ("", 0)
        assert rows(database_url, VERSION) == [("next",)]
        assert len(signed) >= 12
        assert {email for (email,) in rows(database_url, "SELECT email FROM signature")} == set(signed)
        assert "Traceback" not in site.log.read_text()
        (tmp_path / "new").mkdir()
        with running_site(tmp_path / "new", database_url, 1, upgrade=False) as new:
            for url in (site.url, new.url):
                assert at_once(url, 2, [open_charter, sign_repeatedly]) == []
