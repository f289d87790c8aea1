"""The register: who signed, newest first, by commune; and no address anywhere."""

import pytest
from sqlalchemy import select

from app.extensions import communes, db
from app.models import Pledge, Role, Signature
from app.signatures import rules
from app.text import fold
from tests.support.crowd import START, app_on, fill, person
from tests.support.database import counted
from tests.support.entries import entries
from tests.support.journeys import ELODIE, listed, sign, signed_and_confirmed
from tests.support.visitor import Visitor

PLACES = ("24520", "24067")  # Sarlat-la-Canéda, Le Bugue
PEOPLE = [("Anne", "Le Bugue"), ("Bruno", "Sarlat-la-Canéda"), ("Chloé", "Sarlat-la-Canéda")]


@pytest.fixture
def people(app, later):
    for name, commune in PEOPLE:
        listed(app, 2, 5, given_name=name, commune=commune, email=f"{name[0]}@example.org")
        later(minutes=1)


@pytest.fixture(scope="module")
def crowded(module_database):
    """An application on a register of many, which the tests of this file only read."""
    app = app_on(module_database)
    with app.app_context():
        db.create_all()
        fill(app, 300)
        db.session.add_all(person(300 + i, commune=insee) for i, insee in enumerate(PLACES * 20))
        db.session.commit()
        engine = db.engine
    yield app
    engine.dispose()


def test_nobody_yet(citizen):
    page = citizen.open("/signataires")
    assert page.text(".total") == "0 signature confirmée"
    assert "Personne n’a encore signé." in page.text()


def test_newest_first_with_their_commitments(people, citizen):
    page = citizen.open("/signataires")
    assert entries(page) == ["Chloé Martin", "Bruno Martin", "Anne Martin"]
    assert page.text(".total") == "3 signatures confirmées"
    first = page.soup.select(".entry")[0]
    assert "2 engagements sur 10" in first.get_text()
    assert "Organiser un temps fort sur ma collectivité" in first.get_text()
    assert len(first.select(".panels .is-taken")) == 2


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
    page = citizen.open("/signataires").submit(".search", commune=typed)
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


def codes(page):
    return [a["href"].rpartition("/")[2] for a in page.soup.select(".entry .name a")]


def walk(citizen, path, direction="next"):
    """Follow a list to its end, and return its pages."""
    pages = [citizen.open(path)]
    while f"[rel={direction}]" in pages[-1]:
        pages.append(citizen.open(pages[-1][f"[rel={direction}]"]["href"]))
    return pages


def all_of(citizen, path):
    return [code for page in walk(citizen, path) for code in codes(page)]


def test_pages_follow_one_another_and_lead_back(app, citizen):
    everybody = fill(app, 60)
    pages = walk(citizen, "/signataires")
    assert [len(codes(page)) for page in pages] == [25, 25, 10]
    assert sum(map(codes, pages), []) == everybody
    assert pages[0].text(".total") == "60 signatures confirmées"
    back = walk(citizen, pages[-1]["[rel=prev]"]["href"], "prev")
    assert [codes(page) for page in back] == [everybody[25:50], everybody[:25]]
    assert "[rel=prev]" not in pages[0]
    assert "[rel=next]" not in pages[-1]


def test_pages_stay_where_they_are_while_people_sign_and_leave(app, citizen):
    everybody = fill(app, 60)
    first = citizen.open("/signataires")
    with app.app_context():
        db.session.add_all(person(i) for i in range(100, 110))
        last = db.session.scalars(select(Signature).where(Signature.code == everybody[24])).one()
        rules.withdraw(last, START)  # the very one that the link was made from
        db.session.commit()
    assert codes(citizen.open(first["[rel=next]"]["href"])) == everybody[25:50]


def test_by_name_is_alphabetical(app, citizen):
    fill(app, 60)
    with app.app_context():
        rows = db.session.scalars(select(Signature))
        wanted = sorted((fold(f"{s.family_name} {s.given_name}"), s.code) for s in rows)
    assert all_of(citizen, "/signataires?tri=nom") == [code for _, code in wanted]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("epci=200040392", lambda s, c: c.epci.code == "200040392"),
        ("arrondissement=242", lambda s, c: c.district.code == "242"),
        ("engagement=3", lambda s, c: 3 in s.pledges),
        ("qualite=elu", lambda s, c: s.role is Role.ELECTED),
        ("qualite=colistier", lambda s, c: s.role is Role.LIST_MEMBER),
        ("qualite=candidat", lambda s, c: s.role is not Role.ELECTED),
        ("nom=martin", lambda s, c: s.family_name == "Martin"),
        ("nom=MARIE", lambda s, c: "Marie" in s.full_name),
        ("nom=roche", lambda s, c: "Roche" in s.family_name),
        ("nom=jean-pierre+dupont", lambda s, c: s.full_name.startswith("Jean-Pierre Dupont")),
        ("nom=dupont+de+la+roche+jean", lambda s, c: s.full_name.startswith("Jean-Pierre Dupont")),
        ("nom=elo", lambda s, c: s.given_name == "Élodie"),
        ("nom=jean+martin", lambda s, c: s.full_name == "Jean-Pierre Martin"),
        ("nom=roche+marie", lambda s, c: s.full_name == "Marie Dupont de La Roche"),
        ("nom=marie+de+la+roche", lambda s, c: s.full_name == "Marie Dupont de La Roche"),
        ("nom=goff+karim", lambda s, c: s.full_name == "Karim Le Goff"),
        ("nom=karim+goff+luc", lambda s, c: False),
        ("nom=lukasi", lambda s, c: s.family_name == "Łukasiewicz"),
        ("nom=ndiaye", lambda s, c: False),
        ("nom=n%27diaye", lambda s, c: s.family_name == "N’Diaye"),
        ("nom=ma&arrondissement=243&qualite=candidat&engagement=2", lambda s, c: (
            any(word.startswith("ma") for word in fold(s.full_name).split())
            and c.district.code == "243" and s.role is not Role.ELECTED and 2 in s.pledges
        )),
        ("nom=le&epci=200040392", lambda s, c: s.family_name == "Le Goff" and c.epci.code == "200040392"),
        ("commune=Sarlat&engagement=1&tri=nom", lambda s, c: c.insee == "24520" and 1 in s.pledges),
    ],
)  # fmt: skip
def test_every_filter_finds_all_and_no_more(crowded, asked, wanted):
    citizen = Visitor(crowded)
    with crowded.app_context():
        rows = db.session.scalars(select(Signature)).all()
        expected = {s.code for s in rows if wanted(s, communes.get_or_placeholder(s.commune))}
    found = all_of(citizen, f"/signataires?{asked}")
    assert len(found) == len(set(found)), "nobody twice"
    assert set(found) == expected
    if "nom=" not in asked:
        assert citizen.open(f"/signataires?{asked}").text(".total strong") == str(len(expected))


