"""The start: refused with a sentence where something is missing."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.config import ConfigError, configure, missing_facts

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short"),
        ({"SECRET_KEY_FALLBACKS": ["l'ancien"]}, "A key of SECRET_KEY_FALLBACKS is too short"),
        ({"SECRET_KEY_FALLBACKS": [7]}, "A key of SECRET_KEY_FALLBACKS is too short"),
        ({"APPLICATION_ROOT": "/charte"}, "must have a host name of its own"),
        ({"ACCESS_MAX_HOURS": 0}, "ACCESS_MAX_HOURS is 0: it must be 1 at least"),
        ({"SERVER_NAME": ""}, "SERVER_NAME is missing"),
        ({"MAIL_SERVER": ""}, "MAIL_SERVER is missing"),
        ({"MAIL_DEFAULT_SENDER": ""}, "MAIL_DEFAULT_SENDER is missing"),
        ({"SECRET_KEY": 123456}, "SECRET_KEY is of type int; it must be str"),
        ({"LETTERS_PER_DAY": "3"}, "LETTERS_PER_DAY is of type str; it must be int"),
        ({"MAIL_PASSWORD": 123456}, "MAIL_PASSWORD is of type int; it must be str"),
        ({"SERVER_NAME": "https://charte.example.fr"}, "write the host name alone"),
        ({"PREFERRED_URL_SCHEME": "ftp"}, "must be http or https"),
        ({"KEEP_PENDING_DAYS": 0}, "KEEP_PENDING_DAYS is 0: it must be 1 at least"),
        ({"TIMESTAMP_URL": "tsa.example.fr"}, "TIMESTAMP_URL must begin with http"),
        ({"SEAL_PASSPHRASE": 123456}, "SEAL_PASSPHRASE is of type int"),
        ({"MAIL_DEFAULT_SENDER": "charte"}, "MAIL_DEFAULT_SENDER must be an address"),
        ({"MAIL_REPLY_TO": "charte"}, "MAIL_REPLY_TO: 'charte' is not an e-mail address"),
        ({"ORGANISERS": ["pas-une-adresse"]}, "ORGANISERS: 'pas-une-adresse' is not an e-mail address"),
        ({"MAIL_PORT": 70000}, "MAIL_PORT is 70000"),
        ({"LETTERS_PER_DAY": 0}, "LETTERS_PER_DAY is 0: it must be 1 at least"),
        ({"TRUSTED_PROXIES": -1}, "TRUSTED_PROXIES is -1: it must be 0 at least"),
        ({"SQLALCHEMY_DATABASE_URI": "foo"}, "is not the URL of a supported database"),
        ({"SQLALCHEMY_DATABASE_URI": "mysql://me:pass@host/base"}, "is not the URL of a supported database"),
        (
            {"SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://me:pass@host:port/base"},
            "is not the URL of a supported database",
        ),
    ],
)
def test_what_is_missing_is_said(settings, changes, words):
    with pytest.raises(ConfigError, match=words):
        create_app(settings | changes)


def test_a_site_below_a_path_does_not_start(settings, monkeypatch):
    monkeypatch.setenv("SCRIPT_NAME", "/charte")
    with pytest.raises(ConfigError, match="must have a host name of its own"):
        create_app(settings)


DOCUMENTS = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), *(ROOT / "deploy").rglob("*.*")]


def written_secrets() -> list[str]:
    """Return each text between quotes on a line of a document that sets a secret key."""
    lines = [line for file in DOCUMENTS if file.is_file() for line in file.read_text().splitlines()]
    lines = [line for line in lines if re.search(r"SECRET_KEY(_FALLBACKS)?\s*=", line)]
    return [text for line in lines for text in re.findall(r"""["']([^"]+)["']""", line)]


def test_no_secret_of_a_document_starts_the_site(settings):
    found = written_secrets()
    assert {"le nouveau", "l'ancien"} <= set(found)
    for secret in found:
        for changes in ({"SECRET_KEY": secret}, {"SECRET_KEY_FALLBACKS": [secret]}):
            with pytest.raises(ConfigError):
                create_app(settings | changes)


def test_an_ellipsis_is_no_legal_fact(settings):
    config = create_app(
        settings | {"PUBLISHER": "…", "HOST": "...", "PRIVACY_CONTACT": "dpo@example.org"}
    ).config
    assert {"PUBLISHER", "HOST"} <= set(missing_facts(config))
    assert "PRIVACY_CONTACT" not in missing_facts(config)


