"""The register: who signed, newest first, by commune; and no address anywhere."""

import pytest

from app import register
from tests.journeys import ELODIE, sign, signed_and_confirmed
from tests.visitor import Visitor

PEOPLE = [("Anne", "Le Bugue"), ("Bruno", "Sarlat-la-Canéda"), ("Chloé", "Sarlat-la-Canéda")]


@pytest.fixture
def people(app, deliver, mailbox, later):
    for name, commune in PEOPLE:
        signed_and_confirmed(
            Visitor(app),
            deliver,
            mailbox,
            2,
            5,
            given_name=name,
            commune=commune,
            email=f"{name[0]}@example.org",
        )
        later(minutes=1)


def entries(page):
    return [" ".join(e.get_text().split()) for e in page.soup.select(".entree .nom")]


def test_nobody_yet(citizen):
    page = citizen.open("/signataires")
    assert page.text(".total") == "0 signature confirmée"
    assert "Personne n’a encore signé." in page.text()


def test_newest_first_with_their_commitments(people, citizen):
    page = citizen.open("/signataires")
    assert entries(page) == ["Chloé Martin", "Bruno Martin", "Anne Martin"]
    assert page.text(".total") == "3 signatures confirmées"
    first = page.soup.select(".entree")[0]
    assert "2 engagements sur 10" in first.get_text()
    assert "Organiser un temps fort sur ma collectivité" in first.get_text()
    assert len(first.select(".panneaux .pris")) == 2


def test_unconfirmed_signatures_are_nowhere(candidate, citizen):
    sign(candidate)
    page = citizen.open("/signataires")
    assert page.text(".total") == "0 signature confirmée"
    assert "Élodie" not in page.text()


@pytest.mark.parametrize(
    ("typed", "found"),
    [("le bugue", ["Anne Martin"]), ("SARLAT", ["Chloé Martin", "Bruno Martin"]), ("Agonac", [])],
)
def test_by_commune(people, citizen, typed, found):
    page = citizen.open("/signataires").submit(".recherche", commune=typed)
    assert entries(page) == found
    assert page["#commune"]["value"] == typed


def test_a_commune_to_choose(people, citizen):
    page = citizen.open("/signataires?commune=24200")
    links = page.soup.select(".communes a")
    assert len(links) > 1
    (sarlat,) = [a["href"] for a in links if "Sarlat" in a.get_text()]
    assert len(entries(citizen.open(sarlat))) == 2


def test_an_unknown_commune(citizen):
    page = citizen.open("/signataires?commune=Nulle-Part-sur-Rien")
    assert page.status == 200, "a search that finds nothing is a search: htmx shows what it says"
    assert "Aucune commune" in page.text()
    assert page["#commune"]["value"] == "Nulle-Part-sur-Rien"


def test_pages_follow_one_another(people, citizen, monkeypatch):
    monkeypatch.setattr(register, "PAGE_SIZE", 2)
    first = citizen.open("/signataires")
    second = citizen.open(first["[rel=next]"]["href"])
    assert entries(first) + entries(second) == ["Chloé Martin", "Bruno Martin", "Anne Martin"]
    assert "[rel=next]" not in second


def test_no_address_anywhere(candidate, citizen, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    listed = citizen.open("/signataires")
    for page in (listed, citizen.open(listed[".entree .nom a"]["href"])):
        assert "Élodie Martin" in page.text()
        assert ELODIE["email"] not in page.response.text
        assert ELODIE["email"].partition("@")[0] not in page.response.text


def test_reading_sets_no_cookie(people, citizen):
    listed = citizen.open("/signataires")
    for path in ("/signataires", listed.soup.select(".entree .nom a")[0]["href"], "/verifier/AAAA-AAAA-AAAA",
                 "/donnees-personnelles", "/mentions-legales", "/accessibilite", "/nulle-part"):  # fmt: skip
        response = citizen.client.get(path)
        assert "Set-Cookie" not in response.headers, path
        assert "Cookie" not in response.vary, path


def test_a_public_page(people, citizen):
    listed = citizen.open("/signataires")
    page = citizen.open(listed.soup.select(".entree .nom a")[2]["href"])
    assert page.text("h1") == "Anne Martin"
    assert "au Bugue" in page.text()
    assert len(page.soup.select(".recap li")) == 2
