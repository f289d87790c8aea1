"""`flask backup` while people sign; `flask restore` to an empty installation, or with `--replace`."""

import hashlib
import json
import re
import signal
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from app.certificates.key import generate_site_key, key_path, read_key, replace_key, seal_key
from app.clock import now
from app.extensions import db
from app.mail import outbox
from app.models import Signature
from app.signatures import erasure_log
from tests.support.database import dump, rows
from tests.support.journeys import ELODIE, sign, signed_and_confirmed, withdraw
from tests.support.mailbox import link_in
from tests.support.site import running_site, start_flask
from tests.support.visitor import Visitor
from tests.support.wire import Wire

PAIRS = [
    "sqlite sqlite",
    pytest.param("sqlite postgresql", marks=pytest.mark.postgresql),
    pytest.param("postgresql sqlite", marks=pytest.mark.postgresql),
    pytest.param("postgresql postgresql", marks=pytest.mark.postgresql),
]


def run(app: Flask, *arguments: object, status: int = 0) -> str:
    """Run a command of the application. Return its output."""
    done = app.test_cli_runner().invoke(args=[str(argument) for argument in arguments])
    assert "Traceback" not in done.output
    assert done.exit_code == status, (done.output, done.exception)
    with app.app_context():
        db.engine.dispose()
    return done.output


def migrated(app: Flask) -> Flask:
    with app.app_context():
        upgrade()
        db.engine.dispose()
    return app


def delivery(app: Flask):
    def deliver() -> None:
        with app.app_context():
            outbox.deliver_due()

    return deliver


def populate(app: Flask, mailbox) -> str:
    """Make a signature in each state, one merged into a later one. Return a certificate number."""
    deliver = delivery(app)
    candidate = Visitor(app)
    sign(candidate, 2)
    deliver()
    first = mailbox.letters[-1]
    own = signed_and_confirmed(Visitor(app), deliver, mailbox, 1, 3).submit("#certificat form")
    candidate.open(link_in(first, "/confirmer/")).submit(".form", agreed="y")
    gone = Visitor(app)
    signed_and_confirmed(gone, deliver, mailbox, email="gone@example.org", given_name="Zoé")
    withdraw(gone)
    sign(Visitor(app), 7, email="autre@example.org")
    sign(Visitor(app), email="pending@example.org")
    assert own.status == 200
    merged = "SELECT count(*) FROM signature WHERE merged_into_id > id"
    assert rows(app, merged) == [(1,)], "it refers to a row that comes after it"
    return rows(app, "SELECT number FROM certificate WHERE pdf IS NOT NULL ORDER BY id")[0][0]


@pytest.fixture
def source(place, mailbox) -> Flask:
    """An installation on SQLite with rows in each table."""
    app = migrated(place("source", "sqlite"))
    populate(app, mailbox)
    return app


@pytest.fixture
def archive(source, tmp_path) -> Path:
    """A backup of `source`."""
    run(source, "backup", tmp_path / "site.zip")
    return tmp_path / "site.zip"


@pytest.fixture
def small(place, tmp_path) -> Path:
    """A backup of an installation with one pending signature."""
    app = migrated(place("small", "sqlite"))
    sign(Visitor(app))
    run(app, "backup", tmp_path / "small.zip")
    return tmp_path / "small.zip"


def assert_site_works(app: Flask, mailbox) -> None:
    """Assert that a person can sign and confirm, and that the register matches the signatures."""
    signed_and_confirmed(Visitor(app), delivery(app), mailbox, email="new@example.org", family_name="Neuve")
    assert run(app, "register", "check") == "0 differences\n"


