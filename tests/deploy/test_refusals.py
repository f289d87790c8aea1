"""Requests that are too large or malformed: the proxy refuses them in French, or the application does."""

import http.client

import pytest
from bs4 import BeautifulSoup

from app.web.headers import HEADERS, HSTS
from tests.support.proxies import NAME, new_address
from tests.support.visitor import check_typography
from tests.support.wire import send_raw

HOST = f"Host: {NAME}\r\n".encode()
CLOSE = b"Connection: close\r\n"
GET = b"GET %s HTTP/1.1\r\n" + HOST + CLOSE + b"%s\r\n"
POST = b"POST /retrouver HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Type: application/x-www-form-urlencoded\r\n"
FORM = "multipart/form-data; boundary=x"
PARTS = b"POST /retrouver HTTP/1.1\r\n" + HOST + CLOSE + f"Content-Type: {FORM}\r\n".encode()
FILE_HEAD = b'--x\r\nContent-Disposition: form-data; name="fichier"; filename="a.pdf"\r\n\r\n'
FIELD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
nginx_only = pytest.mark.parametrize(
    "front", [pytest.param("nginx", marks=pytest.mark.nginx)], indirect=True, scope="session"
)
caddy_only = pytest.mark.parametrize(
    "front", [pytest.param("caddy", marks=pytest.mark.caddy)], indirect=True, scope="session"
)


def ask(front, request: bytes) -> tuple[int, dict[str, str], str]:
    with front.connect(new_address()) as connection:
        return send_raw(connection, request)


def check_page_of_proxy(headers: dict[str, str], page: str) -> None:
    """Assert that a page of ``deploy/pages`` is French, and bears the security headers."""
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Strict-Transport-Security"] == HSTS
    assert headers["Cache-Control"] == "no-store"
    soup = BeautifulSoup(page, "html.parser")
    assert soup.html["lang"] == "fr"
    assert soup.h1.get_text() == "Demande refusée"
    check_typography(soup.get_text())


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET % (b"/" + b"a" * 8200, b""), 414),
        (GET % (b"/?" + b"a" * 20_000, b""), 414),
        (GET % (b"/", b"Cookie: " + b"a=b; " * 2000 + b"\r\n"), 431),
        (POST + b"Content-Length: 99999999999\r\n\r\n", 413),
        (CHUNKED + b"8000\r\n%s\r\n" % (b"a" * 0x8000) * 100 + b"0\r\n\r\n", 413),
    ],
    ids=["path", "query", "cookies", "declared length", "chunks"],
)
def test_what_a_browser_can_send_in_excess_is_refused_in_french(front, request_, status):
    answered, headers, page = ask(front, request_)
    assert answered == status
    check_page_of_proxy(headers, page)


MALFORMED = {
    "no HTTP": b"hello\r\n\r\n",
    "bad header": GET % (b"/", b"Bad Header: x\r\n"),
    "two hosts": GET % (b"/", b"Host: mallory.example\r\n"),
    "long header": GET % (b"/", b"X-A: " + b"b" * 100_000 + b"\r\n"),
    "bad chunk": CHUNKED + b"ZZ\r\n",
    "negative chunk": CHUNKED + b"-1\r\n",
    "long chunk": CHUNKED + b"4\r\nabcdefgh\r\n",
}


@nginx_only
@pytest.mark.parametrize("name", [*MALFORMED, "two lengths"])
def test_nginx_refuses_malformed_requests_in_french(front, served, name):
    two_lengths = POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"
    status, headers, page = ask(front, {**MALFORMED, "two lengths": two_lengths}[name])
    assert status == (431 if name == "long header" else 400)
    check_page_of_proxy(headers, page)
    assert "mallory" not in page
    assert "Traceback" not in served.log.read_text()


@caddy_only
@pytest.mark.parametrize("name", MALFORMED)
def test_caddy_refuses_malformed_requests(front, served, name):
    """Go's HTTP library answers most of them itself, in English: no browser sends such a request."""
    status, _, page = ask(front, MALFORMED[name])
    assert status == (431 if name == "long header" else 503 if "chunk" in name else 400)
    assert "mallory" not in page
    assert "Traceback" not in served.log.read_text()


def test_the_application_answers_the_longest_url_and_many_headers(front):
    assert ask(front, GET % (b"/signataires?nom=" + b"a" * 8100, b""))[0] == 200
    digits = b"/engagements/" + b"1" * 8000  # more digits than Python converts to a number
    assert ask(front, GET % (digits, b""))[0] in (404, 405)
    assert ask(front, GET % (b"/signataires", b"X-A: b\r\n" * 300))[0] == 200


def test_the_application_refuses_too_many_fields(front):
    body = FIELD * 101 + b"--x--"
    status, headers, page = ask(front, PARTS + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert status == 413
    assert headers.items() >= HEADERS.items()
    assert "Envoi trop volumineux" in page


@pytest.mark.parametrize(
    ("path", "size", "words"),
    [
        ("/retrouver", 65_537, "Envoi trop volumineux"),  # by the application
        ("/retrouver", 100_000, "Envoi trop volumineux"),
        ("/verifier", 2_500_000, "Ce fichier dépasse 2"),
        ("/verifier", 50_000_000, "Demande refusée"),  # by the proxy
    ],
)
def test_a_large_body_is_refused_in_french(front, path, size, words):
    head = f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: {FORM}\r\nContent-Length: {size}\r\n\r\n"
    with front.connect(new_address()) as connection:
        connection.sendall(head.encode() + FILE_HEAD)
        if size < 5_000_000:
            connection.sendall(b"a" * (size - len(FILE_HEAD)))
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
        page = response.read().decode()
    assert response.status == 413
    assert words in page
    assert len(response.headers.get_all("X-Content-Type-Options")) == 1