def test_a_name_is_found_by_what_has_been_taken_since(app, citizen):
    code, *_ = fill(app, 30, given_name="Anne", family_name="Le Goff")
    asked = "/signataires?nom=goff&engagement="
    with app.app_context():
        signature = db.session.scalars(select(Signature).where(Signature.code == code)).one()
        number = next(n for n in range(1, 11) if n not in signature.pledges)
        assert code not in all_of(citizen, f"{asked}{number}")
        signature.pledges[number] = Pledge(number=number, taken_at=START)
        signature.touched_at = START
        db.session.commit()
    assert code in all_of(citizen, f"{asked}{number}")


def test_a_page_costs_four_queries_at_most(app, citizen):
    fill(app, 60)
    for path in ("/signataires", "/signataires?engagement=3&epci=200040392",
                 "/signataires?nom=martin&commune=Sarlat", "/communes/24520", "/engagements/3"):  # fmt: skip
        with counted(app) as statements:
            citizen.open(path)
        assert len(statements) <= 4, (path, statements)


@pytest.mark.parametrize(
    "wrong",
    ["epci=1", "arrondissement=9", "engagement=11", "engagement=x", "qualite=maire", "tri=engagements",
     "apres=x", "apres=WyJ4IiwieSJd", "avant=%FF", "apres=W10", "tri=nom&apres=e30", "apres=NQ",
     "avant=bnVsbA",
     "apres=" + "W1tb" * 2000,
     "apres=WyIyMDI2LTAxLTA1VDA5OjAwOjAwIiwieiJd", "tri=nom&apres=WyIyMDI2LTAxLTA1VDA5OjAwOjAwWiIsInoiXQ",
     "apres=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzIzOjU5IiwieiJd"],
)  # fmt: skip
def test_an_address_that_asks_for_what_is_not_there(people, citizen, wrong):
    page = citizen.open(f"/signataires?{wrong}")
    assert page.status == 404
    assert "Martin" not in page.text()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("nom=%21%21", "au moins une lettre"),
        ("commune=saint", "Trop de communes"),
        ("commune=%3F", "Aucune commune"),
    ],
)
def test_what_cannot_be_searched_is_said(people, citizen, typed, said):
    page = citizen.open(f"/signataires?{typed}")
    assert page.status == 200
    assert said in page.text(".total")
    assert entries(page) == []


def test_what_was_typed_is_given_back(people, citizen):
    page = citizen.open("/signataires?nom=Mart&commune=Sarlat&qualite=candidat&engagement=2&tri=nom")
    assert page["#nom"]["value"] == "Mart"
    assert page["#commune"]["value"] == "Sarlat"
    chosen = {
        select["name"]: select.select("[selected]")[0]["value"] for select in page.soup.select("select")
    }
    assert chosen == {
        "epci": "",
        "arrondissement": "",
        "qualite": "candidat",
        "engagement": "2",
        "tri": "nom",
    }
    assert page["details"].has_attr("open")


def test_the_address_is_kept_short(people, citizen):
    response = citizen.client.get("/signataires?nom=mart&commune=&epci=&arrondissement=&qualite=&tri=")
    assert response.headers["HX-Replace-Url"] == "/signataires?nom=mart"


def test_no_address_anywhere(candidate, citizen, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    listed = citizen.open("/signataires")
    for page in (listed, citizen.open(listed[".entry .name a"]["href"])):
        assert "Élodie Martin" in page.text()
        assert ELODIE["email"] not in page.response.text
        assert ELODIE["email"].partition("@")[0] not in page.response.text


def test_reading_sets_no_cookie(people, citizen):
    listed = citizen.open("/signataires")
    for path in ("/signataires", listed.soup.select(".entry .name a")[0]["href"], "/verifier/AAAA-AAAA-AAAA",
                 "/donnees-personnelles", "/mentions-legales", "/accessibilite", "/nulle-part"):  # fmt: skip
        response = citizen.client.get(path)
        assert "Set-Cookie" not in response.headers, path
        assert "Cookie" not in response.vary, path


def test_a_public_page(people, citizen):
    listed = citizen.open("/signataires")
    page = citizen.open(listed.soup.select(".entry .name a")[2]["href"])
    assert page.text("h1") == "Anne Martin"
    assert "au Bugue" in page.text()
    assert len(page.soup.select(".commitment-list li")) == 2
