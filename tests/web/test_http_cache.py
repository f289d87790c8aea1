"""Public pages are asked for again each time, and sent again only where they have changed."""

import gzip
from datetime import UTC, datetime

import brotli
import pytest

from app import clock
from tests.support.journeys import change, listed, signed_and_confirmed
from tests.support.visitor import Visitor

BUGUE, SARLAT, BOULAZAC = "/communes/24067", "/communes/24520", "/communes/24053"
FIXED = ["/verifier", "/donnees-personnelles", "/mentions-legales", "/accessibilite", "/robots.txt"]
LISTS = [
    "/signataires", "/territoire", "/engagements/3", "/donnees-ouvertes", BUGUE, "/sitemap.xml",
    "/sitemap-pages.xml",
]  # fmt: skip
OF_A_PERSON = ["/signataires/{code}", "/sitemap-signataires-0.xml"]
#: Made of more than the register: they have a tag of their bytes, and no date.
BY_CONTENT = ["/verifier/certificat-organisation.pem", "/verifier/{number}"]
#: What has its own rules, and where they are tested.
ELSEWHERE = {
    "citizen.badge", "citizen.picture",  # tests/sharing/test_sharing.py
    "citizen.csv_file", "citizen.json_file", "citizen.feed", "citizen.schema",  # test_open_data.py
}  # fmt: skip
#: What a 304 repeats (RFC 9110, 15.4.5), with the headers of every answer.
KEPT = ("ETag", "Cache-Control", "Vary", "Content-Security-Policy")


@pytest.fixture
def code(app, later):
    """Somebody who signed in Le Bugue, long enough ago for a date in seconds to tell."""
    code = listed(app, 3, commune="Le Bugue")
    later(seconds=5)
    return code


@pytest.fixture
def number(candidate, deliver, mailbox):
    page = signed_and_confirmed(candidate, deliver, mailbox).submit("#certificat button[formaction]")
    return page.soup.select(".facts dd")[0].get_text()


