"""Which host we are, and who asks: what a visitor says of either is not believed."""

import socket
from urllib.parse import urlsplit

import pytest

from app import create_app
from app.extensions import db
from app.web.rate_limits import client_address
from tests.support.wire import send_raw

PAGE = "Ce site ne répond pas à cette adresse"


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "localhost:5000"])
def test_our_host(citizen, host):
    assert citizen.client.get("/signataires", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "ailleurs.example",
        "localhost.mallory.example",
        "mallory.example:localhost",
        "localhost@mallory.example",
        "localhost, mallory.example",
        "localhost/",
        "localhost:x",
        "x.localhost",
        "[::1]",
        "[::1]:80",
        "127.0.0.1",
        "",
        "é.example",
    ],
)
@pytest.mark.parametrize("path", ["/", "/signataires", "/nulle-part"])
def test_another_host_gets_a_plain_page(citizen, host, path):
    answer = citizen.client.get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert PAGE in answer.text
    assert "mallory" not in answer.text


LYING = {
    "X-Forwarded-Host": "mallory.example",
    "X-Forwarded-Server": "mallory.example",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/mallory",
    "X-Original-URL": "/mallory",
    "X-Rewrite-URL": "/mallory",
    "X-Host": "mallory.example",
    "Forwarded": "for=192.0.2.9;host=mallory.example;proto=https",
    "X-Real-IP": "192.0.2.9",
    "True-Client-IP": "192.0.2.9",
    "X-Client-IP": "192.0.2.9",
}


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_only_proxies_that_we_have_say_who_asks(settings, depth):
    app = create_app(settings | {"TRUSTED_PROXIES": depth})
    with app.app_context():
        db.create_all()
    seen = []
    app.before_request(lambda: seen.append(client_address()))
    browser = app.test_client()

    def who(forwarded: str | None) -> str:
        headers = LYING | ({"X-Forwarded-For": forwarded} if forwarded else {})
        with browser.get(
            "/signataires", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.1"}
        ) as answer:
            assert answer.status_code == 200
            assert "mallory" not in answer.text + str(answer.headers)
        return seen.pop()

    assert who(None) == "192.0.2.1"
    hops = ["203.0.113.66", "203.0.113.77", "198.51.100.1", "198.51.100.2"]
    believed = {0: "192.0.2.1", 1: "198.51.100.2", 2: "198.51.100.1"}[depth]
    assert who(", ".join(hops)) == believed
    assert who("203.0.113.1, " * 50 + ", ".join(hops)) == believed
    few = {0: "192.0.2.1", 1: "198.51.100.2", 2: "192.0.2.1"}[depth]
    assert who("198.51.100.2") == few, "fewer than we have: nobody's word is taken"
    with app.app_context():
        db.engine.dispose()


GET = b"GET %s HTTP/1.1\r\nConnection: close\r\n%s\r\n"
OURS, OTHER = b"Host: HOST\r\n", b"Host: mallory.example\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET % (b"/signataires", OURS), 200),
        (GET % (b"/signataires", OTHER), 400),
        (GET % (b"http://HOST/signataires", OTHER), 400),
    ],
    ids=["ours", "another", "in the URL"],
)
def test_the_real_server_refuses_another_host(site, request_, status):
    answered, page = ask_site(site, request_)
    assert answered == status
    assert "mallory" not in page
    assert '<html lang="fr">' in page


@pytest.mark.parametrize(
    "headers",
    [OURS + OTHER, OTHER + OURS, OURS + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"],
    ids=["two hosts", "two hosts, ours last", "two lengths"],
)
def test_the_real_server_refuses_ambiguous_headers(site, headers):
    """gunicorn answers them itself; tests/deploy/test_refusals.py has what a proxy answers."""
    status, page = ask_site(site, GET % (b"/signataires", headers))
    assert status == 400
    assert "mallory" not in page


def ask_site(site, request):
    """Send raw bytes to gunicorn; return status and body."""
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        status, _, page = send_raw(connection, request.replace(b"HOST", address.netloc.encode()))
    return status, page
