"""Nightly jobs: a failure is written to the organisers, and a job that stopped is noticed."""

import re

import pytest
from sqlalchemy import text

from app import clock
from app.extensions import db
from app.models import Job
from app.ops import jobs, schema_version
from tests.support.mailbox import html_of, text_of
from tests.support.site import ROOT
from tests.support.visitor import check_typography


def run(app, *arguments):
    done = app.test_cli_runner().invoke(args=list(arguments))
    assert done.exit_code == 0, done.output


@pytest.fixture
def organised(app):
    app.config["ORGANISERS"] = ["anne@example.org", "luc@example.org"]
    return app


@pytest.fixture
def stamped(organised):
    """The application on a database that says its revision, as one made by migrations does."""
    with organised.app_context():
        revision = schema_version.latest_revision()
        db.session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        db.session.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
        db.session.commit()
    return organised


def overdue(app):
    with app.app_context(), db.engine.connect() as connection:
        return jobs.find_overdue(connection, clock.now())


def test_a_failure_is_written_to_each_organiser(organised, deliver, mailbox):
    run(organised, "jobs", "failed", "backup")
    assert deliver() == 2
    assert {letter["To"] for letter in mailbox.letters} == {"anne@example.org", "luc@example.org"}
    letter = mailbox.letters[0]
    assert letter["Subject"] == "Une tâche de nuit du site a échoué"
    for part in (text_of(letter), html_of(letter)):
        assert "– sauvegarde, le " in part
    check_typography(text_of(letter).replace("'paraphe-*'", ""))


def test_health_and_check_name_it(stamped, citizen):
    run(stamped, "jobs", "failed", "backup")
    assert "taches-de-nuit" in citizen.client.get("/sante").get_data(as_text=True)
    said = stamped.test_cli_runner().invoke(args=["check"]).output
    assert "see `journalctl -u paraphe-backup`" in said


def test_a_job_that_has_succeeded_since_is_written_to_nobody(organised, deliver):
    run(organised, "jobs", "failed", "register")
    run(organised, "register", "check")
    assert deliver() == 0
    assert overdue(organised) == {}


@pytest.mark.parametrize(
    ("job", "command", "days"),
    [("purge", ["privacy", "purge"], 2), ("register", ["register", "check"], 8)],
)
def test_a_job_that_stopped_is_overdue(app, later, job, command, days):
    assert overdue(app) == {}, "it never ran: a host may do it in another way"
    run(app, *command)
    later(days=days, minutes=-1)
    assert overdue(app) == {}
    later(minutes=2)
    assert re.fullmatch(r"succeeded last on \d{4}-\d\d-\d\d \d\d:\d\d UTC", overdue(app)[job])


def test_a_dry_run_is_no_success(app):
    run(app, "privacy", "purge", "--dry-run")
    with app.app_context():
        assert db.session.query(Job).count() == 0


def test_a_backup_is_a_success(stamped, tmp_path):
    run(stamped, "backup", str(tmp_path / "site.zip"))
    with stamped.app_context():
        assert [job.name for job in db.session.query(Job)] == ["backup"]


def test_each_nightly_unit_reports_its_failure():
    units = sorted((ROOT / "deploy/systemd").glob("*.timer"))
    for unit in units:
        name = unit.stem.removeprefix("paraphe-")
        service = unit.with_suffix(".service").read_text()
        assert f"OnFailure=paraphe-failure@{name}.service\n" in service
        assert name in jobs.TERMS
    assert len(units) == len(jobs.TERMS)
