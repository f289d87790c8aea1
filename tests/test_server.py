"""The real server, as the README runs it: many at once, and a visitor who lies about the proxy."""

import http.client
import re
import sqlite3
import threading
import urllib.request
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

TICKERS = 128


class Ticker:
    """One browser with one connection, that takes all ten commitments."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        self.cookie = ""
        self.failures: list[str] = []

    def ask(self, method: str, path: str, body: str | None = None) -> str:
        headers = {"Cookie": self.cookie, "HX-Request": "true", "HX-Request-Type": "partial"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        text = response.read().decode()
        if response.status != 200:
            self.failures.append(f"{path}: {response.status}")
        for line in response.headers.get_all("Set-Cookie", []):
            ((name, morsel),) = SimpleCookie(line).items()
            self.cookie = f"{name}={morsel.value}"
        return text

    def run(self, start: threading.Barrier) -> None:
        try:
            token = re.search('name="csrf_token" value="([^"]+)"', self.ask("GET", "/"))[1]
            start.wait()
            for number in range(1, 11):
                fragment = self.ask(
                    "POST", f"/engagements/{number}", urlencode({"taken": "yes", "csrf_token": token})
                )
                if f'<span class="nombre">{number}</span>' not in fragment:
                    self.failures.append(f"{number}: not counted")
        except Exception as error:
            self.failures.append(repr(error))
            start.abort()
        finally:
            self.connection.close()


def test_128_tick_at_once(site):
    tickers = [Ticker(site.url) for _ in range(TICKERS)]
    start = threading.Barrier(TICKERS)
    threads = [threading.Thread(target=ticker.run, args=(start,)) for ticker in tickers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [failure for ticker in tickers for failure in ticker.failures] == []
    with sqlite3.connect(site.database) as database:
        stored = database.execute("SELECT count(*), count(DISTINCT signature_id) FROM pledge").fetchone()
    assert stored == (TICKERS * 10, TICKERS)


def test_a_visitor_cannot_move_the_site(site):
    request = urllib.request.Request(f"{site.url}/mentions-legales", headers={"SCRIPT_NAME": "/evil"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
        assert b"/evil" not in answer.read()
