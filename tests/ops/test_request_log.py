"""The log, the metrics and the connections of a site while one person uses all of it."""

import json
import re
import socket
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from app.config import ConfigError
from app.ops.health import Reason
from tests.support.database import empty_database, rows
from tests.support.mailbox import link_in, text_of
from tests.support.remote import Remote, whole_journey
from tests.support.site import Site, running_site
from tests.support.visitor import Visitor

TOKEN = "a-token-for-figures-that-is-long-enough"
PERSON = {
    "given_name": "Zoltán",
    "family_name": "O’Hostile",
    "list_name": "ERROR forged %s {0}",
    "email": "zoltan.quertyuiop@hostile.example",
}
HEADERS = {
    "X_Forwarded_For": "203.0.113.77",
    "User_Agent": "Agent-of-zoltan",
    "Referer": "http://127.0.0.1/zoltan",
}
#: What must be nowhere: an address, a name, what was typed or searched, who asked.
SECRETS = ("zolt", "quertyuiop", "hostile", "forged", "203.0.113.", "ip=", "?nom=", "@")
#: Python runs it first in each process, and cannot be made to forget it (PEP 578).
WITNESS = """
import json, os, sys

CALLS = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
         "socket.gethostbyaddr", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")

def note(event, arguments):
    if event in CALLS:
        where = arguments[1] if event == "socket.connect" else arguments[:2]
        with open(os.environ["WITNESSED"], "a") as file:
            file.write(json.dumps([event, repr(where)]) + "\\n")

sys.addaudithook(note)
"""


