"""MDN HTTP Observatory: its ten tests and their modifiers, over pages served as in production.

The figures are those of its scoring, version 5 (MDN, « Tests and scoring »).
Two rules are about what stands in front: « Redirection » (plain HTTP leads to HTTPS on the same host) is the
proxy's, and « preloaded » is a list in browsers that only the owner of a domain may ask to be on. Neither is
judged here: the first costs nothing where the proxy redirects, the second 5 points no program gives itself.
"""

import http.cookies

import pytest
from bs4 import BeautifulSoup
from flask import Flask

from app import create_app
from app.extensions import db
from tests.support.header_rules import ROWS
from tests.support.journeys import listed

BROAD = {"ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*"}
INLINE = {"'unsafe-inline'", "data:"}
SIX_MONTHS = 15_552_000
PAGES = [row.path for row in ROWS.values() if row.get == 200 and "{" not in row.path]
OPEN = {row.path for row in ROWS.values() if row.kind == "open"}
#: The best that each test can give to a page with a form and a script.
BEST = {
    "content-security-policy": 10,
    "cookies": 5,
    "cross-origin-resource-sharing": 0,
    "referrer-policy": 5,
    "strict-transport-security": 0,
    "subresource-integrity": 5,
    "x-content-type-options": 0,
    "x-frame-options": 5,
    "cross-origin-resource-policy": 10,
}


@pytest.fixture
def app(settings) -> Flask:
    app = create_app(settings | {"PREFERRED_URL_SCHEME": "https"})
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.engine.dispose()


def policy(response) -> dict[str, set[str]]:
    (value,) = response.headers.getlist("Content-Security-Policy")
    directives = [directive.split() for directive in value.split(";")]
    assert len({name for name, *_ in directives}) == len(directives), "a directive is there twice"
    return {name: set(sources) for name, *sources in directives}


def csp(response) -> int:
    """+10 for `default-src 'none'`, +5 without anything unsafe; -10 to -25 otherwise."""
    csp = policy(response)
    default = csp.get("default-src", {"*"})
    script, style, plugin = (csp.get(name, default) for name in ("script-src", "style-src", "object-src"))
    sources = set().union(*csp.values())
    if script & (BROAD | INLINE) or plugin & BROAD or any(s.startswith(("http:", "ftp:")) for s in sources):
        return -20
    if "'unsafe-eval'" in script | style:
        return -10
    if style & (BROAD | INLINE):
        return 0
    assert csp["form-action"] <= {"'self'", "'none'"}
    return 10 if default == {"'none'"} else 5


def cookies(response) -> int:
    """+5 where all are Secure, HttpOnly and SameSite; none is as good as it gets where none is needed."""
    jar = http.cookies.SimpleCookie()
    for value in response.headers.getlist("Set-Cookie"):
        jar.load(value)
    for cookie in jar.values():
        if not cookie["secure"] or not cookie["httponly"]:
            return -40
        if cookie["samesite"] not in ("Lax", "Strict"):
            return -20
    return 5 if jar else 0


def cors(response) -> int:
    """-50 where a foreign page may read with the visitor's own cookies."""
    allowed = response.headers.get("Access-Control-Allow-Origin")
    return -50 if allowed not in (None, "*") or "Access-Control-Allow-Credentials" in response.headers else 0


def referrer(response) -> int:
    """+5 where other sites learn the origin at most; -5 where they learn more."""
    private = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
    return 5 if response.headers["Referrer-Policy"] in private else -5


def hsts(response) -> int:
    """-20 without, -10 for less than six months."""
    (value,) = response.headers.getlist("Strict-Transport-Security")
    parameters = dict(part.strip().lower().partition("=")[::2] for part in value.split(";"))
    return 0 if int(parameters["max-age"]) >= SIX_MONTHS else -10


def sri(response) -> int:
    """+5 where scripts bear their hash; -5 to -50 for scripts from elsewhere without one."""
    page = response.text if response.mimetype == "text/html" else ""
    scripts = BeautifulSoup(page, "html.parser").select("script[src]")
    if any(not script["src"].startswith("/") or script["src"].startswith("//") for script in scripts):
        return -50
    return 5 if scripts and all(script.get("integrity") for script in scripts) else 0


def sniffing(response) -> int:
    """-5 without."""
    return 0 if response.headers.getlist("X-Content-Type-Options") == ["nosniff"] else -5


def framing(response) -> int:
    """+5 for frame-ancestors, 0 for the older header, -20 for neither."""
    if policy(response).get("frame-ancestors", BROAD) <= {"'none'", "'self'"}:
        return 5
    return 0 if response.headers.get("X-Frame-Options") in ("DENY", "SAMEORIGIN") else -20


def corp(response) -> int:
    """+10 for one's own origin or site; 0 for all."""
    return {"same-origin": 10, "same-site": 10, "cross-origin": 0}.get(
        response.headers["Cross-Origin-Resource-Policy"], -5
    )


TESTS = dict(zip(BEST, (csp, cookies, cors, referrer, hsts, sri, sniffing, framing, corp), strict=True))


def judge(response) -> dict[str, int]:
    return {name: test(response) for name, test in TESTS.items()}


def test_the_front_page_has_every_bonus(app):
    """Which is the page that the Observatory opens: 140, or 145 once preloaded; A+ begins at 100."""
    response = app.test_client().get(
        "/", base_url="https://localhost", headers={"Origin": "https://evil.example"}
    )
    assert judge(response) == BEST
    assert 100 + sum(BEST.values()) == 140
    assert response.headers["Set-Cookie"].startswith("__Host-")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_loses_a_point(app, path):
    with app.test_client().get(path, base_url="https://localhost", follow_redirects=True) as response:
        points = judge(response)
    needless = {"cookies": (0, 5), "subresource-integrity": (0, 5)}  # no cookie and no script are as good
    shared = {"cross-origin-resource-policy": (0,)} if path in OPEN else {}
    for name, best in BEST.items():
        assert points[name] in (needless | shared).get(name, (best,)), name


def test_people_and_errors_lose_none(app):
    client = app.test_client()
    code = listed(app, 1, 2)
    for path in (
        f"/signataires/{code}",
        f"/signataires/{code}/image.png",
        "/nulle-part",
        "/acces/x",
        "/engagements/99",
    ):
        points = judge(client.get(path, base_url="https://localhost"))
        assert min(points.values()) >= 0
        assert sum(points.values()) >= 30