@pytest.mark.parametrize("engines", PAIRS)
def test_restore_brings_back_rows_keys_and_erasure_log(place, mailbox, tmp_path, engines):
    before, after = engines.split()
    source, file = migrated(place("source", before)), tmp_path / "site.zip"
    number = populate(source, mailbox)
    with source.app_context():
        fingerprint, moment = seal_key.fingerprint, now()
        old = replace_key(key_path(), generate_site_key().to_pkcs12(""), seal_key, moment)
    said = run(source, "backup", file)
    assert said == f"{file}: 5 signatures\n"
    assert file.stat().st_mode & 0o777 == 0o600

    target = place("target", after)
    said = run(target, "restore", file)
    assert said.endswith("restored\n")
    assert dump(target) == dump(source)
    folders = [Path(app.config["SEAL_FILE"]).parent for app in (source, target)]
    for name in ("seal.p12", "seal-former.pem", old.name):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
        assert (folders[1] / name).stat().st_mode & 0o777 == 0o600
    noted = [erasure_log.read(folder / "erased.txt") for folder in folders]
    assert noted[0] == noted[1] != {}
    with target.app_context():
        assert fingerprint in {c.fingerprint(c.signature_hash_algorithm).hex() for c in seal_key.former}
    page = Visitor(target).open(f"/verifier/{number}")
    assert "authentique" in page.text()
    assert_site_works(target, mailbox)


def test_backup_never_overwrites_a_file(place, source, archive, tmp_path):
    content = archive.read_bytes()
    assert run(source, "backup", archive, status=1) == f"Error: {archive}: File exists.\n"
    assert archive.read_bytes() == content
    nowhere = tmp_path / "nowhere" / "site.zip"
    assert "No such file or directory" in run(source, "backup", nowhere, status=1)
    empty = place("empty", "sqlite")
    assert "the database has no tables" in run(empty, "backup", tmp_path / "none.zip", status=1)
    assert sorted(path.name for path in tmp_path.glob("*.zip*")) == ["site.zip"]


def test_restore_writes_the_secret_key_and_no_settings(place, source, tmp_path):
    folder, file = Path(source.instance_path), tmp_path / "site.zip"
    secret = source.config["SECRET_KEY"] = "s" * 40
    (folder / "secret_key").write_text(secret)
    (folder / "config.py").write_text("MAIL_PASSWORD = 'm'")
    run(source, "backup", file)
    with zipfile.ZipFile(file) as held:
        assert (held.read("secret_key"), held.read("config.py")) == (b"s" * 40, b"MAIL_PASSWORD = 'm'")

    target = place("target", "sqlite")  # its secret is in the configuration
    assert "the secret of the backup was not put back" in run(target, "restore", file)
    fresh = place("fresh", "sqlite", SECRET_KEY="f" * 40)
    own = Path(fresh.instance_path, "secret_key")
    own.write_text("f" * 40)
    run(fresh, "restore", file)
    assert own.read_text() == secret
    assert own.stat().st_mode & 0o777 == 0o600
    assert not Path(fresh.instance_path, "config.py").exists()


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_restore_repeats_later_withdrawals(place, mailbox, tmp_path, engine):
    app, file, visitors = migrated(place("site", engine)), tmp_path / "site.zip", []
    for name in ("Zoé", "Luc", "Ève"):
        visitors.append(Visitor(app))
        signed_and_confirmed(visitors[-1], delivery(app), mailbox, given_name=name)
    run(app, "backup", file)
    codes = [code for (code,) in rows(app, "SELECT code FROM signature ORDER BY id")]
    withdraw(visitors[0])
    ledger_file = Path(app.config["ERASURE_LEDGER"])
    ledger_file.unlink()  # another host noted that one: the database alone tells
    withdraw(visitors[1])
    before = ledger_file.read_text()

    refused = run(app, "restore", file, status=1)
    assert refused == "Error: the database is not empty: --replace replaces it.\n"
    said = run(app, "restore", "--replace", file)
    assert "withdrawn-again 2" in said
    assert said.endswith("restored\n")
    assert ledger_file.read_text().startswith(before)
    assert set(erasure_log.read(ledger_file)) == set(codes[:2])
    citizen = Visitor(app)
    assert [citizen.open(f"/signataires/{code}").status for code in codes] == [404, 404, 200]
    assert "Zoé" not in dump(app)
    assert_site_works(app, mailbox)


