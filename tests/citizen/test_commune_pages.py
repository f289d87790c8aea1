"""A page for each commune and each commitment: who signed, what was taken, and how to ask for more."""

from urllib.parse import parse_qs, urlsplit

import pytest

from app.register import queries
from tests.support.entries import entries
from tests.support.journeys import listed
from tests.support.visitor import check_typography

BOULAZAC = "/communes/24053"
BUGUE = "/communes/24067"


@pytest.fixture
def three(app, later):
    """Two in one commune, one elsewhere, a minute apart."""
    listed(app, 1, 3, given_name="Anne", commune="Boulazac Isle Manoire")
    later(minutes=1)
    listed(app, 3, given_name="Bruno", commune="Boulazac Isle Manoire")
    later(minutes=2)
    listed(app, 2, 3, given_name="Chloé", commune="Sarlat-la-Canéda")


def counts(page):
    return [int(line.get_text().split()[0]) for line in page.soup.select(".commitment-counts .meta")]


def test_every_commune_has_its_page(app, citizen):
    for commune in app.extensions["communes"]:
        response = citizen.client.get(f"/communes/{commune.insee}")
        assert response.status_code == 200, commune
        assert f"<h1>{commune.name}</h1>" in response.text
        assert f"Personne n’a encore signé {commune.at}." in response.text


def test_what_a_commune_says_of_itself(three, citizen):
    page = citizen.open(BOULAZAC)
    assert page.title.startswith("Boulazac Isle Manoire\N{NO-BREAK SPACE}: les signataires")
    assert page.text(".total") == "2 signatures confirmées à Boulazac Isle Manoire"
    links = {a.get_text(): a["href"] for a in page.soup.select(".facts a")}
    assert links == {
        "CA Le Grand Périgueux": "/signataires?epci=200040392",
        "Périgueux": "/signataires?arrondissement=243",
    }
    for href in links.values():
        assert entries(citizen.open(href)) == ["Bruno Martin", "Anne Martin"]
    assert "Atur, Boulazac, Saint-Laurent-sur-Manoire, Sainte-Marie-de-Chignac" in page.text(".facts")
    assert entries(page) == ["Bruno Martin", "Anne Martin"]


def test_counts_are_in_the_order_of_the_charter(three, citizen):
    page = citizen.open(BOULAZAC)
    assert counts(page) == [1, 0, 2, 0, 0, 0, 0, 0, 0, 0]
    links = [a["href"] for a in page.soup.select(".commitment-counts a")]
    assert links == [f"/engagements/{n}" for n in range(1, 11)]
    assert "2 signataires" in page.soup.select(".commitment-counts li")[2].get_text()
    assert page.soup.select(".commitment-counts li")[0].get_text().endswith("1 signataire")
    assert len(page.soup.select(".commitment-counts .is-taken")) == 2


def test_one_signature_is_one(app, citizen):
    listed(app, 1, commune="Le Bugue")
    assert citizen.open(BUGUE).text(".total") == "1 signature confirmée au Bugue"


@pytest.mark.parametrize("path", [BOULAZAC, "/engagements/3"])
def test_pages_follow_one_another(three, citizen, monkeypatch, path):
    monkeypatch.setattr(queries, "PAGE_SIZE", 1)
    first = citizen.open(path)
    second = citizen.open(first["[rel=next].button"]["href"])
    assert entries(second) != entries(first)
    assert second.url == path
    back = citizen.open(second["[rel=prev].button"]["href"])
    assert entries(back) == entries(first)
    assert citizen.open(f"{path}?apres=nowhere").status == 404


def test_the_second_page_goes_on_with_people(three, citizen, monkeypatch):
    monkeypatch.setattr(queries, "PAGE_SIZE", 1)
    second = citizen.open(citizen.open(BOULAZAC)["[rel=next]"]["href"])
    for once in (".facts", ".commitment-counts", "#question"):
        assert once not in second


@pytest.mark.parametrize(
    ("insee", "at", "of"),
    [
        ("24067", "au Bugue", "du Bugue"),
        ("24172", "aux Eyzies", "des Eyzies"),
        ("24002", "à Agonac", "d’Agonac"),
    ],
)
def test_how_to_ask(citizen, insee, at, of):
    page = citizen.open(f"/communes/{insee}")
    assert page.text(".total") == f"Personne n’a encore signé {at}."
    assert f"élues et élus {of}" in page.text()
    question = page["#question"]
    assert question.has_attr("readonly")
    words = question.get_text()
    check_typography(words.replace("://", ""))
    assert "http://localhost/\n" in words
    assert f"http://localhost/communes/{insee}\n" in words
    assert f"Lesquels prendrez-vous {at}" in words
    assert page.soup.select("main a[href='/']")


def test_the_letter_says_the_same_to_nobody_yet(citizen):
    page = citizen.open(BUGUE)
    href = page["main a[href^=mailto]"]["href"]
    assert href.isascii()
    assert " " not in href
    assert len(href) < 2000, "some mail programs cut it there"
    link = urlsplit(href)
    assert link.path == ""
    fields = parse_qs(link.query, strict_parsing=True)
    assert fields.keys() == {"subject", "body"}
    assert "et au Bugue\N{NARROW NO-BREAK SPACE}?" in fields["subject"][0]
    assert fields["body"][0].splitlines() == page["#question"].get_text().splitlines()
    assert "\r\n" in fields["body"][0]
    assert "\n" not in fields["subject"][0]


