"""What one client may do in a while: enough for a village behind one router, too little for a flood."""

import logging
import secrets
import time
from io import BytesIO

import pytest
from limits.storage import MemoryStorage

from app import create_app
from app.config import ConfigError
from app.extensions import db
from app.models import Signature, Status
from app.web.rate_limits import (
    SETTINGS,
    client_address,
    client_key,
    limited,
    limited_when_unknown,
    limiter,
    seconds_to_wait,
)
from tests.support.journeys import ELODIE, confirm, sign, signed_and_confirmed, tick
from tests.support.visitor import Visitor

TOKEN = "W10.x.y"
LIMITED = {
    "/ma-signature/engagements/1": "RATELIMIT_FORMS",
    f"/confirmer/{TOKEN}/engagements/1": "RATELIMIT_FORMS",
    "/signer": "RATELIMIT_FORMS",
    "/signer/envoye": "RATELIMIT_FORMS",
    f"/confirmer/{TOKEN}": "RATELIMIT_FORMS",
    f"/confirmer/{TOKEN}/renvoyer": "RATELIMIT_FORMS",
    f"/confirmer/{TOKEN}/corriger": "RATELIMIT_FORMS",
    f"/acces/{TOKEN}": "RATELIMIT_FORMS",
    "/retrouver": "RATELIMIT_FORMS",
    "/ma-signature/corriger": "RATELIMIT_FORMS",
    "/ma-signature/certificat": "RATELIMIT_CERTIFICATES",
    "/ma-signature/certificat.pdf": "RATELIMIT_CERTIFICATES",
    "/verifier": "RATELIMIT_FILES",
}
#: They change what the session or a letter has opened already; nobody is to wait for leaving.
FREE = {
    "/engagements/1",  # nothing is stored
    "/signer/autre", "/ma-signature/fermer", "/ma-signature/contact", "/ma-signature/indexation",
    "/ma-signature/retirer",
    f"/demenager/{TOKEN}", f"/demenager/{TOKEN}/refuser", f"/refuser/{TOKEN}",
}  # fmt: skip


@pytest.fixture
def settings(settings, request):
    """Twice in an hour for what the test names; the rest as it comes."""
    names = getattr(request, "param", ())
    return settings | {"RATELIMIT_ENABLED": True} | dict.fromkeys(names, "2 per hour")


def twice(*names):
    return pytest.mark.parametrize("settings", [names], indirect=True, ids=",".join)


def post(visitor, path, address="127.0.0.1", **headers):
    token = visitor.open("/signer")["[name=csrf_token]"]["value"]
    return visitor.client.post(
        path,
        data={"csrf_token": token, "email": "elodie@example.org"},
        headers=headers,
        environ_base={"REMOTE_ADDR": address},
    )


@pytest.mark.parametrize(
    ("settings", "path"), [([name], path) for path, name in LIMITED.items()], indirect=["settings"]
)
def test_what_costs_something_is_limited(candidate, path):
    first, second, third = (post(candidate, path).status_code for _ in range(3))
    assert 429 not in (first, second)
    assert third == 429
    others = [other for other in LIMITED if other != path]
    assert 429 not in {post(candidate, other).status_code for other in others}, "each has its own count"


def test_every_form_is_limited_or_free(app):
    adapter = app.url_map.bind("localhost")
    listed = {adapter.match(path, method="POST")[0] for path in [*LIMITED, *FREE]}
    assert {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in rule.methods} == listed


@twice(*SETTINGS)
def test_reading_costs_nothing(candidate, citizen, monkeypatch):
    monkeypatch.setattr(MemoryStorage, "incr", lambda *a, **k: pytest.fail("reading was counted"))
    style = candidate.open("/")["link[rel=stylesheet]"]["href"]
    for path in (
        "/",
        "/signer",
        "/retrouver",
        "/signataires",
        "/verifier",
        "/charte.pdf",
        style,
    ):
        for _ in range(3):
            with candidate.client.get(path) as response:
                assert response.status_code == 200
                assert not any("ratelimit" in name.lower() for name, _ in response.headers)


