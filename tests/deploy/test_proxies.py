"""nginx and Caddy in front of the real server, from the files of ``deploy/``: what each lets through."""

import http.client
import re
import ssl
import subprocess
from io import BytesIO
from urllib.parse import urlencode

import pytest
from gunicorn.config import Config
from pypdf import PdfReader

from app.web.headers import HEADERS, HSTS
from tests.support import proxies
from tests.support.journeys import confirm, sign
from tests.support.mailbox import free_port
from tests.support.proxies import CADDY, NAME, NGINX, Front, new_address
from tests.support.site import ROOT

FILE_HEAD = b'--x\r\nContent-Disposition: form-data; name="fichier"; filename="a.pdf"\r\n\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.nginx
def test_nginx_accepts_its_file_without_a_warning(tmp_path):
    front = Front(tmp_path, free_port())
    proxies.certify(tmp_path)
    command = proxies.nginx_command(front)
    done = subprocess.run([NGINX, "-t", *command[1:-2]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


@pytest.mark.caddy
def test_caddy_accepts_its_file_and_its_format():
    file = ROOT / "deploy/Caddyfile"
    validate = [CADDY, "validate", "--config", str(file), "--adapter", "caddyfile"]
    assert subprocess.run(validate, capture_output=True).returncode == 0
    fmt = subprocess.run([CADDY, "fmt", str(file)], capture_output=True, text=True, check=True)
    assert fmt.stdout == file.read_text()


def test_the_whole_way(front, served):
    visitor = front.visitor(new_address())
    before = len(served.mailbox.letters)
    sign(visitor, 1, 3, family_name=f"Martin {chr(65 + before)}")
    served.mailbox.wait(before + 1)
    page = confirm(visitor, served.mailbox)
    assert page.url == "/ma-signature"
    served.mailbox.wait(before + 2)  # the letter with the certificate

    pdf = page.submit("#certificat form").response.data
    assert "Élodie" in PdfReader(BytesIO(pdf)).pages[0].extract_text()
    answer = front.ask("POST", "/verifier", FILE_HEAD + pdf + b"\r\n--x--\r\n", FORM, new_address())
    assert answer.status == 200
    assert "authentique" in answer.text


def test_security_headers_are_sent_once_and_the_cookie_is_for_this_host(front):
    answer = front.ask("GET", "/signer", source=new_address())
    for name, value in {**HEADERS, "Strict-Transport-Security": HSTS}.items():
        assert answer.headers.get_all(name) == [value]
    (cookie,) = front.ask("GET", "/", source=new_address()).headers.get_all("Set-Cookie")
    attributes = "Expires=[^;]+; Secure; HttpOnly; Path=/; SameSite=Lax"
    assert re.fullmatch(f"__Host-paraphe=[^;]+; {attributes}", cookie), cookie


def test_pages_are_compressed_and_304_when_unchanged(front):
    answer = front.ask("GET", "/mentions-legales", headers={"Accept-Encoding": "br"})
    assert answer.headers["Content-Encoding"] == "br"
    known = {"Accept-Encoding": "br", "If-None-Match": answer.headers["ETag"]}
    assert front.ask("GET", "/mentions-legales", headers=known).status == 304


def test_http_redirects_to_https(front):
    answer = front.ask_in_clear("/signataires?nom=martin")
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{NAME}/signataires?nom=martin"


def test_another_host_name_gets_no_page(front):
    with pytest.raises(http.client.RemoteDisconnected):
        front.ask_in_clear("/", host="evil.example")
    with pytest.raises(ssl.SSLError) as refused:
        front.connect(name="evil.example")
    assert not isinstance(refused.value, ssl.SSLCertVerificationError), "a certificate names the site"
    try:  # our name for the handshake, another one after
        answer = front.ask("GET", "/", host="evil.example")
    except http.client.RemoteDisconnected:
        pass
    else:
        assert answer.status == 421
        assert "Set-Cookie" not in answer.headers


def test_a_visitor_cannot_forge_an_ip_address(front):
    liar, neighbour = new_address(), new_address()
    body = FILE_HEAD + b"%PDF-1.7 nothing of ours\r\n--x--\r\n"

    def check(source: str, claimed: str) -> int:
        lies = {"X-Forwarded-For": claimed, "X-Real-IP": claimed, "Forwarded": f"for={claimed}"}
        return front.ask("POST", "/verifier", body, {**FORM, **lies}, source).status

    assert [check(liar, f"192.0.2.{number}") for number in range(3)] == [200, 200, 429]
    assert check(neighbour, liar) == 200


def test_a_visitor_cannot_change_the_urls_of_the_site(front):
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


def test_a_visitor_cannot_forge_the_scheme(front):
    page = front.ask("GET", "/", source=new_address())
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    token = re.search('name="csrf_token" value="([^"]+)"', page.text)[1]

    def tick(**headers: str) -> int:
        headers |= {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"csrf_token": token, "taken": "yes"}).encode()
        return front.ask("POST", "/engagements/1", body, headers).status

    assert tick(**{"X-Forwarded-Proto": "http"}) == 400, "over HTTPS, a form says which page it comes from"
    assert tick(**{"Referer": f"https://{NAME}/"}) == 303


def test_an_outage_is_answered_in_french_and_logs_no_visitor(front_without_site):
    source = new_address()
    answer = front_without_site.ask("GET", "/acces/a-secret-link", source=source)
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "30"
    assert "Service momentanément indisponible" in answer.text
    assert front_without_site.ask_in_clear("/acces/a-secret-link").status == 301
    with pytest.raises(ssl.SSLError):
        front_without_site.connect(source, name="evil.example")
    written = "".join(file.read_text() for file in front_without_site.folder.glob("*.log"))
    for private in ("a-secret-link", source):
        assert private not in written


@pytest.mark.caddy
def test_caddy_closes_idle_connections_before_gunicorn():
    """Caddy repeats a GET on a connection that gunicorn closed, and never a POST."""
    command = [CADDY, "adapt", "--config", str(ROOT / "deploy/Caddyfile")]
    adapted = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (kept,) = re.findall(r'"keep_alive":{"idle_timeout":(\d+)}', adapted)  # nanoseconds
    assert int(kept) / 1e9 < Config().keepalive