def get(visitor, path, **headers):
    return visitor.client.get(
        path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def test_every_public_page_is_in_a_table(app):
    adapter = app.url_map.bind("localhost")
    listed = [path.format(code="x", number="x") for path in [*FIXED, *LISTS, *OF_A_PERSON, *BY_CONTENT]]
    here = {adapter.match(path)[0] for path in listed}
    public = {
        r.endpoint
        for r in app.url_map.iter_rules()
        if r.endpoint.startswith("citizen.") and "GET" in r.methods
    }
    assert public == here | ELSEWHERE


@pytest.mark.parametrize("path", [*FIXED, *LISTS, *OF_A_PERSON])
def test_what_is_known_is_not_sent_again(code, citizen, path):
    path = path.format(code=code)
    first = get(citizen, path)
    assert first.status_code == 200
    assert first.get_etag()[1], "weak: compressed or not, it says the same"
    assert first.headers["Cache-Control"] == "no-cache"
    assert first.last_modified <= datetime.now(UTC)
    for condition in (
        {"If_None_Match": first.headers["ETag"]},
        {"If_None_Match": f'"other", {first.headers["ETag"]}'},
        {"If_Modified_Since": first.headers["Last-Modified"]},
    ):
        again = get(citizen, path, **condition)
        assert again.status_code == 304, condition
        assert again.data == b""
        assert [again.headers.get(name) for name in KEPT] == [first.headers.get(name) for name in KEPT]
        head = citizen.client.head(path, headers={n.replace("_", "-"): v for n, v in condition.items()})
        assert (head.status_code, head.headers["ETag"]) == (304, first.headers["ETag"])
    for condition in (
        {"If_None_Match": 'W/"other"'},
        {"If_Modified_Since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"If_None_Match": 'W/"other"', "If_Modified_Since": first.headers["Last-Modified"]},
    ):
        again = get(citizen, path, **condition)
        assert (again.status_code, again.data) == (200, first.data), condition


@pytest.mark.parametrize("path", BY_CONTENT)
def test_what_the_register_does_not_make(number, citizen, path, later):
    path = path.format(number=number)
    first = get(citizen, path)
    assert (first.status_code, first.get_etag()[1]) == (200, True)
    assert first.headers["Cache-Control"] == "no-cache"
    assert first.last_modified is None
    again = get(citizen, path, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])


def test_a_certificate_is_dated_anew_each_day(number, citizen, later):
    tag = get(citizen, f"/verifier/{number}").headers["ETag"]
    later(days=1)
    assert get(citizen, f"/verifier/{number}", If_None_Match=tag).status_code == 200


def test_a_certificate_that_is_replaced_changes_at_once(number, citizen, candidate):
    tag = get(citizen, f"/verifier/{number}").headers["ETag"]
    change(candidate, 2)
    answer = get(citizen, f"/verifier/{number}", If_None_Match=tag)
    assert answer.status_code == 200
    assert "remplacé" in answer.text


def test_who_signs_somewhere_changes_the_pages_that_say_so(code, app, citizen, later):
    """Elsewhere is another EPCI: by commune, a page would tell where the only signature was taken back."""
    paths = [BUGUE, f"/signataires/{code}", BOULAZAC, *LISTS, *FIXED]
    before = {path: get(citizen, path) for path in paths}
    listed(app, 1, commune="Boulazac Isle Manoire", given_name="Marc")
    later(seconds=10)
    for path, first in before.items():
        by_tag = get(citizen, path, If_None_Match=first.headers["ETag"])
        by_date = get(citizen, path, If_Modified_Since=first.headers["Last-Modified"])
        same = path in (BUGUE, f"/signataires/{code}", *FIXED)
        assert (by_tag.status_code, by_date.status_code) == ((304, 304) if same else (200, 200)), path
        if not same:
            assert by_tag.headers["ETag"] != first.headers["ETag"]
    assert "Marc Martin" in get(citizen, BOULAZAC, If_None_Match=before[BOULAZAC].headers["ETag"]).text


def test_what_is_taken_back_is_gone_at_once(candidate, citizen, deliver, mailbox, later):
    own = signed_and_confirmed(candidate, deliver, mailbox)
    person = own["#certificat a[href^='/signataires/']"]["href"]
    later(seconds=5)
    paths = ["/signataires", "/engagements/3", SARLAT, person]
    known = {path: get(citizen, path).headers for path in paths}
    candidate.open("/ma-signature/retirer").submit("main form")
    for path, headers in known.items():
        for condition in (
            {"If_None_Match": headers["ETag"]},
            {"If_Modified_Since": headers["Last-Modified"]},
        ):
            answer = get(citizen, path, **condition)
            assert answer.status_code == (404 if path == person else 200), path
            assert "Élodie" not in answer.text


def test_a_change_within_the_second_has_no_date(app, citizen, monkeypatch):
    """Last-Modified counts in seconds: it would call the next change of the same second known."""
    at = datetime(2026, 12, 1, 8, tzinfo=UTC)
    monkeypatch.setattr(clock, "_time", lambda: at)
    listed(app, 3, commune="Le Bugue")
    first = get(citizen, BUGUE)
    assert first.last_modified is None
    listed(app, 3, commune="Le Bugue", given_name="Marc")
    assert get(citizen, BUGUE, If_None_Match=first.headers["ETag"]).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/signataires/x",
        "/communes/nulle-part",
        "/engagements/11",
        "/verifier/x",
        "/verifier/2222-2222-2222",
        f"{BUGUE}?apres=x",
        "/signataires?epci=0",
        "/sitemap-signataires-7.xml",
    ],
)
def test_errors_are_never_kept(code, citizen, path):
    response = get(citizen, path)
    assert response.status_code in (404, 422)
    assert "ETag" not in response.headers
    assert "Last-Modified" not in response.headers
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize("path", [*FIXED, *LISTS, *OF_A_PERSON])
def test_one_address_is_one_page_whoever_asks(code, app, citizen, path):
    """htmx cuts its part out by itself: no cache can take a part for the whole."""
    path = path.format(code=code)
    plain = get(citizen, path)
    htmx = get(Visitor(app), path, HX_Request="true", HX_Request_Type="partial", HX_Target="resultats")
    assert htmx.data == plain.data
    assert htmx.headers["ETag"] == plain.headers["ETag"]
    assert htmx.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/signataires", "/donnees-personnelles", "/sitemap-pages.xml"])
def test_compressed_or_not_it_is_the_same(code, citizen, path):
    plain = get(citizen, path)
    read = {"br": brotli.decompress, "gzip": gzip.decompress}
    for encoding, decompress in read.items():
        response = get(citizen, path, Accept_Encoding=encoding)
        assert response.headers["Content-Encoding"] == encoding
        assert decompress(response.data) == plain.data
        assert response.headers["ETag"] == plain.headers["ETag"]
        again = get(citizen, path, Accept_Encoding=encoding, If_None_Match=response.headers["ETag"])
        assert (again.status_code, again.data) == (304, b"")
        assert "Content-Encoding" not in again.headers


def test_each_search_is_a_page_of_its_own(code, citizen):
    paths = [
        "/signataires",
        "/signataires?nom=martin",
        "/signataires?nom=martin&tri=nom",
        "/signataires?nom=x",
    ]
    assert len({get(citizen, path).headers["ETag"] for path in paths}) == len(paths)
