"""Every route × every status that it can give, and the exact headers of each. A route without a row fails."""

import pytest
from flask import abort
from sqlalchemy.exc import OperationalError

from app.web.errors import TEXTS
from app.web.headers import HEADERS
from tests.support.header_rules import ROWS
from tests.support.world import World

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
        confirm, deny, access, move, _, refuse = world.tokens
        code, number = world.parts["code"][0], world.parts["number"][0]
        static = world.app.static_url_path
        self.path = self.row.path.format(
            confirm=confirm,
            deny=deny,
            access=access,
            move=move,
            refuse=refuse,
            code=code,
            number=number,
            static=static,
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
