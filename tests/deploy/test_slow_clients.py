"""Clients that are slow, that send too much, or that speak no HTTP: the real server serves the others."""

import socket
import time
import urllib.request
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup

from app.web.headers import HEADERS, HSTS
from tests.conftest import running_site
from tests.support.visitor import check_typography

SLOW = 20
#: So much of a request, and no more.
PLAIN = b"Content-Type: application/x-www-form-urlencoded\r\n"
PARTS = b"Content-Type: multipart/form-data; boundary=b\r\n"
FORM = b"POST /retrouver HTTP/1.1\r\nHost: HOST\r\n"
FILE = b"POST /verifier HTTP/1.1\r\nHost: HOST\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HALVES = {
    "nothing at all": b"",
    "one byte": b"G",
    "half a header": b"GET / HTTP/1.1\r\nHost: HOST\r\nX-Slow: ",
    "half a form": FORM + PLAIN + b"Content-Length: 60000\r\n\r\nemail=",
    "half a chunked form": FORM + PLAIN + CHUNKED + b"\r\n4\r\nemai\r\n",
    "half a file": FILE + PARTS + b"Content-Length: 2000000\r\n\r\n--b\r\n",
}


def connected(site) -> socket.socket:
    host, port = urlsplit(site.url).netloc.split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def ask(site, request: bytes) -> tuple[int, dict[str, str], str]:
    """Send raw bytes; return status, headers and page."""
    with connected(site) as wire:
        wire.sendall(request.replace(b"HOST", urlsplit(site.url).netloc.encode()))
        answer = b""
        while data := wire.recv(65536):
            answer += data
    head, _, page = answer.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    return int(line.split()[1]), dict(field.split(": ", 1) for field in fields), page.decode()


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_twenty_slow_clients_stop_nobody(site, half):
    """Eight threads, all of them wanted by somebody who never comes to an end."""
    with ExitStack() as open_ones:
        slow = [open_ones.enter_context(connected(site)) for _ in range(SLOW)]
        for wire in slow:
            wire.sendall(half.replace(b"HOST", urlsplit(site.url).netloc.encode()))
        time.sleep(0.5)
        for path in ("/", "/signataires", "/verifier"):
            with urllib.request.urlopen(site.url + path, timeout=60) as answer:
                assert answer.status == 200


def test_a_drop_at_a_time_is_not_for_ever(site):
    """Whoever sends a byte now and then holds a thread no longer than whoever sends nothing."""
    half = HALVES["half a form"].replace(b"HOST", urlsplit(site.url).netloc.encode())
    with ExitStack() as open_ones:
        slow = [open_ones.enter_context(connected(site)) for _ in range(SLOW)]
        for wire in slow:
            wire.sendall(half)
        deadline = time.monotonic() + 120
        while slow and time.monotonic() < deadline:
            for wire in list(slow):
                try:
                    wire.sendall(b"a")
                except OSError:  # cut
                    slow.remove(wire)
            with urllib.request.urlopen(f"{site.url}/accessibilite", timeout=60) as answer:
                assert answer.status == 200
            time.sleep(0.2)
        assert not slow


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /%s HTTP/1.1\r\nHost: HOST\r\n\r\n" % (b"a" * 8200), 414),
        (b"GET /?%s HTTP/1.1\r\nHost: HOST\r\n\r\n" % (b"a" * 100_000), 414),
        (b"GET / HTTP/1.1\r\nHost: HOST\r\n%s\r\n" % (b"X-A: b\r\n" * 70), 431),
        (b"GET / HTTP/1.1\r\nHost: HOST\r\nCookie: %s\r\n\r\n" % (b"a=b; " * 2000), 431),
        (b"GET / HTTP/1.1\r\nHost: HOST\r\nX-A: %s\r\n\r\n" % (b"b" * 1_000_000), 431),
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: HOST\r\nBad Header: x\r\n\r\n", 400),
    ],
    ids=["path", "query", "many headers", "cookies", "long header", "no HTTP", "bad header"],
)
def test_what_the_server_refuses_it_refuses_in_french(site, request_, status):
    answered, headers, page = ask(site, request_)
    assert answered == status
    assert headers.items() >= HEADERS.items()
    assert headers["Cache-Control"] == "private, no-store"
    soup = BeautifulSoup(page, "html.parser")
    assert soup.html["lang"] == "fr"
    check_typography(soup.get_text())


def test_the_longest_address_is_answered_by_the_site(site):
    longest = b"GET /signataires?nom=%s HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n" % (b"a" * 8100)
    assert ask(site, longest)[0] == 200
    digits = b"GET /engagements/%s HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n" % (b"1" * 8000)
    assert ask(site, digits)[0] in (404, 405)  # more digits than Python makes a number of


CLOSE = FORM + b"Connection: close\r\n"
PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
MANY = PART * 101 + b"--b--"
CHUNK = b"8000\r\n%s\r\n" % (b"a" * 0x8000)


@pytest.mark.parametrize(
    "request_",
    [
        CLOSE + PLAIN + b"Content-Length: 65537\r\n\r\n" + b"a" * 65537,
        CLOSE + PLAIN + b"Content-Length: 99999999999\r\n\r\n",
        CLOSE + PARTS + b"Content-Length: %d\r\n\r\n" % len(MANY) + MANY,
    ],
    ids=["a long body", "a length that lies", "many fields"],
)
def test_a_body_is_bounded(site, request_):
    status, headers, page = ask(site, request_)
    assert status == 413
    assert headers.items() >= HEADERS.items()
    assert "Envoi trop volumineux" in page


@pytest.mark.parametrize("chunk", [b"ZZ\r\n", b"-1\r\n", b"4\r\nabcdefgh\r\n"])
def test_chunks_that_are_none_are_refused(site, chunk):
    status, headers, page = ask(site, CLOSE + PLAIN + CHUNKED + b"\r\n" + chunk)
    assert status == 400
    assert headers.items() >= HEADERS.items()
    assert "Demande incompréhensible" in page
    assert "Traceback" not in site.log.read_text()


def test_what_the_server_refuses_is_said_to_be_kept_to_https_too(tmp_path):
    with running_site(
        tmp_path, f"sqlite:///{tmp_path}/paraphe.sqlite3", PREFERRED_URL_SCHEME="https"
    ) as site:
        assert ask(site, b"hello\r\n\r\n")[1]["Strict-Transport-Security"] == HSTS


def test_a_body_without_a_length_is_refused(site):
    """No browser sends one: such a form is empty to us, and so has no token."""
    assert ask(site, CLOSE + PLAIN + CHUNKED + b"\r\n" + CHUNK * 100 + b"0\r\n\r\n")[0] == 400
