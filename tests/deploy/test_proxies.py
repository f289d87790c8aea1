"""nginx and Caddy in front of the real server, from the files of ``deploy/``: what each lets through."""

import http.client
import os
import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import pytest
from gunicorn.config import Config
from pypdf import PdfReader

from app.web.headers import HEADERS, HSTS
from tests.conftest import ROOT, SECRET
from tests.support import proxies as fronts
from tests.support.journeys import confirm, sign
from tests.support.mailbox import Mailbox, free_port
from tests.support.proxies import CADDY, NAME, NGINX, Front, new_address

UNIT = (ROOT / "deploy/systemd/paraphe-web.service").read_text()
FRONTS = [
    pytest.param("nginx", marks=pytest.mark.nginx),
    pytest.param("caddy", marks=pytest.mark.caddy),
]
FILE_HEAD = b'--x\r\nContent-Disposition: form-data; name="fichier"; filename="a.pdf"\r\n\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@dataclass
class Served:
    """The application that the web servers stand in front of, and the relay that it writes to."""

    port: int
    mailbox: Mailbox


def command_of(key: str) -> list[str]:
    """Return what the unit starts, as this Python runs it."""
    (line,) = re.findall(rf"^{key}=/srv/paraphe/\.venv/bin/(gunicorn .*)", UNIT, re.MULTILINE)
    return [sys.executable, "-m", *shlex.split(line)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server as its unit starts it, with HTTPS told by the web server in front."""
    folder = tmp_path_factory.mktemp("served")
    port, box = free_port(), Mailbox()
    box.start()
    settings = {
        "SECRET_KEY": SECRET,
        "SERVER_NAME": NAME,
        "TRUSTED_PROXIES": "1",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/paraphe.sqlite3",
        "SEAL_FILE": f"{folder}/seal.p12",
        "ERASURE_LEDGER": f"{folder}/erased.txt",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(box.port),
        "MAIL_USE_TLS": "false",
        "MAIL_DEFAULT_SENDER": "charte@example.org",
        "FORM_MIN_SECONDS": "0",
        "RATELIMIT_FILES": "2 per hour",
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    environment |= {f"FLASK_{name}": value for name, value in settings.items()}
    upgrade = [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"]
    subprocess.run(upgrade, cwd=ROOT, env=environment, check=True)
    command = [*command_of("ExecStart"), "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "1"]  # they count in memory, each by itself
    log = folder / "gunicorn.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    fronts.wait_for(port, process, log)
    yield Served(port, box)
    process.terminate()
    process.wait(60)
    box.stop()


@pytest.fixture(scope="module", params=FRONTS)
def front(request, site: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with fronts.running(request.param, tmp_path_factory.mktemp(request.param), site.port) as front:
        yield front


@pytest.fixture(params=FRONTS)
def lonely(request, tmp_path: Path) -> Iterator[Front]:
    """A web server behind which nobody listens."""
    with fronts.running(request.param, tmp_path, free_port()) as front:
        yield front


@pytest.mark.nginx
def test_nginx_finds_nothing_to_say_of_its_file(tmp_path):
    front = Front(tmp_path, free_port())
    fronts.certify(tmp_path)
    command = fronts.nginx_command(front)
    done = subprocess.run([NGINX, "-t", *command[1:-2]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


@pytest.mark.caddy
def test_caddy_finds_its_file_valid_and_well_formed():
    file = ROOT / "deploy/Caddyfile"
    validate = [CADDY, "validate", "--config", str(file), "--adapter", "caddyfile"]
    assert subprocess.run(validate, capture_output=True).returncode == 0
    fmt = subprocess.run([CADDY, "fmt", str(file)], capture_output=True, text=True, check=True)
    assert fmt.stdout == file.read_text()


def test_the_whole_way(front, site):
    visitor = front.visitor(new_address())
    before = len(site.mailbox.letters)
    sign(visitor, 1, 3, family_name=f"Martin {chr(65 + before)}")
    site.mailbox.wait(before + 1)
    page = confirm(visitor, site.mailbox)
    assert page.url == "/ma-signature"
    site.mailbox.wait(before + 2)  # the letter with the certificate

    pdf = page.submit("#certificat form").response.data
    assert "Élodie" in PdfReader(BytesIO(pdf)).pages[0].extract_text()
    answer = front.ask("POST", "/verifier", FILE_HEAD + pdf + b"\r\n--x--\r\n", FORM, new_address())
    assert answer.status == 200
    assert "authentique" in answer.text


def test_headers_come_once_and_the_cookie_is_kept_to_this_host(front):
    answer = front.ask("GET", "/signer", source=new_address())
    for name, value in {**HEADERS, "Strict-Transport-Security": HSTS}.items():
        assert answer.headers.get_all(name) == [value]
    (cookie,) = front.ask("GET", "/", source=new_address()).headers.get_all("Set-Cookie")
    attributes = "Expires=[^;]+; Secure; HttpOnly; Path=/; SameSite=Lax"
    assert re.fullmatch(f"__Host-paraphe=[^;]+; {attributes}", cookie), cookie


def test_pages_come_compressed_and_304_when_they_have_not_changed(front):
    answer = front.ask("GET", "/mentions-legales", headers={"Accept-Encoding": "br"})
    assert answer.headers["Content-Encoding"] == "br"
    known = {"Accept-Encoding": "br", "If-None-Match": answer.headers["ETag"]}
    assert front.ask("GET", "/mentions-legales", headers=known).status == 304


def test_http_leads_to_https(front):
    answer = front.ask_in_clear("/signataires?nom=martin")
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{NAME}/signataires?nom=martin"


def test_another_name_gets_nothing(front):
    with pytest.raises(http.client.RemoteDisconnected):
        front.ask_in_clear("/", host="evil.example")
    with pytest.raises(ssl.SSLError) as refused:
        front.connect(name="evil.example")
    assert not isinstance(refused.value, ssl.SSLCertVerificationError), "a certificate says whose site it is"
    try:  # our name for the handshake, another one after
        answer = front.ask("GET", "/", host="evil.example")
    except http.client.RemoteDisconnected:
        pass
    else:
        assert answer.status == 421
        assert "Set-Cookie" not in answer.headers


def test_a_visitor_cannot_pass_for_another(front):
    liar, neighbour = new_address(), new_address()
    body = FILE_HEAD + b"%PDF-1.7 nothing of ours\r\n--x--\r\n"

    def check(source: str, claimed: str) -> int:
        lies = {"X-Forwarded-For": claimed, "X-Real-IP": claimed, "Forwarded": f"for={claimed}"}
        return front.ask("POST", "/verifier", body, {**FORM, **lies}, source).status

    assert [check(liar, f"192.0.2.{number}") for number in range(3)] == [200, 200, 429]
    assert check(neighbour, liar) == 200


def test_a_visitor_cannot_move_the_site(front):
    lies = {
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Port": "81",
        "SCRIPT_NAME": "/evil",
    }
    answer = front.ask("GET", "/", headers=lies)
    assert answer.status == 200
    assert "evil" not in answer.text
    assert answer.headers["Strict-Transport-Security"] == HSTS
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_visitor_cannot_say_that_this_is_http(front):
    page = front.ask("GET", "/", source=new_address())
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    token = re.search('name="csrf_token" value="([^"]+)"', page.text)[1]

    def tick(**headers: str) -> int:
        headers |= {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"csrf_token": token, "taken": "yes"}).encode()
        return front.ask("POST", "/engagements/1", body, headers).status

    assert tick(**{"X-Forwarded-Proto": "http"}) == 400, "over HTTPS, a form says which page it comes from"
    assert tick(**{"Referer": f"https://{NAME}/"}) == 303


@pytest.mark.parametrize(
    ("path", "size", "words"),
    [
        ("/retrouver", 100_000, "Envoi trop volumineux"),  # the application's own pages
        ("/verifier", 2_500_000, "Ce fichier dépasse 2"),
        ("/verifier", 50_000_000, "Demande refusée"),  # what it never sees
    ],
)
def test_what_is_too_large_is_refused_in_french(front, path, size, words):
    head = f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: {FORM['Content-Type']}\r\n"
    with front.connect(new_address()) as connection:
        connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode() + FILE_HEAD)
        if size < 5_000_000:
            connection.sendall(b"a" * (size - len(FILE_HEAD)))
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
        page = response.read().decode()
    assert response.status == 413
    assert words in page
    assert len(response.headers.get_all("X-Content-Type-Options")) == 1


def test_slow_clients_keep_nobody_waiting(front):
    head = f"POST /verifier HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: {FORM['Content-Type']}\r\n"
    head += "Content-Length: 60000\r\n\r\n"
    source = new_address()
    slow = [front.connect(source) for _ in range(20)]  # five times as many as the application has threads
    try:
        for connection in slow:
            connection.sendall(head.encode() + FILE_HEAD + b"a" * 1000)
        for _ in range(3):
            assert front.ask("GET", "/mentions-legales", source=new_address()).status == 200
        slow[0].setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):  # not given up yet: nobody waited for that
            slow[0].recv(1)
    finally:
        for connection in slow:
            connection.close()


def test_a_site_that_is_down_says_so_in_french_and_logs_nobody(lonely):
    source = new_address()
    answer = lonely.ask("GET", "/acces/a-secret-link", source=source)
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "30"
    assert "Service momentanément indisponible" in answer.text
    assert lonely.ask_in_clear("/acces/a-secret-link").status == 301
    with pytest.raises(ssl.SSLError):
        lonely.connect(source, name="evil.example")
    written = "".join(file.read_text() for file in lonely.folder.glob("*.log"))
    for private in ("a-secret-link", source):
        assert private not in written


@pytest.mark.caddy
def test_no_form_is_sent_on_a_connection_that_is_about_to_be_closed():
    """Caddy asks again by itself for pages only, so it lets go of the application first."""
    command = [CADDY, "adapt", "--config", str(ROOT / "deploy/Caddyfile")]
    adapted = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (kept,) = re.findall(r'"keep_alive":{"idle_timeout":(\d+)}', adapted)  # nanoseconds
    assert int(kept) / 1e9 < Config().keepalive
