"""Every route × every status that it can give, and the exact headers of each. A route without a row fails."""

from dataclasses import dataclass

import pytest
from flask import abort
from sqlalchemy.exc import OperationalError

from app.web.errors import TEXTS
from app.web.headers import HEADERS
from tests.fuzz.world import World

#: Its site is put back from a copy of the file between two requests.
pytestmark = pytest.mark.sqlite

#: What describes one answer, and promises nothing: the rest must be as the table says, and no more.
DESCRIPTIVE = {
    "Accept-Ranges", "Allow", "Content-Disposition", "Content-Encoding", "Content-Length", "Content-Type",
    "Date", "ETag", "HX-Redirect", "HX-Replace-Url", "Last-Modified", "Location", "Retry-After", "Vary",
}  # fmt: skip
KEPT_NOWHERE = {"Cache-Control": "private, no-store"}
ASKED_ANEW = {"Cache-Control": "no-cache"}
#: Kind of route → what its answers below 400 add to HEADERS. Errors are kept nowhere, for nobody else.
KINDS = {
    "private": KEPT_NOWHERE,
    "public": ASKED_ANEW,
    "open": ASKED_ANEW
    | {
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Robots-Tag": "noindex",
    },
    "badge": {"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"},
    "static": {"Cache-Control": "public, max-age=31536000, immutable"},
    "machine": {"Cache-Control": "no-store"},
}


@dataclass(frozen=True)
class Row:
    """One route: its kind, an address of it, and what real requests get; `post`: with a form of ours."""

    kind: str
    path: str
    get: int | None = 200
    post: int | None = None
    session: str = "owner"


ROWS = {
    "static": Row("static", "{static}/css/site.css"),
    "candidate.index": Row("private", "/"),
    "candidate.blank_charter": Row("private", "/charte.pdf"),
    "candidate.tick": Row("private", "/engagements/1", None, 303),
    "candidate.sign": Row("private", "/signer", 200, 303, "draft"),
    "candidate.sign_another": Row("private", "/signer/autre", None, 303),
    "candidate.sent": Row("private", "/signer/envoye", 200, 303, "pending"),
    "candidate.confirm": Row("private", "/confirmer/{confirm}", 200, 409),
    "candidate.resend": Row("private", "/confirmer/{confirm}/renvoyer", None, 303),
    "candidate.resent": Row("private", "/confirmer/renvoye"),
    "candidate.change_commitments": Row("private", "/confirmer/{confirm}/engagements"),
    "candidate.change_commitment": Row("private", "/confirmer/{confirm}/engagements/1", None, 303),
    "candidate.correct": Row("private", "/confirmer/{confirm}/corriger", 200, 303),
    "candidate.deny": Row("private", "/refuser/{deny}", 200, 303),
    "candidate.denied": Row("private", "/refuser/fait"),
    "candidate.request_access": Row("private", "/retrouver", 200, 303),
    "candidate.access_requested": Row("private", "/retrouver/envoye"),
    "candidate.access": Row("private", "/acces/{access}", 200, 303),
    "candidate.move": Row("private", "/demenager/{move}", 410, 410),
    "candidate.my_signature": Row("private", "/ma-signature"),
    "candidate.edit_commitments": Row("private", "/ma-signature/engagements"),
    "candidate.edit_commitment": Row("private", "/ma-signature/engagements/1", None, 303),
    "candidate.amend": Row("private", "/ma-signature/corriger", 200, 303),
    "candidate.contact": Row("private", "/ma-signature/contact", None, 422),
    "candidate.indexing": Row("private", "/ma-signature/indexation", None, 422),
    "candidate.certificate": Row("private", "/ma-signature/certificat", 200, 303),
    "candidate.certificate_file": Row("private", "/ma-signature/certificat.pdf", 200, 303),
    "candidate.personal_data": Row("private", "/ma-signature/donnees.json"),
    "candidate.share": Row("private", "/ma-signature/partager"),
    "candidate.poster": Row("private", "/ma-signature/affiche.pdf"),
    "candidate.withdraw": Row("private", "/ma-signature/retirer", 200, 303),
    "candidate.withdrawn": Row("private", "/signature-retiree"),
    "candidate.close_session": Row("private", "/ma-signature/fermer", None, 303),
    "citizen.signatories": Row("public", "/signataires"),
    "citizen.signatory": Row("public", "/signataires/{code}"),
    "citizen.badge": Row("badge", "/signataires/{code}/badge.svg"),
    "citizen.picture": Row("public", "/signataires/{code}/image.png"),
    "citizen.commune": Row("public", "/communes/24520"),
    "citizen.commitment": Row("public", "/engagements/1"),
    "citizen.territory": Row("public", "/territoire"),
    "citizen.csv_file": Row("open", "/signataires.csv"),
    "citizen.json_file": Row("open", "/signataires.json"),
    "citizen.feed": Row("open", "/signataires.atom"),
    "citizen.open_data": Row("public", "/donnees-ouvertes"),
    "citizen.schema": Row("open", "/donnees-ouvertes/schema.json"),
    "citizen.verify": Row("public", "/verifier"),
    "citizen.verify_file": Row("public", "/verifier", None, 422),
    "citizen.certificate": Row("public", "/verifier/{number}"),
    "citizen.seal_certificate": Row("public", "/verifier/certificat-organisation.pem"),
    "citizen.robots": Row("public", "/robots.txt"),
    "citizen.sitemap": Row("public", "/sitemap.xml"),
    "citizen.sitemap_of_pages": Row("public", "/sitemap-pages.xml"),
    "citizen.sitemap_of_signatories": Row("public", "/sitemap-signataires-0.xml"),
    "citizen.privacy": Row("public", "/donnees-personnelles"),
    "citizen.legal": Row("public", "/mentions-legales"),
    "citizen.accessibility": Row("public", "/accessibilite"),
    "ops.sante": Row("machine", "/sante"),
}
#: Of no use to anybody, and so written down as it is: Flask answers, once for all routes of an address.
OPTIONS = {"static": {"Cache-Control": "immutable"}, "citizen.commitment": KEPT_NOWHERE}
EACH = pytest.mark.parametrize("endpoint", ROWS)
#: Answered 304 to who has it. The blank charter and whatever shows a form of one's own are made anew.
KNOWN_AGAIN = [name for name, row in ROWS.items() if row.kind not in ("private", "machine") and row.get]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("table"))
    yield world
    world.close()


