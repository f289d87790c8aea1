"""A site that runs in other processes, for the mini-browser: as an application is in its own."""

import http.client
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from io import BytesIO
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from werkzeug.datastructures import EnvironHeaders
from werkzeug.test import Client

from app.ops.request_log import METHODS
from tests.support.journeys import come_back, signed_and_confirmed
from tests.support.site import Site
from tests.support.visitor import Visitor


class Remote:
    """Sends what a browser asks to a running site, with headers of the test's own; keeps all answers."""

    def __init__(self, site: Site, **headers: str) -> None:
        self.address = urlsplit(site.url).netloc
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.cookies: set[str] = set()
        self.asked: Counter[tuple[str, int]] = Counter()

    def test_client(self) -> Client:
        return Client(self._forward)

    def _forward(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked = {name: value for name, value in EnvironHeaders(environ) if name != "Host"}
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        connection = http.client.HTTPConnection(self.address, timeout=120)
        with closing(connection):
            connection.request(environ["REQUEST_METHOD"], environ["RAW_URI"], body, asked | self.headers)
            answer = connection.getresponse()
            self.asked[environ["REQUEST_METHOD"], answer.status] += environ["REQUEST_METHOD"] in METHODS
            content = answer.read()
        headers = [(name, value) for name, value in answer.getheaders() if name != "Transfer-Encoding"]
        self.cookies |= {value.split(";")[0] for name, value in headers if name == "Set-Cookie"}
        start_response(f"{answer.status} {answer.reason}", headers)
        return [content]


def whole_journey(site: Site, remote: Remote, **person: str) -> Visitor:
    """Do on a running site all that one person may: sign, change, share, come back, verify, search, leave."""
    visitor, awaited = Visitor(remote), count(1)

    def deliver() -> None:
        site.mailbox.wait(next(awaited))

    page = signed_and_confirmed(visitor, deliver, site.mailbox, **person)
    page = page.submit("#certificat button[formaction]")
    number = page[".certificate dd a"]["href"]
    file = visitor.client.get("/ma-signature/certificat.pdf").data
    sent = visitor.client.post("/verifier", data={"fichier": (BytesIO(file), "certificat.pdf")})
    assert "authentique" in sent.text
    for path in (
        number, "/ma-signature/donnees.json", "/ma-signature/partager", "/ma-signature/affiche.pdf",
        "/charte.pdf", "/signataires.csv", "/signataires.json", "/signataires.atom", "/territoire",
        "/donnees-ouvertes", "/donnees-ouvertes/schema.json", "/sitemap.xml", "/sante",
        "/donnees-personnelles", "/mentions-legales", "/accessibilite",
        "/verifier/certificat-organisation.pem",
    ):  # fmt: skip
        assert visitor.open(path).status == 200, path
    for picture in visitor.open("/ma-signature/partager").soup.select("main img"):
        assert visitor.open(picture["src"]).status == 200
    assert visitor.open(visitor.open("/")["link[rel=stylesheet]"]["href"]).status == 200
    visitor.open("/ma-signature").submit("form[action='/ma-signature/fermer']")
    come_back(visitor, deliver, site.mailbox, person["email"])
    return visitor