@twice("RATELIMIT_FORMS")
def test_the_page_says_when_and_keeps_what_was_typed(app, candidate):
    app.config["RATELIMIT_FORMS"] = "2 per 3 seconds"
    tick(candidate, 1)
    form = candidate.open("/signer")
    for _ in range(20):  # on a slow machine, three may take longer than the limit lasts
        for _ in range(2):
            form.submit(".form", family_name="")
        page = form.submit(".form", **ELODIE)
        if page.status == 429:
            break
    assert page.status == 429
    assert page.text("h1") == "Trop de demandes"
    assert "Réessayez dans 1\u00a0minute." in page.text()
    assert ELODIE["list_name"] in page.text(".typed-values")
    wait = int(page.response.headers["Retry-After"])
    assert 1 <= wait <= 3
    time.sleep(wait)
    assert page.submit("main form").url == "/signer/envoye"


@twice("RATELIMIT_FORMS")
def test_an_hour_is_told_in_minutes(candidate):
    seconds = [post(candidate, "/retrouver").headers.get("Retry-After") for _ in range(3)]
    assert seconds[:2] == [None, None]
    assert 0 < int(seconds[2]) <= 3600
    page = candidate.open("/retrouver").submit(".form", email="elodie@example.org")
    assert page.status == 429
    assert "minutes." in page.text() or "1\u00a0heure." in page.text()