def test_restore_merges_the_erasure_logs(place, archive, tmp_path):
    target = place("target", "sqlite")
    file, at = Path(target.config["ERASURE_LEDGER"]), datetime(2026, 3, 1, tzinfo=UTC)
    erasure_log.add(file, ["a" * 20], at)
    run(target, "restore", archive)
    assert erasure_log.read(file) == {"a" * 20: at} | erasure_log.read(tmp_path / "source" / "erased.txt")


def test_restore_keeps_the_replaced_seal_key(place, archive):
    target = migrated(place("target", "sqlite"))
    with target.app_context():
        other = seal_key.certificate
        content = key_path().read_bytes()
    assert "is another seal key" in run(target, "restore", archive, status=1)
    said = run(target, "restore", "--replace", archive)
    (kept,) = re.findall("is kept in (.+)", said)
    assert Path(kept).read_bytes() == content
    with target.app_context():
        assert other in read_key(key_path(), "").former


def test_restore_needs_the_seal_passphrase(place, archive):
    target = place("target", "sqlite", SEAL_PASSPHRASE="another")
    said = run(target, "restore", archive, status=1)
    assert said.startswith("Error: the seal key: it is not a PKCS#12 file, or its passphrase is another; ")
    assert not Path(target.instance_path, "paraphe.sqlite3").exists()


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_restore_upgrades_an_older_backup(place, mailbox, tmp_path, engine):
    old = place("old", "sqlite")
    with old.app_context():
        upgrade(revision="0004")
        for statement in (
            "INSERT INTO signature (id, code, status, given_name, family_name, role, email, name_key,"
            " commune, created_at, touched_at, confirmed_at, access_count) VALUES (7, 'a', 'confirmed',"
            " 'Zoé', 'Lé', 'elu', 'a@example.org', 'zoe le', '24520', '2026-03-01', '2026-03-01',"
            " '2026-03-01', 0)",
            "INSERT INTO pledge VALUES (7, 3, '2026-03-01 10:00:00.000000')",
        ):
            db.session.execute(text(statement))
        db.session.commit()
        db.engine.dispose()
    run(old, "backup", tmp_path / "old.zip")
    target = place("target", engine)
    run(target, "restore", tmp_path / "old.zip")
    delivery(target)()  # what was confirmed before there was a register waits for the courier
    assert Visitor(target).open("/signataires/a").status == 200
    assert_site_works(target, mailbox)


def test_restore_replaces_a_damaged_database(place, small, tmp_path):
    target = place("target", "sqlite")
    file = Path(target.instance_path, "paraphe.sqlite3")
    file.write_bytes(b"nonsense" * 1000)
    assert "file is not a database" in run(target, "restore", small, status=1)
    run(target, "restore", "--replace", small)
    assert dump(target) == dump(f"sqlite:///{tmp_path}/small/paraphe.sqlite3")


# Archives that are not what they should be


def rewrite_archive(archive: Path, change) -> None:
    """Rewrite an archive with changed members or a changed manifest."""
    with zipfile.ZipFile(archive) as held:
        members = {name: held.read(name) for name in held.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(members, manifest)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as held:
        for name, content in members.items():
            held.writestr(name, content)
        held.writestr("manifest.json", json.dumps(manifest))


def update_sums(members, manifest) -> None:
    manifest["sha256"] = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}


def name_outside_path(members, manifest):
    members["../../escaped"] = b"x"
    update_sums(members, manifest)


def altered_row(members, manifest):
    members["database/signature.jsonl"] = members["database/signature.jsonl"].replace(b"Martin", b"Nitram")


def missing_signature(members, manifest):
    members["database/pledge.jsonl"] = b'[12345, 1, "2026-03-01T00:00:00+00:00"]\n'
    update_sums(members, manifest)


