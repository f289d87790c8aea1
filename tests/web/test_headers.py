"""The headers of what real visitors get; tests/web/test_header_table.py tests every route and status."""

import pytest

from app import create_app
from app.web.headers import HSTS
from tests.support.header_rules import check_headers
from tests.support.journeys import signed_and_confirmed
from tests.support.visitor import Visitor

PUBLIC = [
    "/signataires",
    "/communes/24520",
    "/engagements/1",
    "/robots.txt",
    "/sitemap.xml",
    "/sitemap-pages.xml",
    "/territoire",
    "/verifier",
    "/verifier/certificat-organisation.pem",
    "/donnees-personnelles",
    "/mentions-legales",
    "/accessibilite",
    "/donnees-ouvertes",
]
#: What other sites may read, too.
OPEN = ["/signataires.csv", "/signataires.json", "/signataires.atom", "/donnees-ouvertes/schema.json"]
PRIVATE = [
    "/",
    "/signer",
    "/retrouver",
    "/retrouver/envoye",
    "/confirmer/renvoye",
    "/signature-retiree",
    "/refuser/fait",
]
WRONG = {
    "/signataires/x/image.png": 404,
    "/communes/nulle-part": 404,
    "/engagements/11": 404,
    "/sitemap-signataires-0.xml": 404,
    "/signataires.csv?epci=x": 404,
    "/nulle-part": 404,
    "/confirmer/x": 404,
    "/verifier/x": 404,
    "/acces/x": 404,
    "/demenager/x": 404,
    "/refuser/x": 404,
}


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages(citizen, path):
    response = citizen.client.get(path)
    check_headers(response)
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", OPEN)
def test_open_data(citizen, path):
    with citizen.client.get(path) as response:
        check_headers(
            response, **{"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*"}
        )
        assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", PRIVATE)
def test_private_pages_are_kept_nowhere(citizen, path):
    response = citizen.client.get(path)
    check_headers(response)
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(("path", "status"), WRONG.items())
def test_errors(citizen, path, status):
    response = citizen.client.get(path)
    assert response.status_code == status
    check_headers(response)
    assert "no-store" in response.headers["Cache-Control"]


def test_the_journey(app, deliver, mailbox):
    visitor = Visitor(app)
    seen = []
    answer = visitor.client.open
    visitor.client.open = lambda *a, **k: seen.append(answer(*a, **k)) or seen[-1]
    own = signed_and_confirmed(visitor, deliver, mailbox)
    visitor.open("/ma-signature/certificat")
    visitor.open("/ma-signature/certificat.pdf")
    visitor.open("/ma-signature/donnees.json")
    visitor.open("/ma-signature/affiche.pdf")
    visitor.open(visitor.open("/ma-signature/partager")[".preview"]["src"])
    visitor.open("/charte.pdf")
    visitor.open("/sitemap-signataires-0.xml")
    visitor.open(visitor.open("/signataires")[".entry .name a"]["href"])
    own.submit("form[action='/ma-signature/fermer']")
    for response in seen:
        for step in (*response.history, response):
            check_headers(step)


def test_a_badge_is_for_other_sites_too(candidate, citizen, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    path = candidate.open("/ma-signature/partager")[".badge"]["src"]
    shown, nobody = citizen.client.get(path), citizen.client.get("/signataires/x/badge.svg")
    for response in (shown, nobody):
        check_headers(response, **{"Cross-Origin-Resource-Policy": "cross-origin"})
    assert shown.headers["Cache-Control"] == "public, max-age=300"
    assert nobody.headers["Cache-Control"] == "private, no-store"


def test_refused_hosts_and_panics(app, citizen, monkeypatch):
    check_headers(citizen.client.get("/", headers={"Host": "ailleurs.example"}))
    monkeypatch.setattr("app.candidate.tick.current_signatory", lambda: 1 / 0)
    check_headers(citizen.client.get("/"))


def test_static_files_are_kept_for_a_year(citizen):
    href = citizen.open("/")["link[rel=stylesheet]"]["href"]
    with citizen.client.get(href, headers={"Accept-Encoding": "gzip"}) as response:
        check_headers(response)
        assert response.cache_control.max_age == 365 * 24 * 3600
        assert response.cache_control.immutable
        assert response.headers["Content-Encoding"] == "gzip"
    assert citizen.client.get("/static/0123456789ab/css/site.css").status_code == 404


def test_over_https(settings):
    app = create_app(settings | {"PREFERRED_URL_SCHEME": "https"})
    with app.app_context():
        from app.extensions import db

        db.create_all()
    response = app.test_client().get("/", base_url="https://localhost")
    assert response.headers["Strict-Transport-Security"] == HSTS
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-paraphe=")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie.split("; ")
    assert "Domain" not in cookie