class Asker:
    """Asks one route, from the session of its row, on the site as it was at first."""

    def __init__(self, world, endpoint):
        self.world, self.row = world, ROWS[endpoint]
        confirm, deny, access, move, _ = world.tokens
        code, number = world.parts["code"][0], world.parts["number"][0]
        static = world.app.static_url_path
        self.path = self.row.path.format(
            confirm=confirm, deny=deny, access=access, move=move, code=code, number=number, static=static
        )

    def __call__(self, method, **options):
        self.world.restore()
        cookie, token = self.world.sessions[self.row.session]
        headers = {"Cookie": cookie} | options.pop("headers", {})
        if method == "POST":
            fields = {name: values[0] for name, values in self.world.fields.items() if name != "remarque"}
            options.setdefault("data", fields | {"csrf_token": token})
        client = self.world.app.test_client(use_cookies=False)
        response = client.open(self.path, method=method, headers=headers, **options)
        response.get_data()
        response.close()
        return response

    def check(self, response, status):
        assert response.status_code == status
        expected = HEADERS | (KINDS[self.row.kind] if status < 400 else KEPT_NOWHERE)
        described = DESCRIPTIVE | ({"Set-Cookie"} if self.row.kind == "private" else set())
        names = [name for name, _ in response.headers]
        policy = {name: value for name, value in response.headers if name not in described}
        assert policy == expected
        assert len(set(names)) == len(names), "a header is there twice"


@pytest.fixture
def ask(world, endpoint):
    return Asker(world, endpoint)


def test_every_route_has_its_row(world):
    assert {rule.endpoint for rule in world.app.url_map.iter_rules()} == set(ROWS)
    methods = {name: set() for name in ROWS}
    for rule in world.app.url_map.iter_rules():
        methods[rule.endpoint] |= rule.methods
    for name, row in ROWS.items():
        assert (row.get is not None, row.post is not None) == (
            "GET" in methods[name],
            "POST" in methods[name],
        )


@EACH
def test_real_answers(ask):
    for method, status in (("GET", ask.row.get), ("HEAD", ask.row.get), ("POST", ask.row.post)):
        if status:
            ask.check(ask(method), status)


@pytest.mark.parametrize("endpoint", KNOWN_AGAIN)
def test_304(ask):
    tag = ask("GET").headers["ETag"]
    ask.check(ask("GET", headers={"If-None-Match": tag}), 304)


@EACH
@pytest.mark.parametrize("status", [*sorted(TEXTS), 418])
def test_errors(ask, world, endpoint, status, monkeypatch):
    """Whatever goes wrong, and wherever."""
    failing = {500: lambda: 1 / 0, 503: lambda: database_error()}.get(status, lambda: abort(status))
    monkeypatch.setitem(world.app.view_functions, endpoint, lambda **_: failing())
    ask.check(ask("GET" if ask.row.get else "POST"), status)


def database_error():
    raise OperationalError("SELECT", {}, Exception("gone"))


@EACH
def test_a_method_that_is_not_there_and_what_is(ask, endpoint):
    ask.check(ask("BREW"), 405)
    options = {name: value for name, value in ask("OPTIONS").headers if name not in DESCRIPTIVE}
    assert options == HEADERS | OPTIONS.get(
        endpoint, KEPT_NOWHERE if ask.row.kind == "private" else ASKED_ANEW
    )


@EACH
def test_a_host_that_is_not_ours(ask):
    for method, status in (("GET", ask.row.get), ("POST", ask.row.post)):
        if status:
            ask.check(ask(method, headers={"Host": "ailleurs.example"}), 400)


@pytest.mark.parametrize("endpoint", [name for name, row in ROWS.items() if row.post])
def test_forms_that_are_refused(ask, endpoint):
    no_token = 422 if endpoint == "citizen.verify_file" else 400
    ask.check(ask("POST", data={}), no_token)
    if endpoint != "citizen.verify_file":  # which takes 2 MB, of which it reads one field
        ask.check(ask("POST", data={"x": "a" * 70_000}), 413)
    else:
        ask.check(ask("POST", data={"x": "a" * 2_100_000}), 413)


@pytest.mark.parametrize(
    "endpoint",
    [
        "citizen.signatory",
        "citizen.picture",
        "citizen.commune",
        "citizen.certificate",
        "candidate.confirm",
        "candidate.access",
    ],
)
def test_what_is_not_there(ask):
    ask.path = ask.path.rpartition("/")[0] + "/x" if "image" not in ask.path else "/signataires/x/image.png"
    ask.check(ask("GET"), 404)
