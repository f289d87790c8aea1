"""HTTP client of one visitor: cookies, the hidden fields of the last page, and the steps of signing."""

import gzip
import http.client
import re
import time
from collections.abc import Callable, Mapping
from html import unescape
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from bench.population import COMMUNE_NAMES, Person

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
#: Arguments: the name of the request, the seconds until the last byte of its answer.
Recorder = Callable[[str, float], None]


class UnexpectedAnswer(Exception):
    """An answer without what it must hold, or no answer."""


class Page(NamedTuple):
    """One answer."""

    status: int
    headers: http.client.HTTPMessage
    text: str


class Visitor:
    """A browser without JavaScript, on one connection."""

    def __init__(self, address: str, record: Recorder = lambda *_: None) -> None:
        self.connection = http.client.HTTPConnection(address, timeout=60)
        self.record = record
        self.cookies: dict[str, str] = {}
        #: The hidden fields of the last page with a form.
        self.fields: dict[str, str] = {}
        self._used_at = 0.0

    @property
    def headers(self) -> dict[str, str]:
        """The header that sends the cookies."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def open(self, path: str, name: str = "", headers: Mapping[str, str] | None = None) -> Page:
        """Open a page. Raises: UnexpectedAnswer."""
        return self._request("GET", path, name or path, None, headers or {})

    def send(self, path: str, name: str = "", *, htmx: bool = False, **fields: str) -> Page:
        """Send a form, with the hidden fields of the last page. Raises: UnexpectedAnswer."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if htmx:
            headers |= {"HX-Request": "true", "HX-Request-Type": "partial"}
        return self._request("POST", path, name or path, urlencode(self.fields | fields), headers)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _request(
        self, method: str, path: str, name: str, body: str | None, headers: Mapping[str, str]
    ) -> Page:
        sent = {"Accept-Encoding": "gzip", **self.headers, **headers}
        start = time.perf_counter()
        if start - self._used_at > 1:  # the server may be closing it
            self.connection.close()
        try:
            answer = self._exchange(method, path, body, sent)
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise UnexpectedAnswer(f"{method} {name}: {error!r}") from error
        finally:
            self._used_at = time.perf_counter()
            self.record(name, self._used_at - start)
        if answer.headers["Content-Encoding"] == "gzip":
            content = gzip.decompress(content)
        page = Page(answer.status, answer.headers, content.decode())
        for line in answer.headers.get_all("Set-Cookie", []):
            cookie, _, value = line.partition(";")[0].partition("=")
            self.cookies[cookie] = value
        if not 200 <= page.status < 400:
            raise UnexpectedAnswer(f"{method} {name}: {page.status}")
        if fields := HIDDEN.findall(page.text):
            self.fields = {field: unescape(value) for field, value in fields}
        return page

    def _exchange(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        is_reused = self.connection.sock is not None
        try:
            self.connection.request(method, path, body, headers)
            return self.connection.getresponse()
        except (ConnectionResetError, http.client.RemoteDisconnected):
            # Closed by the server while it was idle: browsers send a GET again (RFC 9110, 9.2.2).
            if method != "GET" or not is_reused:
                raise
            self.connection.close()
            return self._exchange(method, path, body, headers)


def tick(visitor: Visitor, number: int, *, taken: bool = True) -> Page:
    """Press the button of one commitment, as htmx does. Raises: UnexpectedAnswer."""
    value = "yes" if taken else "no"
    page = visitor.send(f"/engagements/{number}", "tick", htmx=True, taken=value)
    if page.status != 200 or f'aria-checked="{"true" if taken else "false"}"' not in page.text:
        raise UnexpectedAnswer(f"commitment {number} is not shown as it was answered")
    return page


def sign(visitor: Visitor, person: Person) -> None:
    """Fill in the form of the signatory. Raises: UnexpectedAnswer."""
    visitor.open("/signer")
    send_form(visitor, person)
    visitor.open("/signer/envoye")


def send_form(visitor: Visitor, person: Person) -> None:
    """Send the form of the signatory, which is open. Raises: UnexpectedAnswer."""
    page = visitor.send(
        "/signer",
        "/signer (POST)",
        given_name=person.given_name,
        family_name=person.family_name,
        role=person.role.value,
        commune=COMMUNE_NAMES[person.commune],
        commune_choice=person.commune,
        list_name=person.list_name or "Une liste pour la commune",
        email=person.email,
        publication="y",
    )
    if page.headers["Location"] != "/signer/envoye":
        raise UnexpectedAnswer(f"signing redirects to {page.headers['Location']}")


def confirm(visitor: Visitor, link: str) -> None:
    """Open the link of the letter, tick the box, press the button. Raises: UnexpectedAnswer."""
    path = urlsplit(link).path
    visitor.open(path, "/confirmer/…")
    page = visitor.send(path, "/confirmer/… (POST)", agreed="y")
    if page.headers["Location"] != "/ma-signature":
        raise UnexpectedAnswer(f"confirming redirects to {page.headers['Location']}")
    visitor.open("/ma-signature")
