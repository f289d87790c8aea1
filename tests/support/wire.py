"""Clients of a real server: a browser, many browsers at once, raw bytes."""

import http.client
import re
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit


class Wire:
    """Keeps its cookie and its CSRF token; follows no redirect."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        self.cookie = ""
        self.token = ""

    def ask(self, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
        """Send one request; return the status and the text of its answer."""
        self.send(method, path, fields)
        return self.receive()

    def send(self, method: str, path: str, fields: dict[str, str] | None = None) -> None:
        """Send one request, and do not wait for its answer."""
        # A connection for each request, as nginx opens them: gunicorn closes an idle one after two seconds.
        headers = {"Cookie": self.cookie, "Connection": "close"}
        headers |= {"HX-Request": "true", "HX-Request-Type": "partial"}
        body = None
        if fields is not None:
            body = urlencode({**fields, "csrf_token": self.token})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body, headers)

    def receive(self) -> tuple[int, str]:
        """Wait for the answer; return its status and its text."""
        response = self.connection.getresponse()
        text = response.read().decode()
        for line in response.headers.get_all("Set-Cookie", []):
            ((name, morsel),) = SimpleCookie(line).items()
            self.cookie = f"{name}={morsel.value}"
        found = re.search('name="csrf_token" value="([^"]+)"', text)
        self.token = found[1] if found else self.token
        return response.status, text


def at_once(url: str, count: int, steps: Sequence[Callable[[Wire, int], None]]) -> list[str]:
    """Let many browsers take some steps, each begun by all together; return what went wrong."""
    failures: list[str] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        wire = Wire(url)
        try:
            for step in steps:
                start.wait()
                step(wire, number)
        except Exception as error:
            failures.append(repr(error))
            start.abort()
        finally:
            wire.connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def send_raw(connection: socket.socket, request: bytes) -> tuple[int, dict[str, str], str]:
    """Send bytes, read until the server closes the connection; return status, headers and body."""
    with suppress(OSError):  # a server may refuse, and close, before it has read everything
        connection.sendall(request)
    answer = b""
    while data := connection.recv(65536):
        answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    return int(line.split()[1]), dict(field.split(": ", 1) for field in fields), body.decode()
