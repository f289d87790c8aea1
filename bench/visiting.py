"""People at the site, over HTTP alone: a browser's cookies, and the tokens of forms as they are found."""

import gzip
import http.client
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from bench.population import Person

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
#: What is told of each request: what was asked, the status (0: none came), the seconds until its last byte.
Note = Callable[[str, int, float], None]


class Trouble(Exception):
    """An answer that should not have come, or none."""


class Page(NamedTuple):
    """One answer."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def text(self) -> str:
        """What is on it."""
        return self.content.decode()

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields, the last one of each name."""
        return {name: unescape(value) for name, value in HIDDEN.findall(self.text)}


class Visitor:
    """A browser with one connection, its cookies, and the token of the last form that it saw."""

    def __init__(self, address: str, note: Note = lambda *_: None) -> None:
        self.connection = http.client.HTTPConnection(address, timeout=60)
        self.cookies: dict[str, str] = {}
        self.hidden: dict[str, str] = {}
        self.note = note

    @property
    def cookie(self) -> str:
        """The cookies, as they are sent."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def open(self, path: str, what: str = "", headers: Mapping[str, str] = {}) -> Page:  # noqa: B006  # never changed
        """Open a page. Raises: Trouble."""
        return self._ask("GET", path, what or path, None, headers)

    def send(self, path: str, what: str = "", htmx: bool = False, **fields: str) -> Page:
        """Send a form, with the token that the page had. Raises: Trouble."""
        token = {name: value for name, value in self.hidden.items() if name.startswith("csrf")}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if htmx:
            headers |= {"HX-Request": "true", "HX-Request-Type": "partial"}
        return self._ask("POST", path, what or path, urlencode(token | fields), headers)

    def close(self) -> None:
        """Leave."""
        self.connection.close()

    def _ask(self, method: str, path: str, what: str, body: str | None, headers: Mapping[str, str]) -> Page:
        sent = {"Accept-Encoding": "gzip", **headers} | ({"Cookie": self.cookie} if self.cookies else {})
        start = time.perf_counter()
        try:
            page = self._answer(method, path, body, sent)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            self.note(what, 0, time.perf_counter() - start)
            raise Trouble(f"{method} {what}: {error!r}") from error
        self.note(what, page.status, time.perf_counter() - start)
        for line in page.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if not 200 <= page.status < 400:
            raise Trouble(f"{method} {what}: {page.status}")
        if page.headers.get_content_type() == "text/html":
            self.hidden |= page.hidden
        return page

    def _answer(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Page:
        reused = self.connection.sock is not None
        try:
            answer = self._sent(method, path, body, headers)
        except (ConnectionResetError, http.client.RemoteDisconnected):
            # The server closes what is idle, perhaps just then; browsers ask again (RFC 9110, 9.2.2).
            if method != "GET" or not reused:
                raise
            self.connection.close()
            answer = self._sent(method, path, body, headers)
        content = answer.read()
        if answer.headers["Content-Encoding"] == "gzip":
            content = gzip.decompress(content)
        return Page(answer.status, answer.headers, content)

    def _sent(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        if self.connection.sock and _is_over(self.connection):
            self.connection.close()
        self.connection.request(method, path, body, dict(headers))
        return self.connection.getresponse()


def _is_over(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side has closed a connection on which nothing is awaited."""
    connection.sock.setblocking(False)
    try:
        return connection.sock.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.sock.settimeout(connection.timeout)


class Session(NamedTuple):
    """A browser that has opened the charter page."""

    code: str
    cookie: str
    token_name: str
    token: str


def open_session(address: str) -> Session:
    """Open the charter page for the first time. Raises: Trouble."""
    visitor = Visitor(address)
    try:
        visitor.open("/")
    finally:
        visitor.close()
    name = next(name for name in visitor.hidden if name.startswith("csrf"))
    return Session(visitor.hidden["signature"], visitor.cookie, name, visitor.hidden[name])


def open_sessions(address: str, count: int) -> list[Session]:
    """Open the charter page in so many browsers."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: open_session(address), range(count)))


# The steps of signing


def take(visitor: Visitor, number: int, *, taken: bool = True) -> None:
    """Press on a commitment; the answer must say that it is kept. Raises: Trouble."""
    page = visitor.send(
        f"/engagements/{number}",
        "tick",
        htmx=True,
        signature=visitor.hidden["signature"],
        taken="yes" if taken else "no",
    )
    if f'name="taken" value="{"no" if taken else "yes"}"' not in page.text:
        raise Trouble(f"commitment {number} is not shown as it was answered")


def sign(visitor: Visitor, person: Person, commune: str, address: str) -> None:
    """Say who signs, and read where the letter goes. Raises: Trouble."""
    visitor.open("/signer")
    page = visitor.send(
        "/signer",
        given_name=person.given_name,
        family_name=person.family_name,
        role=person.role.value,
        commune=commune,
        commune_choice=person.commune,
        list_name=person.list_name or "Une liste pour la commune",
        email=address,
        publication="y",
    )
    if page.headers["Location"] != "/signer/envoye":
        raise Trouble(f"signing leads to {page.headers['Location']}")
    visitor.open("/signer/envoye")


def confirm(visitor: Visitor, link: str) -> None:
    """Open the link of the letter, tick the box, press the button, see one's signature. Raises: Trouble."""
    path = urlsplit(link).path
    visitor.open(path, "/confirmer/…")
    page = visitor.send(path, "/confirmer/… (POST)", agreed="y", shown=visitor.hidden["shown"])
    if page.headers["Location"] != "/ma-signature":
        raise Trouble(f"confirming leads to {page.headers['Location']}")
    visitor.open("/ma-signature")


def certify(visitor: Visitor) -> str:
    """Have one's certificate made and read it; return its number. Raises: Trouble."""
    visitor.send("/ma-signature/certificat", "/ma-signature/certificat (POST)")
    page = visitor.open("/ma-signature/certificat")
    found = re.search(r"/verifier/([0-9A-Z-]+)", page.text)
    if not found:
        raise Trouble("the certificate has no number")
    return found[1]
