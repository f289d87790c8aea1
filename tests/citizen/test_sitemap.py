"""What search engines are told, and who asked them not to show a page."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

import pytest

from app import clock, create_app
from app.citizen import sitemap
from app.extensions import db
from app.models import Entry
from app.register import queries
from tests.support.journeys import change, come_back, listed, signed_and_confirmed
from tests.support.visitor import Visitor

SITEMAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
SILENCE = datetime(2026, 3, 14, 12, tzinfo=UTC)
PEOPLE = "/sitemap-signataires-0.xml"


def read(visitor, path):
    """Return the addresses in a sitemap, with their dates."""
    response = visitor.client.get(path)
    assert response.status_code == 200, path
    assert response.mimetype == "application/xml"
    assert len(response.data) < 50 * 1024 * 1024
    root = ET.fromstring(response.data)  # noqa: S314  # what we wrote ourselves
    kind, each = ("sitemapindex", "sitemap") if path == "/sitemap.xml" else ("urlset", "url")
    assert root.tag == SITEMAPS + kind
    found = {}
    for element in root:
        assert element.tag == SITEMAPS + each
        assert {child.tag for child in element} <= {SITEMAPS + "loc", SITEMAPS + "lastmod"}
        found[element.findtext(SITEMAPS + "loc")] = element.findtext(SITEMAPS + "lastmod")
    assert len(found) == len(root) <= 50_000, "each once"
    return found


def canonical(page):
    return page["link[rel=canonical]"]["href"]


def is_kept_out(page):
    return bool(page.soup.select("meta[name=robots][content=noindex]"))


# Addresses


FIXED = [
    "/",
    "/verifier",
    "/donnees-personnelles",
    "/mentions-legales",
    "/accessibilite",
    "/donnees-ouvertes",
]


@pytest.mark.parametrize("path", [*FIXED, "/communes/24067", "/engagements/3", "/signataires", "/territoire"])
def test_each_page_has_a_title_a_description_and_one_address(citizen, path):
    page = citizen.open(f"{path}?utm_source=x&fbclid=y")
    assert canonical(page) == f"http://localhost{path}"
    assert len(page["meta[name=description]"]["content"]) > 50
    assert len(page.title) > 20
    assert not is_kept_out(page)


def test_no_two_pages_say_they_are_the_same(citizen):
    paths = [
        *FIXED,
        "/signataires",
        "/territoire",
        "/communes/24067",
        "/communes/24053",
        "/engagements/3",
        "/engagements/4",
    ]
    pages = [citizen.open(path) for path in paths]
    for said in ({p.title for p in pages}, {p["meta[name=description]"]["content"] for p in pages}):
        assert len(said) == len(pages)


def test_the_address_is_the_configured_one(settings):
    app = create_app(settings | {"PREFERRED_URL_SCHEME": "https"})
    with app.app_context():
        db.create_all()
    for path in ("/communes/24067", "/sitemap-pages.xml", "/robots.txt"):
        text = app.test_client().get(path, base_url="http://localhost:8000").text
        assert "https://localhost/" in text
        assert "http://localhost" not in text
        assert ":8000" not in text


@pytest.mark.parametrize(
    ("asked", "address", "kept_out"),
    [
        ("", "/signataires", False),
        ("?tri=nom", "/signataires", False),
        ("?commune=le+bugue", "/communes/24067", False),
        ("?commune=Le+Bugue&nom=&tri=nom", "/communes/24067", False),
        ("?engagement=3", "/engagements/3", False),
        ("?nom=martin", "/signataires", True),
        ("?commune=le+bugue&nom=martin", "/signataires", True),
        ("?commune=le+bugue&engagement=3", "/signataires", True),
        ("?commune=nulle-part", "/signataires", True),
        ("?epci=200040392", "/signataires", True),
        ("?qualite=elu", "/signataires", True),
    ],
)
def test_a_search_is_known_by_the_page_it_amounts_to(app, citizen, asked, address, kept_out):
    listed(app, 3, commune="Le Bugue")
    page = citizen.open(f"/signataires{asked}")
    assert page.status == 200
    assert canonical(page) == f"http://localhost{address}"
    assert is_kept_out(page) == kept_out


@pytest.mark.parametrize("path", ["/signataires", "/communes/24067", "/engagements/3"])
def test_the_second_page_is_known_by_the_first(app, citizen, monkeypatch, path):
    monkeypatch.setattr(queries, "PAGE_SIZE", 1)
    for name in ("Anne", "Bruno"):
        listed(app, 3, given_name=name, commune="Le Bugue")
    second = citizen.open(citizen.open(path)["[rel=next].button"]["href"])
    assert len(second.soup.select(".entry")) == 1
    assert canonical(second) == f"http://localhost{path}"


# Robots and sitemaps


def test_robots(citizen):
    response = citizen.client.get("/robots.txt")
    assert response.mimetype == "text/plain"
    rules = RobotFileParser()
    rules.parse(response.text.splitlines())
    assert rules.site_maps() == ["http://localhost/sitemap.xml"]
    for path in ("/", "/signataires", "/communes/24067"):
        assert rules.can_fetch("*", path)
    assert len(response.text.splitlines()) == 4, "no path is named"


def test_the_pages(app, citizen):
    pages = read(citizen, "/sitemap-pages.xml")
    for page in pages:
        assert citizen.client.head(urlsplit(page).path).status_code == 200
    assert len(pages) == len(sitemap.SINGLE) + 10 + len(app.extensions["communes"])


def test_no_public_page_is_forgotten(app, citizen):
    pages = {urlsplit(page).path for page in read(citizen, "/sitemap-pages.xml")}
    alone = [r for r in app.url_map.iter_rules() if r.endpoint.startswith("public.") and not r.arguments]
    for rule in alone:
        response = citizen.client.head(rule.rule)
        if response.mimetype == "text/html" and response.status_code == 200:
            assert rule.rule in pages


def test_they_say_when_they_changed(app, citizen):
    before = clock.now().replace(microsecond=0)
    assert not any(read(citizen, "/sitemap-pages.xml").values())
    listed(app, 3, commune="Le Bugue")
    pages = read(citizen, "/sitemap-pages.xml")
    changed = {page: datetime.fromisoformat(at) for page, at in pages.items() if at}
    assert "http://localhost/communes/24067" in changed
    assert "http://localhost/engagements/1" in changed
    assert "http://localhost/communes/24053" not in changed, "another EPCI"
    for at in [*changed.values(), *map(datetime.fromisoformat, read(citizen, PEOPLE).values())]:
        assert before <= at <= clock.now()


def test_signatories_in_several_sitemaps(app, citizen, monkeypatch):
    monkeypatch.setattr(sitemap, "MAX_URLS", 2)
    codes = [listed(app, 3, given_name=name) for name in ("Anne", "Bruno", "Chloé", "Denis", "Emma")]
    with app.app_context():  # as if their owners had asked
        for code in codes[1:3]:
            db.session.get_one(Entry, codes.index(code) + 1).indexable = False
        db.session.commit()
    sitemaps = [urlsplit(address).path for address in read(citizen, "/sitemap.xml")]
    assert sitemaps == ["/sitemap-pages.xml", *(f"/sitemap-signataires-{n}.xml" for n in (0, 1))]
    found = [page.rpartition("/")[2] for path in sitemaps[1:] for page in read(citizen, path)]
    assert found == [codes[0], *codes[3:]]
    assert citizen.client.get("/sitemap-signataires-2.xml").status_code == 404


def test_nobody_yet(citizen):
    assert list(read(citizen, "/sitemap.xml")) == ["http://localhost/sitemap-pages.xml"]


@pytest.mark.parametrize("span", ["7", "-1", "x", "429496", "99999999999999999999999"])
def test_a_span_that_is_not_there(app, citizen, span):
    listed(app, 3)
    assert citizen.client.get(f"/sitemap-signataires-{span}.xml").status_code == 404


def test_what_is_withdrawn_leaves_at_once(candidate, citizen, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    assert len(read(citizen, PEOPLE)) == 1
    candidate.open("/ma-signature/retirer").submit("main form")
    assert citizen.client.get(PEOPLE).status_code == 404
    assert list(read(citizen, "/sitemap.xml")) == ["http://localhost/sitemap-pages.xml"]


# « Ne pas montrer ma page »


@pytest.fixture
def own(candidate, deliver, mailbox):
    return signed_and_confirmed(candidate, deliver, mailbox)


def page_of(own):
    return own["#certificat a[href^='/signataires/']"]["href"]


def answers(citizen, path):
    return [citizen.client.get(path + more) for more in ("", "/badge.svg", "/image.png")]


def test_a_person_is_shown_unless_they_refuse(own, citizen):
    path = page_of(own)
    for response in answers(citizen, path):
        assert response.status_code == 200
        assert "X-Robots-Tag" not in response.headers
    assert not is_kept_out(citizen.open(path))
    assert list(read(citizen, PEOPLE)) == [f"http://localhost{path}"]


def test_refusing_and_taking_it_back(own, citizen, candidate):
    path = page_of(own)
    assert "restera dans les listes" in own.text("#indexation")
    page = own.submit("#indexation form")
    assert page.url == "/ma-signature"
    assert "Nous leur demandons" in page.text("#indexation")
    for response in answers(citizen, path):
        assert response.status_code == 200
        assert response.headers["X-Robots-Tag"] == "noindex"
        tag = response.headers["ETag"]
        again = citizen.client.get(response.request.path, headers={"If-None-Match": tag})
        assert (again.status_code, again.headers["X-Robots-Tag"]) == (304, "noindex")
    assert is_kept_out(citizen.open(path))
    assert citizen.client.get(PEOPLE).status_code == 404
    assert "Élodie Martin" in citizen.open("/signataires").text()
    assert "Élodie Martin" in citizen.open("/communes/24520").text()

    page = page.submit("#indexation form")
    assert "Ils peuvent montrer" in page.text("#indexation")
    assert not is_kept_out(citizen.open(path))
    assert "X-Robots-Tag" not in citizen.client.get(path).headers
    assert len(read(citizen, PEOPLE)) == 1


def test_it_changes_what_caches_hold(own, citizen):
    path = page_of(own)
    tag = citizen.client.get(path).headers["ETag"]
    own.submit("#indexation form")
    assert citizen.client.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_it_is_dated_once(own, candidate):
    again = candidate.open("/ma-signature")
    for page in (own, again):  # the same button, pressed on two pages
        page.submit("#indexation form")
    held = candidate.open("/ma-signature/donnees.json").response.json
    assert held["moteurs_de_recherche"] is False
    assert [e["quoi"] for e in held["journal"]].count("moteurs de recherche refusés") == 1
    candidate.open("/ma-signature").submit("#indexation form")
    held = candidate.open("/ma-signature/donnees.json").response.json
    assert held["moteurs_de_recherche"] is True
    assert held["journal"][-1]["quoi"] == "moteurs de recherche acceptés"


def test_it_is_their_own_to_say(app, own, citizen):
    token = own["#indexation [name=csrf_token]"]["value"]
    path = "/ma-signature/indexation"
    assert citizen.client.post(path, data={"agreed": "no", "csrf_token": token}).status_code == 400
    candidate = own.visitor.client
    assert candidate.post(path, data={"agreed": "no"}).status_code == 400, "no token"
    for wrong in ({}, {"agreed": "maybe"}):
        assert candidate.post(path, data={**wrong, "csrf_token": token}).status_code == 422
    assert not is_kept_out(Visitor(app).open(page_of(own)))


def test_it_does_not_wait_for_the_end_of_a_silence(own, candidate, citizen, deliver, mailbox, monkeypatch):
    path = page_of(own)
    start = datetime.now(UTC)
    monkeypatch.setattr(clock, "_time", lambda: SILENCE + (datetime.now(UTC) - start))
    come_back(candidate, deliver, mailbox)
    page = change(candidate, 2).submit("#indexation form")
    assert page.url == "/ma-signature"
    shown = citizen.open(path)
    assert is_kept_out(shown)
    assert "3 engagements sur 10" in shown.text(), "what is taken does wait"


def test_new_signatures_are_not_kept_out_by_old_refusals(own, app, deliver, mailbox, citizen):
    own.submit("#indexation form")
    listed(app, 1, given_name="Marc")
    assert len(read(citizen, PEOPLE)) == 1