@dataclass
class Watched:
    """A site after a whole journey and many errors, with what it logged, counted and connected to."""

    site: Site
    form: str
    folder: Path
    spoken_to: set[tuple[str, str]] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    asked: Counter = field(default_factory=Counter)

    def scrape(self):
        """Return the metrics, by name and values of the labels in the order of their names."""
        request = urllib.request.Request(
            f"{self.site.url}/metriques", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            text = answer.read().decode()
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture(scope="module", params=["json", "text"])
def watched(request, tmp_path_factory):
    """A whole journey, then each kind of error, in both formats of the log."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "counts").mkdir()
    (folder / "sitecustomize.py").write_text(WITNESS)
    (folder / "witnessed").touch()
    with pytest.MonkeyPatch.context() as patch, empty_database(request, folder) as database:
        patch.setenv("WITNESSED", str(folder / "witnessed"))
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder / "counts"))
        settings = {"LOG_FORMAT": request.param, "METRICS_TOKEN": TOKEN, "TRUSTED_PROXIES": "1"}
        with running_site(folder, database, **settings) as site:
            watched = Watched(site, request.param, folder)
            remote = Remote(site, **HEADERS)
            visitor = whole_journey(site, remote, **PERSON)
            witnessed = (folder / "witnessed").read_text().splitlines()
            watched.spoken_to = {tuple(json.loads(line)) for line in witnessed}
            provoke(site, remote, visitor)
            watched.secrets = secrets_of(site, remote)
            watched.asked = remote.asked
            yield watched


def provoke(site, remote, visitor):
    """Cause each kind of error, with personal data in the request."""
    get = visitor.client.get
    assert get("/signataires?nom=zoltan").status_code == 200
    assert get("/confirmer/W10.hostile.token").status_code == 404
    assert get("/hostile/zoltan").status_code == 404
    assert visitor.client.open("/hostile", method="ZOLTAN").status_code == 404
    assert visitor.client.post("/retrouver", data={"email": PERSON["email"]}).status_code == 400
    for line in (b"GET /hostile?nom=zoltan HTTP/9.9", b"/confirmer/hostile", b"GET / HTTP/1.1\r\nzoltan"):
        host, _, port = remote.address.partition(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(line + b"\r\n\r\n")
            assert b" 400 " in raw.recv(4096) + b" 400 " * (b"9.9" in line)
    for answer in ("451 later, zoltan", f"550 no such user {PERSON['email']}"):
        site.mailbox.recipient_answer = answer
        Visitor(remote).open("/retrouver").submit(".form", email=PERSON["email"])
        wait_for(site.log, "delayed" if answer.startswith("451") else "refused")
    page = visitor.open("/ma-signature/engagements")
    rows(site.database, "ALTER TABLE pledge RENAME TO lost")
    assert page.submit("#prendre-5").status == 503
    rows(site.database, "ALTER TABLE lost RENAME TO pledge")
    rows(site.database, "UPDATE entry SET taken_on = '3'")
    with suppress(HTTPException, OSError):  # cut in the middle; the log is what tells
        get("/signataires.csv?nom=zoltan")
    rows(site.database, "UPDATE signature SET role = 'hostile'")
    assert get("/ma-signature").status_code == 500
    assert get(urlsplit(link_in(site.mailbox.letters[0], "/confirmer/")).path).status_code == 500


def wait_for(log, words):
    for _ in range(600):
        if words in log.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(f"{words}: not in {log.read_text()}")


def secrets_of(site, remote):
    """Return what gives access or identifies a person: tokens, cookies, codes and numbers."""
    tokens = {
        urlsplit(link).path.split("/")[-1]
        for letter in site.mailbox.letters
        for link in re.findall(r"http://\S+/(?:confirmer|refuser|acces)/\S+", text_of(letter))
    }
    codes = {code for (code,) in rows(site.database, "SELECT code FROM signature")}
    numbers = {number for (number,) in rows(site.database, "SELECT number FROM certificate")}
    cookies = {cookie.partition("=")[2] for cookie in remote.cookies} - {""}  # which closes a session
    assert len(tokens) >= 3
    assert codes
    assert numbers
    assert cookies
    return tokens | codes | numbers | cookies


def test_the_site_connects_to_the_relay_only(watched):
    relay = repr(("127.0.0.1", watched.site.mailbox.port))
    # Its name is looked up, then it is spoken to: no other name, no other machine, no other program.
    assert watched.spoken_to == {("socket.getaddrinfo", relay), ("socket.connect", relay)}


def test_the_log_has_no_personal_data(watched):
    log = watched.site.log.read_bytes().decode()
    for secret in (*SECRETS, *watched.secrets):
        assert secret.casefold() not in log.casefold(), secret
        escaped = json.dumps(secret).strip('"')
        assert escaped.casefold() not in log.casefold(), escaped


def test_the_log_has_the_errors(watched):
    log = watched.site.log.read_text()
    for told in (
        "not caught: GET /ma-signature", "not caught: GET /confirmer/<token:token>", "LookupError",
        "confirm.py:", "TypeError", "export.py:", "delayed: SMTPRecipientsRefused", "refused", "database: ",
        "gunicorn.error",
    ):  # fmt: skip
        assert told in log, told


def test_the_log_has_a_json_line_for_each_request(watched):
    lines = watched.site.log.read_text().splitlines()
    if watched.form == "text":
        assert not any(line.startswith("{") for line in lines)
        assert "paraphe.access" not in watched.site.log.read_text(), "a line for each request is for programs"
        return
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    for line in lines:  # gunicorn's first process speaks of its workers in its own way
        assert line.startswith("{") or re.match(r"\[\d{4}-\d\d-\d\d .*\] \[\d+\] \[INFO\] ", line), line
    answered = [facts for facts in objects if facts["logger"] == "paraphe.access"]
    (failure,) = (facts for facts in objects if facts["message"] == "not caught: GET /ma-signature")
    (its_answer,) = (facts for facts in answered if facts["request"] == failure["request"])
    assert (its_answer["route"], its_answer["status"], its_answer["level"]) == ("/ma-signature", 500, "info")
    assert its_answer["ms"] > 0
    assert its_answer["bytes"] > 500
    counted = Counter((facts["method"], facts["status"]) for facts in answered)
    assert watched.asked <= counted
    assert counted["other", 404] == 1
    assert {"/confirmer/<token:token>", "/signataires.csv", "/static", "-"} <= {
        facts["route"] for facts in answered
    }


def test_metrics_add_the_requests_of_all_processes(watched):
    before = watched.scrape()
    page = f"{watched.site.url}/mentions-legales"
    asked = 0
    while asked < 20 or len(workers_that_counted(watched.folder)) < 2:
        assert asked < 2000, "one worker answered them all"
        urllib.request.urlopen(page).close()
        asked += 1
    names = (("paraphe_requests_total", "GET", "/mentions-legales", "200"),)
    for _ in range(100):  # the last one is counted when its last byte has left, in one file after the other
        after = watched.scrape()
        more = [after[name] - before.get(name, 0) for name in names]
        if min(more) >= asked:
            break
        time.sleep(0.1)
    assert more == [asked] * len(names)
    counted = Counter()
    for (name, *labels), value in after.items():
        if name == "paraphe_requests_total":
            counted[labels[0], int(labels[2])] += value
    assert watched.asked <= counted


def workers_that_counted(folder):
    return {path.stem.split("_")[-1] for path in (folder / "counts").glob("counter_*.db")}


def test_metrics_of_the_database(watched):
    figures = watched.scrape()
    assert figures["paraphe_signatures", "confirmed"] == 1
    assert figures["paraphe_signatures", "withdrawn"] == 0
    assert figures["paraphe_certificates",] == 1
    assert figures["paraphe_letters", "refused"] == 1
    assert figures["paraphe_letters", "sent"] >= 3
    assert figures["paraphe_seal_days_left",] > 3000
    assert {name[1] for name in figures if name[0] == "paraphe_health"} == {reason.value for reason in Reason}
    assert figures["paraphe_health", "base-injoignable"] == 0


def test_metrics_have_no_personal_data(watched):
    text = repr(watched.scrape())
    for secret in (*SECRETS, *watched.secrets):
        assert secret.casefold() not in text.casefold(), secret
    for file in (watched.folder / "counts").iterdir():
        assert not [s for s in watched.secrets if s.encode() in file.read_bytes()]


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}é"])
def test_metrics_need_the_token(settings, given):
    app = create_app(settings | {"METRICS_TOKEN": TOKEN})
    answer = app.test_client().get("/metriques", headers={"Authorization": given} if given else {})
    assert (answer.status_code, answer.data) == (401, b"")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_metrics_without_a_token_are_not_found(app):
    assert app.test_client().get("/metriques", headers={"Authorization": "Bearer "}).status_code == 404
    assert not [rule for rule in app.url_map.iter_rules() if "metriques" in rule.rule]


def test_metrics_without_a_database(settings, tmp_path):
    app = create_app(
        settings | {"METRICS_TOKEN": TOKEN, "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/no/db"}
    )
    text = app.test_client().get("/metriques", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert 'paraphe_health{reason="base-injoignable"} 1.0' in text
    assert "paraphe_signatures" not in text


def test_a_short_token_is_a_configuration_error(settings):
    with pytest.raises(ConfigError, match="METRICS_TOKEN is too short"):
        create_app(settings | {"METRICS_TOKEN": "short"})


def test_a_missing_metrics_folder_is_a_configuration_error(settings, monkeypatch, tmp_path):
    monkeypatch.setattr("app.ops.metrics.FOLDER", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="PROMETHEUS_MULTIPROC_DIR is .*/none: make this folder"):
        create_app(settings | {"METRICS_TOKEN": TOKEN})