@pytest.mark.parametrize(
    ("name", "insee"),
    [
        ("Sainte-Alvère", "24362"),
        ("ste alvere", "24362"),
        ("Le%20Bugue", "24067"),
        ("LE-BUGUE", "24067"),
        ("Eyliac", "24026"),
    ],
)
def test_a_name_leads_to_its_commune(citizen, name, insee):
    response = citizen.client.get(f"/communes/{name}")
    assert (response.status_code, response.headers["Location"]) == (301, f"/communes/{insee}")


@pytest.mark.parametrize("typed", ["Sarl", "24600", "24650", "Boulazac Isl", "sarlot la caneda"])
def test_what_is_no_name_offers_the_closest(citizen, typed):
    page = citizen.open(f"/communes/{typed}")
    assert page.status == 404
    links = page.soup.select(".communes a")
    assert 0 < len(links) <= 25
    assert citizen.open(links[0]["href"]).status == 200


def test_two_communes_that_share_a_name_are_offered(app, citizen):
    """None do here; elsewhere they do."""
    communes = app.extensions["communes"]
    bugue, agonac = communes.get("24067"), communes.get("24002")
    communes._by_key["beaulieu"] = [bugue, agonac]
    page = citizen.open("/communes/Beaulieu")
    assert page.status == 404
    assert [a.get_text() for a in page.soup.select(".communes a")] == ["Le Bugue", "Agonac"]


@pytest.mark.parametrize(
    "typed",
    [
        "99999",
        "%0d%0aX-Evil:%201",
        "a" * 5000,
        "%F0%9F%8C%BB",
        "%ff",
        "%3Cscript%3E",
        "-",
        "..%5c",
        "%25",
    ],
)
def test_odd_names_are_not_found(citizen, typed):
    response = citizen.client.get(f"/communes/{typed}")
    assert response.status_code == 404
    assert "X-Evil" not in response.headers
    assert "<script>" not in response.text
    assert "Commune introuvable" in response.text


def test_a_nul_is_no_part_of_an_address(citizen):
    response = citizen.client.get("/communes/%00")
    assert response.status_code == 404
    assert "Page introuvable" in response.text


def test_a_commitment_in_full(app, three, citizen):
    for commitment in app.extensions["charter"].commitments:
        page = citizen.open(f"/engagements/{commitment.number}")
        assert page.text("h1") == f"Engagement {commitment.number}"
        assert page.text(".statement") == commitment.text
        assert commitment.label in page.title
        assert page[".commitment-detail use"]["href"] == f"#poster-{commitment.number}"
        assert page.soup.select(f"main a[href='/#engagement-{commitment.number}']")
    assert citizen.open("/engagements/11").status == citizen.open("/engagements/0").status == 404


def test_who_took_it_and_of_how_many(three, citizen):
    page = citizen.open("/engagements/1")
    assert page.text(".total") == "1 signataire sur 3 a pris cet engagement"
    assert entries(page) == ["Anne Martin"]
    page = citizen.open("/engagements/3")
    assert page.text(".total") == "3 signataires sur 3 ont pris cet engagement"
    assert entries(page) == ["Chloé Martin", "Bruno Martin", "Anne Martin"]
    assert entries(citizen.open(page["main a[href='/signataires?engagement=3']"]["href"])) == entries(page)
    page = citizen.open("/engagements/7")
    assert page.text(".total") == "Personne n’a encore pris cet engagement."


@pytest.mark.parametrize(
    ("number", "beside"),
    [(1, {"next": "/engagements/2"}), (10, {"prev": "/engagements/9"}),
     (5, {"prev": "/engagements/4", "next": "/engagements/6"})],
)  # fmt: skip
def test_one_commitment_leads_to_the_next(citizen, number, beside):
    page = citizen.open(f"/engagements/{number}")
    assert {a["rel"][0]: a["href"] for a in page.soup.select(".neighbours a")} == beside


def test_the_same_address_takes_and_shows(candidate):
    page = candidate.open("/").submit("#prendre-1")
    assert page.url == "/"
    assert candidate.client.head("/engagements/1").status_code == 200
    assert candidate.client.get("/engagements/1").headers.get("Set-Cookie") is None


def test_a_person_leads_to_their_commune_and_commitments(app, citizen):
    code = listed(app, 2, 5, commune="Le Bugue")
    page = citizen.open(f"/signataires/{code}")
    links = [a["href"] for a in page.soup.select("main a")]
    assert links == [BUGUE, "/engagements/2", "/engagements/5", "/signataires"]
    assert page.text(".role a") == "au Bugue"


def test_a_commune_that_left_the_file_is_a_name_without_a_page(app, citizen):
    code = listed(app, 2, commune="Le Bugue")
    del app.extensions["communes"]._by_insee["24067"]
    page = citizen.open(f"/signataires/{code}")
    assert ", à 24067" in page.text(".role")
    assert ".role a" not in page
    assert ".entry .role a" not in citizen.open("/signataires")


def test_a_person_is_told_to_programs_too(app, citizen):
    page = citizen.open(f"/signataires/{listed(app, 2)}")
    person = page["[itemscope]"]
    assert person["itemtype"] == "https://schema.org/Person"
    said = {e["itemprop"]: " ".join(e.get_text().split()) for e in person.select("[itemprop]")}
    assert said == {"name": "Élodie Martin", "givenName": "Élodie", "familyName": "Martin"}
    assert "script" not in page
    assert page["meta[property='og:description']"]["content"] == page["meta[name=description]"]["content"]
    assert page["meta[name='twitter:description']"]["content"] == page["meta[name=description]"]["content"]