def test_a_press_refused_is_said_by_htmx_too(app, candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    page = candidate.open("/ma-signature/engagements")
    app.config["RATELIMIT_FORMS"] = "2 per hour"
    answers = [page.submit(f"#prendre-{number}", htmx=True) for number in (5, 6, 7)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert candidate.open("/ma-signature").text(".count") == "5 engagements sur 10"


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("192.0.2.7:5678", "192.0.2.7"),
        ("[2001:db8:1:2::1]:443", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("a name", "a name"),
    ],
)
def test_who_is_one_client(app, address, named):
    with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert client_address() == named


@twice("RATELIMIT_FORMS")
def test_a_subscriber_has_one_count_for_all_their_addresses(candidate):
    codes = [post(candidate, "/retrouver", f"2001:db8:0:1::{n}").status_code for n in range(1, 4)]
    assert codes == [303, 303, 429]
    assert post(candidate, "/retrouver", "2001:db8:0:2::1").status_code == 303


@twice("RATELIMIT_FORMS")
def test_nobody_changes_address_by_saying_so(candidate):
    codes = [
        post(candidate, "/retrouver", **{"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(3)
    ]
    assert codes == [303, 303, 429]


@twice("RATELIMIT_FORMS")
def test_behind_a_proxy_its_word_counts_and_no_other(settings):
    app = create_app(settings | {"TRUSTED_PROXIES": 1})
    with app.app_context():
        db.create_all()
    visitor = Visitor(app)
    lies = [f"203.0.113.{n}, 192.0.2.1" for n in range(3)]
    codes = [post(visitor, "/retrouver", **{"X-Forwarded-For": lie}).status_code for lie in lies]
    assert codes == [303, 303, 429]
    assert post(visitor, "/retrouver", **{"X-Forwarded-For": "192.0.2.2"}).status_code == 303
    with app.app_context():
        db.engine.dispose()


def new(view):
    """Rename a view: the limiter knows views by their names, and for as long as the process lives."""
    view.__name__ = f"view_{secrets.token_hex(8)}"
    return view


@twice("RATELIMIT_FORMS", "RATELIMIT_UNKNOWN_NUMBERS")
def test_a_view_is_limited_in_what_it_is_told_to_be(app):
    app.config["WTF_CSRF_ENABLED"] = False

    @app.route("/form", methods=["GET", "POST"])
    @limited("RATELIMIT_FORMS")
    @new
    def form():
        return ""

    @app.get("/number/<int:status>")
    @limited_when_unknown("RATELIMIT_UNKNOWN_NUMBERS")
    @new
    def number(status):
        return "", status

    browser = app.test_client()
    assert [browser.get("/form").status_code for _ in range(3)] == [200] * 3
    assert [browser.post("/form").status_code for _ in range(4)] == [200, 200, 429, 429]
    statuses = (200, 404, 200, 200, 404, 200, 404)
    answered = [browser.get(f"/number/{status}").status_code for status in statuses]
    assert answered == [200, 404, 200, 200, 404, 429, 429]


@twice("RATELIMIT_FORMS")
def test_a_second_is_the_least_to_wait(app, candidate):
    app.config["RATELIMIT_FORMS"] = "1 per second"
    data = {"csrf_token": candidate.open("/retrouver")["[name=csrf_token]"]["value"]}
    answers = [candidate.client.post("/retrouver", data=data) for _ in range(20)]
    assert {answer.headers.get("Retry-After") for answer in answers if answer.status_code == 429} == {"1"}


def test_nobody_waits_who_was_not_refused(app):
    with app.test_request_context():
        assert seconds_to_wait() is None


@twice("RATELIMIT_UNKNOWN_NUMBERS")
def test_numbers_cannot_be_walked(citizen):
    assert [citizen.open(f"/verifier/{n}").status for n in ("2222-2222-2222", "x", "2222-2222-2222")] == [
        404,
        404,
        429,
    ]


@twice("RATELIMIT_UNKNOWN_NUMBERS")
def test_a_number_that_exists_is_read_as_often_as_one_likes(candidate, citizen, deliver, mailbox):
    sign(candidate)
    deliver()
    page = confirm(candidate, mailbox).submit("#certificat button[formaction]")
    url = page[".certificate dd a"]["href"]
    assert {citizen.open(url).status for _ in range(5)} == {200}


def test_a_village_signs_in_ten_minutes_behind_one_router(app, deliver, mailbox):
    """Thirty whole signatures: each takes all ten, changes its mind, confirms; some forget their name."""
    villagers = [Visitor(app) for _ in range(30)]
    for number, villager in enumerate(villagers):
        page = villager.open("/")
        for commitment, taken in [*((number, "yes") for number in range(1, 11)), (4, "no"), (4, "yes")]:
            assert page.submit(f"#prendre-{commitment}", htmx=True, taken=taken).status == 200
        email = f"voisin{number}@example.org"
        page = villager.open("/signer")
        if number % 5 == 0:
            page = page.submit(".form", **ELODIE | {"given_name": ""})
        assert page.submit(".form", **ELODIE | {"email": email}).url == "/signer/envoye"
    assert deliver() == 30
    for villager, letter in zip(villagers, list(mailbox.letters), strict=True):
        mailbox.letters.append(letter)
        assert confirm(villager, mailbox).url == "/ma-signature"
    with app.app_context():
        assert db.session.query(Signature).filter_by(status=Status.CONFIRMED).count() == 30


def test_a_flood_is_stopped(candidate):
    data = {"email": "elodie", "csrf_token": candidate.open("/retrouver")["[name=csrf_token]"]["value"]}
    codes = [candidate.client.post("/retrouver", data=data).status_code for _ in range(160)]
    assert codes == [422] * 150 + [429] * 10


def test_who_asks_is_named_by_our_secret_alone(app):
    with app.test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.77"}):
        name = client_key()
        assert len(name) == 32
        assert client_key() == name
        app.config["SECRET_KEY"] = "another-secret-that-is-long-enough-too"
        assert client_key() != name


class Unreachable(MemoryStorage):
    """A store that never answers."""

    STORAGE_SCHEME = ["unreachable"]
    asked = 0

    def incr(self, *args, **kwargs):
        Unreachable.asked += 1
        raise ConnectionError

    def check(self):
        return False


def test_a_store_that_is_down_does_not_take_the_site_down(settings, caplog):
    app = create_app(settings | {"RATELIMIT_STORAGE_URI": "unreachable://", "RATELIMIT_FORMS": "2 per hour"})
    with app.app_context():
        db.create_all()
    visitor = Visitor(app)
    with caplog.at_level(logging.INFO):
        codes = [post(visitor, "/retrouver", "192.0.2.77").status_code for _ in range(3)]
    assert codes == [303, 303, 429], "memory counts meanwhile"
    assert Unreachable.asked
    assert "storage unreachable" in caplog.text
    assert "192.0.2.77" not in caplog.text
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RATELIMIT_FORMS", "many", "write it as"),
        ("RATELIMIT_FORMS", "", "write it as"),
        ("RATELIMIT_STORAGE_URI", "nowhere://:password@host", "names no store"),
    ],
)
def test_a_wrong_limit_stops_the_start(settings, name, value, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        create_app(settings | {name: value})
    assert name in str(refusal.value)


def test_it_can_be_turned_off(settings):
    app = create_app(settings | {"RATELIMIT_ENABLED": False, "RATELIMIT_FILES": "1 per hour"})
    for _ in range(3):
        data = {"fichier": (BytesIO(b""), "vide.pdf")}
        assert app.test_client().post("/verifier", data=data).status_code == 422
    assert not limiter.enabled


@twice("RATELIMIT_FILES")
def test_a_large_file_over_the_limit_is_refused_like_a_small_one(citizen):
    files = [BytesIO(b"%PDF-" + b"0" * 100_000) for _ in range(3)]
    answers = [citizen.client.post("/verifier", data={"fichier": (file, "c.pdf")}) for file in files]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