def duplicate_rows(members, manifest):
    members["database/consent.jsonl"] *= 2
    update_sums(members, manifest)


def invalid_json(members, manifest):
    members["database/signature.jsonl"] += b"[[[\n"
    update_sums(members, manifest)


def row_of(table, row):
    def forge(members, manifest):
        members[f"database/{table}.jsonl"] = row + b"\n"
        update_sums(members, manifest)

    forge.__name__ = f"{table}_{row[:20]!r}"
    return forge


def entry_of(key, value):
    def forge(members, manifest):
        manifest[key] = value

    forge.__name__ = f"{key}_{value!r}"
    return forge


def file_of(name, content):
    def forge(members, manifest):
        members[name] = content
        update_sums(members, manifest)

    forge.__name__ = f"{name}_{content[:20]!r}"
    return forge


FORGED = [
    *(row_of("event", row) for row in (
        b"7", b"null", b"{}", b"[]", b"[1]", b"\xff", b"[" * 100_000, b'[1, 2, 3, 4, 5]',
        b'["x", {}, [], 1, 1]',
        b'[99999999999999999999999999, "2026-03-01T00:00:00+00:00", "signed", null, null]',
        b'[1, "2026-99-99", "signed", null, null]', b'[1, 5, "signed", null, null]',
    )),
    *(entry_of("tables", value) for value in ([], {}, 7, None, {"signature": 1})),
    entry_of("tables", {"signature": {"rows": "x"}}),
    *(entry_of("sha256", value) for value in ([], {}, 7, None, "x")),
    *(entry_of("revision", value) for value in ("", None, 7, "x", [])),
    *(entry_of("version", value) for value in (0, 99, "2", None, [])),
    file_of("erased.txt", b"0" * 20 + b" 2026-99-99T00:00:00+00:00"),
    file_of("seal/seal-former.pem", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"),
    file_of("seal/seal.p12", b"nonsense"),
]  # fmt: skip


def missing_member(members, manifest):
    del members["database/event.jsonl"]


def later_version(members, manifest):
    manifest["version"] = 3


def later_revision(members, manifest):
    manifest["revision"] = "9999"


def other_format(members, manifest):
    manifest["format"] = "another"


def empty_manifest(members, manifest):
    manifest.clear()


@pytest.mark.parametrize(
    "change",
    [
        name_outside_path, altered_row, missing_signature, duplicate_rows, invalid_json, missing_member,
        later_version, later_revision, other_format, empty_manifest, *FORGED,
    ],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_restore_refuses_a_bad_archive_in_one_sentence(place, small, tmp_path, change):
    target = migrated(place("target", "sqlite"))
    before, there = dump(target), sorted(tmp_path.rglob("*"))
    rewrite_archive(small, change)
    said = run(target, "restore", small, status=1)
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    assert dump(target) == before
    left = {path.name for path in set(tmp_path.rglob("*")).difference(there)}
    assert left <= {"paraphe.sqlite3.queue"}


@pytest.mark.parametrize("size", [0, 100, 0.5, 0.99])
def test_restore_refuses_half_an_archive(place, small, size):
    content = small.read_bytes()
    small.write_bytes(content[: int(size * len(content)) if size < 1 else size])
    said = run(place("target", "sqlite"), "restore", small, status=1)
    assert said.startswith(f"Error: {small} is damaged, or no archive of `flask backup` (")
    assert said.count("\n") == 1


# Real processes

ENVIRONMENT = (
    "SECRET_KEY", "SERVER_NAME", "PREFERRED_URL_SCHEME", "SQLALCHEMY_DATABASE_URI", "SEAL_FILE",
    "ERASURE_LEDGER", "MAIL_DEFAULT_SENDER",
)  # fmt: skip


@pytest.mark.sqlite
def test_a_killed_restore_leaves_one_whole_database(place, small, tmp_path):
    target = migrated(place("target", "sqlite"))
    sign(Visitor(target), given_name="Avant")
    with target.app_context():
        db.engine.dispose()
    whole = (dump(target), dump(f"sqlite:///{tmp_path}/small/paraphe.sqlite3"))
    environment = {f"FLASK_{name}": str(target.config[name]) for name in ENVIRONMENT}
    environment |= {"FLASK_MAIL_USE_TLS": "false", "FLASK_MAIL_SERVER": "127.0.0.1"}
    journal = tmp_path / "target" / "paraphe.sqlite3-journal"
    for pause in (0, 0.2, 0.6):
        process = start_flask(environment, "restore", "--replace", str(small))
        while process.poll() is None and not journal.exists():
            time.sleep(0.01)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert dump(target) in whole
    assert run(target, "restore", "--replace", small).endswith("restored\n")
    assert dump(target) == whole[1]
    assert not journal.exists()


def test_backup_while_people_sign(database_url, place, tmp_path):
    acknowledged: list[str] = []
    failures: list[str] = []
    done = threading.Event()
    file = tmp_path / "site.zip"

    def sign_repeatedly(url: str, number: int) -> None:
        turn = 0
        try:
            while not done.is_set():
                wire, turn = Wire(url), turn + 1
                email = f"person{turn}@thread{number}.example.org"
                wire.ask("GET", "/")
                for commitment in (2, 5, 9):
                    assert wire.ask("POST", f"/engagements/{commitment}", {"taken": "yes"})[0] == 200
                wire.ask("GET", "/signer")
                answer = wire.ask("POST", "/signer", {**ELODIE, "email": email})
                assert answer[0] == 303, answer
                acknowledged.append(email)
                wire.connection.close()
        except Exception as error:
            failures.append(repr(error))

    def confirm_the_first(url: str, mailbox) -> str:
        letter = mailbox.wait(1, 60)
        path = link_in(letter, "/confirmer/").removeprefix(url)
        wire = Wire(url)
        page = wire.ask("GET", path)[1]
        (shown,) = re.findall('name="shown"[^>]* value="([^"]+)"', page)
        assert wire.ask("POST", path, {"shown": shown, "agreed": "y"})[0] == 303
        wire.connection.close()
        return letter["To"]

    with running_site(tmp_path, database_url, 1) as site:
        threads = [threading.Thread(target=sign_repeatedly, args=(site.url, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        confirmed = confirm_the_first(site.url, site.mailbox)
        while len(acknowledged) < 12 and not failures:
            time.sleep(0.05)
        before = set(acknowledged)
        process = start_flask(site.environment, "backup", str(file))
        said = process.communicate(timeout=120)[0]
        meanwhile = len(acknowledged) - len(before)
        done.set()
        for thread in threads:
            thread.join()
        assert (failures, process.returncode) == ([], 0), said
        assert meanwhile, "no signature was made during the backup"
        refused = start_flask(site.environment, "restore", "--replace", str(file)).communicate(timeout=120)[0]
        assert refused.startswith("Error: ")
        assert refused.endswith("stop the server first.\n")

    target = place("target", "sqlite")
    assert run(target, "restore", file).endswith("restored\n")
    signed = (
        "SELECT email, status, (SELECT count(*) FROM pledge WHERE signature_id = signature.id),"
        " (SELECT count(*) FROM consent WHERE signature_id = signature.id),"
        " (SELECT count(*) FROM letter WHERE signature_id = signature.id AND kind = 'confirm')"
        " FROM signature"
    )
    found = {email: facts for email, *facts in rows(target, signed)}
    assert before <= set(found)
    assert found.pop(confirmed)[:2] == ["confirmed", 3]
    assert {tuple(facts) for facts in found.values()} == {("pending", 3, 1, 1)}
    with target.app_context():
        assert db.session.query(Signature).filter_by(email=confirmed).one().is_confirmed
        db.engine.dispose()
    assert run(target, "register", "check") == "0 differences\n"