@pytest.mark.parametrize("fault", ["folder", "file"])
def test_a_secret_that_cannot_be_kept_is_said(fault):
    instance = Path(tempfile.mkdtemp())  # where other users may enter, as they may not in `tmp_path`
    place = instance if fault == "folder" else instance / "secret_key"
    if fault == "file":
        place.write_text("0" * 64)
        place.chmod(0o600)
    instance.chmod(0o755)
    program = (
        "import os, sys; from pathlib import Path; from app.config import _own_secret; os.setuid(65534)\n"
        "_own_secret(Path(sys.argv[1]))"
    )
    if os.getuid():  # only root becomes another user; a user of their own is refused a folder of mode 0
        program = program.replace("; os.setuid(65534)", "")
        place.chmod(0)
    run = subprocess.run(
        [sys.executable, "-c", program, instance], cwd=ROOT, capture_output=True, text=True, check=False
    )
    said = run.stderr.splitlines()[-1]
    assert "app.config.ConfigError: The secret key: " in said
    assert f"{place} is of the user {place.stat().st_uid}, mode" in said
    shutil.rmtree(instance)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('HOST = "…"\nMAIL_PASSWORD = "a-secret\n', "config.py, line 2: is a quote missing"),
        ("HOST = 1\n\nMAIL_PASSWORD = a_secret\n", "config.py, line 3: NameError"),
    ],
)
def test_a_file_of_settings_that_cannot_be_read(tmp_path, text, words):
    app = Flask("app", instance_path=str(tmp_path), instance_relative_config=True)
    (tmp_path / "config.py").write_text(text)
    with pytest.raises(ConfigError, match=words) as refusal:
        configure(app, {})
    assert "secret" not in str(refusal.value)


def test_a_host_in_capitals_is_the_same_host(settings):
    app = create_app(settings | {"SERVER_NAME": "Charte.Example.FR"})
    assert app.config["SERVER_NAME"] == "charte.example.fr"
    answer = app.test_client().get("/mentions-legales", headers={"Host": "CHARTE.example.fr"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "changes",
    [{"PREFERRED_URL_SCHEME": "https"}, {"SERVER_NAME": "charte.example.fr"}, {"SERVER_NAME": "9.9.9.9:80"}],
)
def test_debug_does_not_face_the_public(settings, monkeypatch, changes):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    with pytest.raises(ConfigError, match="Debug mode must not face the public"):
        create_app(settings | changes)


@pytest.mark.parametrize("name", ["localhost", "localhost:5000", "127.0.0.1:5000", "192.168.1.20:5000"])
def test_debug_at_home(settings, monkeypatch, name):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert create_app(settings | {"SERVER_NAME": name}).debug


def test_ssl_leaves_no_room_for_starttls(settings):
    config = create_app(settings | {"MAIL_USE_SSL": True, "MAIL_USE_TLS": True}).config
    assert config["MAIL_USE_SSL"]
    assert not config["MAIL_USE_TLS"]


def test_the_environment_is_read(settings, monkeypatch):
    monkeypatch.setenv("FLASK_LETTERS_PER_DAY", "5")
    assert create_app(settings).config["LETTERS_PER_DAY"] == 5


def test_the_mailbox_exists_in_development_only(settings, monkeypatch):
    def has_mailbox(changes):
        return "preview.mailbox" in {
            rule.endpoint for rule in create_app(settings | changes).url_map.iter_rules()
        }

    assert not has_mailbox({})
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert has_mailbox({"MAIL_SERVER": ""})
    assert not has_mailbox({})


def test_the_development_mailbox_shows_the_link(settings, monkeypatch, tmp_path):
    from app.extensions import db
    from tests.support.journeys import sign
    from tests.support.visitor import Visitor

    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = create_app(settings | {"MAIL_SERVER": ""})
    with app.app_context():
        db.create_all()
    visitor = Visitor(app)
    assert "Aucun courriel" in visitor.open("/dev/courrier").text()
    sign(visitor)
    page = visitor.open("/dev/courrier")
    link = page["pre a[href*='/confirmer/']"]["href"]
    assert visitor.open(link).submit(".form", agreed="y").url == "/ma-signature"
    page = visitor.open("/dev/courrier")
    assert "Votre certificat est joint" in page.text()
    assert "Courriel sans objet" in page.text()
    html = visitor.client.get(page.soup.select(".letter a[href^='/dev/courrier/']")[0]["href"])
    assert "Votre signature est confirmée" in html.text


def test_the_secret_is_made_once_and_kept_to_oneself(settings, monkeypatch, tmp_path):
    monkeypatch.setattr("flask.Flask.auto_find_instance_path", lambda self: str(tmp_path / "instance"))
    secrets = {create_app(settings | {"SECRET_KEY": ""}).config["SECRET_KEY"] for _ in range(2)}
    assert len(secrets) == 1
    assert len(secrets.pop()) == 64
    mode = (tmp_path / "instance" / "secret_key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert [p.name for p in (tmp_path / "instance").iterdir()] == ["secret_key"]


def test_the_command_line_prints_the_sentence_alone():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    command = [sys.executable, "-m", "flask", "--app", "app", "letters", "deliver"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("Error: SERVER_NAME is missing")
    assert "Traceback" not in run.stderr


def test_a_process_that_makes_no_pdf_does_not_pay_for_it():
    heavy = {"xhtml2pdf", "reportlab", "pyhanko", "asn1crypto", "alembic"}
    code = f"import app, sys; print({heavy}.intersection(m.split('.')[0] for m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert run.stdout == "set()\n"
