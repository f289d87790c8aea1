"""`flask check`: one line for each check, with its level and what to do."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade

from app import create_app
from app.certificates.key import seal_key
from app.clock import now
from app.extensions import db
from app.mail import outbox
from app.models import Certificate
from tests.support import crowd
from tests.support.journeys import sign
from tests.support.legal_facts import GIVEN
from tests.support.mailbox import free_port
from tests.support.site import ROOT
from tests.support.visitor import Visitor


@pytest.fixture
def complete(settings, tmp_path):
    """Return a factory of complete sites: migrated, with a seal key and all legal facts."""

    def make(**changes: object) -> Flask:
        app = create_app(settings | GIVEN | changes)
        with app.app_context():
            upgrade()
            assert seal_key.days_left(now()) > 3000
            db.engine.dispose()
        app.instance_path = str(tmp_path)
        return app

    return make


def check(app: Flask) -> tuple[int, dict[str, str]]:
    """Run the command. Return its exit status, and its lines by subject."""
    run = app.test_cli_runner().invoke(args=["check"])
    assert "Traceback" not in run.output
    with app.app_context():
        db.engine.dispose()
    lines = {}
    for line in run.output.splitlines():
        level, rest = line.split(maxsplit=1)
        subject, _, words = rest.partition(": ")
        lines[subject] = f"{level} {words}"
    return run.exit_code, lines


def test_a_complete_site_is_ok(complete, mailbox):
    status, lines = check(complete())
    assert status == 0
    assert {line.split()[0] for line in lines.values()} == {"ok"}
    assert list(lines) == [
        "charter", "legal pages", "terms", "seal", "database", "purge", "outbox", "jobs", "ledger", "files",
        "limits", "relay",
    ]  # fmt: skip
    assert lines["relay"] == f"ok 127.0.0.1:{mailbox.port} answers"
    assert lines["database"].startswith("ok reachable, at 0")
    assert lines["seal"] in ("ok 3651 days left", "ok 3652 days left")
    assert mailbox.letters == []


def test_a_misspelt_setting_is_a_warning(complete):
    status, lines = check(complete(TRUSTED_PROXY=1, WTF_I18N_ENABLED=True))
    assert (status, lines["settings"]) == (
        0,
        "warning TRUSTED_PROXY is unknown: do you mean TRUSTED_PROXIES?",
    )


def test_missing_legal_facts_are_an_error(complete):
    status, lines = check(complete(PUBLISHER="", ACCESS_LOG_DAYS=-1))
    assert (status, lines["legal pages"]) == (1, "error set PUBLISHER, ACCESS_LOG_DAYS")


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"KEEP_PENDING_DAYS": 6}, 1, "error KEEP_PENDING_DAYS is shorter than CONFIRMATION_MAX_AGE"),
        ({"ACCESS_LOG_DAYS": 31}, 0, "warning ACCESS_LOG_DAYS is above 30"),
    ],
)
def test_inconsistent_terms(complete, changes, status, words):
    found, lines = check(complete(**changes))
    assert found == status
    assert lines["terms"].startswith(words)


def test_a_relay_that_is_down_is_an_error(complete, mailbox):
    app = complete()
    mailbox.stop()
    status, lines = check(app)
    mailbox.start()
    assert status == 1
    assert lines["relay"].startswith(f"error 127.0.0.1:{mailbox.port}: ConnectionRefusedError")
    assert check(app)[0] == 0


def test_a_relay_that_refuses_is_an_error(complete):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            connection.sendall(b"554 not here\r\n")
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        status, lines = check(complete(MAIL_PORT=server.getsockname()[1]))
        thread.join()
    assert status == 1
    assert "554" in lines["relay"]


def test_a_refused_login_is_an_error_without_the_password(complete):
    app = complete(MAIL_USERNAME="charte", MAIL_PASSWORD="secret")
    status, lines = check(app)
    assert (status, lines["relay"].split()[0]) == (1, "error")
    assert "AUTH" in lines["relay"]
    assert "secret" not in lines["relay"]
    app.config["MAIL_USERNAME"] = ""
    assert check(app)[0] == 0


def test_a_relay_without_starttls_is_an_error(complete):
    app = complete(MAIL_USE_TLS=True)
    status, lines = check(app)
    assert (status, lines["relay"].split()[0]) == (1, "error")
    assert "STARTTLS" in lines["relay"]
    app.config["MAIL_USE_TLS"] = False
    assert check(app)[0] == 0


def test_only_the_relay_is_looked_up_in_dns(complete, monkeypatch):
    asked = []

    def note(name):
        real = getattr(socket, name)

        def look_up(*what, **named):
            if threading.current_thread() is threading.main_thread():  # the server of these tests has its own
                asked.append((name, *what[:1]))
            return real(*what, **named)

        monkeypatch.setattr(socket, name, look_up)

    app = complete()
    for name in ("getaddrinfo", "getfqdn", "gethostbyaddr", "gethostbyname"):
        note(name)
    assert check(app)[0] == 0
    assert asked == [("getaddrinfo", "127.0.0.1")]


def test_a_database_without_migrations_is_an_error(settings):
    app = create_app(settings | GIVEN)
    status, lines = check(app)
    assert status == 1
    is_a_file = app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite")
    assert lines["database"].startswith("error ")
    nothing = " does not exist: run `flask upgrade`" if is_a_file else "error at none, the program at 0"
    assert nothing in lines["database"]
    with app.app_context():
        upgrade()
        downgrade(revision="0003")
        db.engine.dispose()
    status, lines = check(app)
    assert status == 1
    assert lines["database"].startswith("error at 0003, the program at ")
    assert "purge" not in lines


def test_a_missing_database_is_an_error(settings):
    status, lines = check(
        create_app(settings | GIVEN | {"SQLALCHEMY_DATABASE_URI": "sqlite:////proc/none/db"})
    )
    assert (status, lines["database"].split(":")[0]) == (1, "error /proc/none/db does not exist")


def test_an_expiring_and_an_unreadable_seal_key(complete, settings, later):
    app = complete()
    with app.app_context():
        life = seal_key.not_after - now()
    later(days=life.days - 10)
    assert check(app)[1]["seal"] == "warning 10 days left"
    later(days=12)
    assert check(app)[1]["seal"].startswith("error valid from ")
    Path(str(settings["SEAL_FILE"])).write_bytes(b"no key")
    assert check(app)[1]["seal"].startswith("error ")
    Path(str(settings["SEAL_FILE"])).unlink()
    assert check(app)[1]["seal"].startswith("warning there is no ")
    assert not Path(str(settings["SEAL_FILE"])).exists(), "looking makes nothing"


def test_a_purge_two_days_late_is_an_error(complete, later):
    app = complete()
    sign(Visitor(app))
    later(days=9)
    assert check(app)[1]["purge"] == "ok nothing is late", "tonight is soon enough"
    later(days=2)
    status, lines = check(app)
    assert status == 1
    assert lines["purge"].startswith("error late by two days (erased-pending 1)")
    app.test_cli_runner().invoke(args=["privacy", "purge"])
    assert check(app)[1]["purge"] == "ok nothing is late"


def test_an_unwritable_erasure_log_is_an_error(complete, settings):
    status, lines = check(complete(ERASURE_LEDGER=f"{settings['SEAL_FILE']}/erased.txt"))
    assert (status, lines["ledger"].split()[0]) == (1, "error")


def test_an_ended_mandate_is_a_warning(complete, later):
    app = complete()
    later(days=365 * 7)
    assert check(app)[1]["charter"].startswith("warning the mandate ended on 2032-03-31")


def test_an_invalid_charter_is_reported_in_one_sentence(settings, tmp_path):
    (tmp_path / "charter.toml").write_text("title = 1\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    for name, value in (settings | {"CHARTER_FILE": f"{tmp_path}/charter.toml"}).items():
        environment[f"FLASK_{name}"] = "false" if value is False else str(value)
    command = [sys.executable, "-m", "flask", "--app", "app", "check"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith(f"Error: {tmp_path}/charter.toml, line 1: ")


def test_a_signed_commitment_missing_from_the_charter_is_an_error(complete, settings, tmp_path):
    app = complete()
    sign(Visitor(app), 9, 10)
    text = (ROOT / "app/content/charter.toml").read_text()
    start = [place.start() for place in re.finditer(r"^\[\[commitments\]\]", text, re.M)][-2]
    end = re.compile(r"^\[(?!\[commitments\]\])", re.M).search(text, start)
    for name in ("communes.csv", "former-names.csv"):
        shutil.copy(ROOT / "app/content" / name, tmp_path)
    (tmp_path / "charter.toml").write_text(text[:start] + text[end.start() :])
    status, lines = check(create_app(settings | GIVEN | {"CHARTER_FILE": str(tmp_path / "charter.toml")}))
    assert status == 1
    assert lines["commitments"].startswith("error 9, 10 were signed, and the charter lacks them")


def test_late_letters_without_attempts_are_an_error(complete, later, mailbox):
    app = complete()
    sign(Visitor(app))
    later(minutes=20)
    status, lines = check(app)
    assert (status, lines["outbox"]) == (
        1,
        "error letters are late and no worker sends them: is the site running?",
    )
    mailbox.answer = "550 no such user"
    with app.app_context():
        outbox.deliver_due()
    status, lines = check(app)
    assert (status, lines["outbox"]) == (0, "warning letters leave; 1 refused by the relay for good")


@pytest.mark.sqlite
def test_the_check_creates_no_database(complete, settings):
    app = complete()
    file = Path(str(settings["SQLALCHEMY_DATABASE_URI"]).removeprefix("sqlite:///"))
    file.unlink()
    status, lines = check(app)
    assert (status, "restore" in lines["database"], file.exists()) == (1, True, False)


def test_an_event_in_the_future_is_an_error(complete, later):
    app = complete()
    later(days=2)
    sign(Visitor(app))
    later(days=-2)
    status, lines = check(app)
    assert status == 1
    assert lines["clock"].startswith("error the newest event is of ")


@pytest.mark.sqlite
def test_disk_space(complete, monkeypatch):
    monkeypatch.setattr("app.ops.health.DISK_NOTICE", 2**63)
    status, lines = check(complete())
    assert (status, lines["disk"].split()[0]) == (0, "warning")
    monkeypatch.setattr("app.ops.health.DISK_FULL", 2**63)
    status, lines = check(complete())
    assert (status, lines["disk"].split()[0]) == (1, "error")


def test_a_secret_readable_by_all_users_is_an_error(complete, settings):
    app = complete()
    Path(str(settings["SEAL_FILE"])).chmod(0o644)
    status, lines = check(app)
    assert (status, lines["files"]) == (1, f"error all users may read {settings['SEAL_FILE']}: run chmod o=")


def test_an_unreachable_rate_limit_storage_is_a_warning(complete):
    store = f"redis://127.0.0.1:{free_port()}/0"
    status, lines = check(complete(RATELIMIT_STORAGE_URI=store, RATELIMIT_ENABLED=True))
    assert (status, lines["limits"].split()[0]) == (0, "warning")


def test_a_folder_that_others_may_list_is_a_warning(complete, tmp_path):
    app = complete()
    tmp_path.chmod(0o755)
    assert check(app)[1]["files"] == f"warning all users may list {tmp_path}: run chmod o="


def test_a_lost_seal_key_is_an_error(complete, tmp_path):
    app = complete()
    store_certificate(app)
    (tmp_path / "seal.p12").unlink()
    assert "is missing, and certificates were issued" in check(app)[1]["seal"]


def store_certificate(app: Flask) -> None:
    """Store a certificate."""
    with app.app_context():
        signature = crowd.person(1)
        certificate = Certificate(number="1", issued_at=now(), content={}, pdf=b"%", sha256="1")
        signature.certificates.append(certificate)
        db.session.add(signature)
        db.session.commit()
        db.engine.dispose()
