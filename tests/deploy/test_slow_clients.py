"""Slow clients: the proxy waits for them, and the threads of the application answer the others."""

import ssl
import time
from contextlib import ExitStack

import pytest

from tests.support.proxies import NAME, new_address

#: Ten times the threads of the application; fewer than nginx accepts from one IP address.
SLOW = 40
HOST = f"Host: {NAME}\r\n".encode()
FORM = b"POST /retrouver HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
FILE = b"POST /verifier HTTP/1.1\r\n" + HOST + b"Content-Type: multipart/form-data; boundary=b\r\n"
HALF_HEADER = b"GET / HTTP/1.1\r\n" + HOST + b"X-Slow: "
HALVES = {
    "nothing at all": b"",
    "one byte": b"G",
    "half a header": HALF_HEADER,
    "half a form": FORM + b"Content-Length: 60000\r\n\r\nemail=",
    "half a chunked form": FORM + b"Transfer-Encoding: chunked\r\n\r\n8000\r\nemail=",
    "half a file": FILE + b"Content-Length: 2000000\r\n\r\n--b\r\n" + b"a" * 1000,
}


def is_open(connection: ssl.SSLSocket) -> bool:
    """Return True if the server has neither answered nor closed the connection."""
    connection.setblocking(False)
    try:
        connection.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(60)
    return False


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_forty_slow_clients_delay_no_other_client(front, half):
    source = new_address()
    with ExitStack() as stack:
        slow = [stack.enter_context(front.connect(source)) for _ in range(SLOW)]
        for connection in slow:
            connection.sendall(half)
        time.sleep(0.2)
        for path in ("/", "/signataires", "/verifier"):
            assert front.ask("GET", path, source=new_address()).status == 200
        assert is_open(slow[0]), "the proxy stopped waiting before the others were answered"


def test_a_header_sent_byte_by_byte_is_cut(front):
    with front.connect(new_address()) as connection:
        connection.sendall(HALF_HEADER)
        deadline = time.monotonic() + 60
        while is_open(connection) and time.monotonic() < deadline:
            try:
                connection.sendall(b"a")
            except OSError:
                return
            time.sleep(0.2)
        assert not is_open(connection)


def test_a_form_that_is_cut_never_reaches_the_application(front, served):
    """gunicorn passes a shortened body on as a whole one."""
    before = len(served.log.read_text())
    with front.connect(new_address()) as connection:
        connection.sendall(FORM + b"Content-Length: 60\r\n\r\nemail=half@example.org")
        time.sleep(0.2)  # a proxy that does not wait for the whole form has sent it on
    time.sleep(1)
    assert front.ask("GET", "/retrouver", source=new_address()).status == 200
    log = served.log.read_text()[before:]
    assert "GET /retrouver" in log
    assert "POST /retrouver" not in log
