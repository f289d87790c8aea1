"""Badge, picture and poster show what is public of a signature, as it stands."""

import io
import subprocess
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import zxingcpp
from bs4 import BeautifulSoup
from PIL import Image
from pypdf import PdfReader

from app.certificates.fonts import BOLD, FALLBACK, TITLE, set_line, set_name
from app.certificates.glyphs import missing_characters
from app.sharing import badge
from app.sharing.badge import draw_badge
from app.sharing.card import Card
from app.sharing.picture import PAPER, draw_picture
from app.sharing.poster import draw_poster
from tests.support.documents import CHARTER
from tests.support.hostile_names import NAMES
from tests.support.journeys import ELODIE, change, sign, signed_and_confirmed

CARD = Card(
    site="Charte ESS Dordogne",
    campaign=CHARTER.campaign.name,
    title=CHARTER.title,
    organisation=CHARTER.organisation,
    commitments=CHARTER.commitments,
    full_name="Zoë Œuvrard-Łukasiewicz",
    role="tête de liste",
    list_name="Le Printemps des communs",
    at="au Bugue",
    taken=frozenset({1, 2, 9}),
    url="https://charte.example/signataires/0123456789abcdef0123",
)
LONG_NAME = "Marie-Françoise-Bernadette-Philomène-Joséphine de la Rochefou " + "Montmorency-" * 5
HARD = [NAMES[kind] for kind in ("5,000 letters", "60 letters", "Vietnamese", "Arabic", "NUL", "zalgo")]
BOARD = (0xDD, 0xE3, 0xDC)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def own(candidate, deliver, mailbox):
    return signed_and_confirmed(candidate, deliver, mailbox)


@pytest.fixture
def kit(own, candidate):
    return candidate.open("/ma-signature/partager")


def code_of(kit):
    return kit[".badge"]["src"].split("/")[2]


@pytest.fixture
def drawing(app):
    """Templates are drawn inside a request."""
    with app.test_request_context():
        yield


def parsed(svg):
    return ET.fromstring(svg)  # noqa: S314  # what we drew ourselves


# The page


def test_page_links_and_pictures(own, kit, citizen):
    assert own["section[aria-labelledby=sharing-title] a"]["href"] == "/ma-signature/partager"
    assert citizen.open(kit["main > .page > p > a[href^=http]"]["href"]).text("h1") == "Élodie Martin"
    for image in kit.soup.select("main img"):
        assert citizen.open(image["src"]).status == 200
        assert "Élodie Martin" in image["alt"]
        assert "3 engagements sur 10" in image["alt"]
    assert not kit.soup.select("main script, main iframe")


def test_words_to_copy_are_read_only_and_lead_to_the_public_page(kit, citizen):
    address = kit["main > .page > p > a[href^=http]"]["href"]
    texts = kit.soup.select("textarea")
    assert len(texts) == 3
    for text in texts:
        assert text.has_attr("readonly")
        assert address in text.get_text()
        assert "3 engagements sur 10" in text.get_text() or text["id"] == "code"
    leaflet = kit.text("#tract")
    assert "Élodie Martin, tête de liste «\u00a0Ensemble pour demain\u00a0», à Sarlat-la-Canéda" in leaflet
    for commitment in CHARTER.commitments:
        assert (commitment.text in leaflet) == (commitment.number in (1, 3, 4))


def test_the_snippet_is_a_link_and_a_picture(kit, citizen):
    snippet = BeautifulSoup(kit["#code"].get_text(), "html.parser")
    (link,) = snippet.find_all(recursive=False)
    (image,) = link.find_all()
    assert (link.name, image.name) == ("a", "img")
    assert image["alt"].startswith("Charte ESS Dordogne, Élodie Martin\N{NO-BREAK SPACE}: ")
    assert urlsplit(link["href"]).netloc == urlsplit(image["src"]).netloc == "localhost"
    assert citizen.open(link["href"]).text("h1") == "Élodie Martin"
    assert citizen.open(image["src"]).response.mimetype == "image/svg+xml"
    assert "Élodie Martin" in image["alt"]
    # Once the picture is empty, these words must not say that the person signed.
    assert "engagements sur" not in image["alt"]
    assert "a signé" not in image["alt"]


def test_a_list_name_is_only_words_in_the_snippet(candidate, deliver, mailbox):
    hostile = '"><script>alert(1)</script></textarea><b>'
    signed_and_confirmed(candidate, deliver, mailbox, list_name=hostile)
    kit = candidate.open("/ma-signature/partager")
    assert not kit.soup.select("main script, main b")
    assert "alert(1)" in kit["#tract"].get_text()


@pytest.mark.parametrize("path", ["/ma-signature/partager", "/ma-signature/affiche.pdf"])
def test_sharing_requires_a_signatory(candidate, citizen, path):
    sign(candidate)
    for visitor in (candidate, citizen):
        assert visitor.open(path).url == "/retrouver"


# Public, or not


def test_pending_signature_has_no_badge_or_picture(app, candidate, citizen):
    sign(candidate)
    with candidate.client.session_transaction() as session:
        code = session["pending"]
    for name in ("badge.svg", "image.png"):
        page = citizen.open(f"/signataires/{code}/{name}")
        assert page.status == 404
        assert "Martin" not in page.response.text


def test_badge_is_gone_once_commitments_are_given_back(kit, candidate, citizen):
    code = code_of(kit)
    page = change(candidate, 1, 3, 4)
    assert "section[aria-labelledby=sharing-title]" not in page
    for path in (f"/signataires/{code}/badge.svg", f"/signataires/{code}/image.png"):
        answer = candidate.open(path)
        assert answer.status == 404, path
        assert "no-store" in answer.response.headers["Cache-Control"]
        assert "Martin" not in answer.response.data.decode(errors="replace")
    for path in ("/ma-signature/partager", "/ma-signature/affiche.pdf"):
        answer = candidate.open(path)
        assert answer.url == "/ma-signature"
        assert "il n’y a rien à partager" in answer.text()


def test_badge_is_gone_once_signature_is_withdrawn(kit, candidate, citizen):
    candidate.open("/ma-signature/retirer").submit("main form")
    for name in ("badge.svg", "image.png"):
        answer = citizen.open(f"/signataires/{code_of(kit)}/{name}")
        assert answer.status == 404
        assert "Martin" not in answer.response.data.decode(errors="replace")
    for path in ("partager", "affiche.pdf", "donnees.json"):
        assert candidate.open(f"/ma-signature/{path}").url == "/retrouver"


def test_empty_badge_is_the_same_for_gone_and_unknown_signatures(kit, candidate, citizen):
    change(candidate, 1, 3, 4)
    gone = citizen.open(f"/signataires/{code_of(kit)}/badge.svg").response
    never = citizen.open("/signataires/0123456789abcdef0123/badge.svg").response
    assert gone.data == never.data
    assert gone.mimetype == "image/svg+xml", "browsers draw what comes with a 404"
    assert "Aucune signature n’est publiée" in parsed(gone.data).findtext(f"{SVG}title")


# The badge


def test_badge_shows_the_current_commitments(kit, candidate, citizen):
    path = f"/signataires/{code_of(kit)}/badge.svg"
    before = parsed(citizen.open(path).response.data)
    assert before.findtext(f"{SVG}title") == "Élodie Martin a signé 3 engagements sur 10"
    assert "Faciliter l’accès au foncier" in before.findtext(f"{SVG}desc")
    change(candidate, 5)
    after = parsed(citizen.open(path).response.data)
    assert after.findtext(f"{SVG}title") == "Élodie Martin a signé 4 engagements sur 10"


@pytest.mark.parametrize("name", ["badge.svg", "image.png"])
@pytest.mark.parametrize("encoding", ["identity", "br"])
def test_conditional_request_answers_304(kit, candidate, citizen, name, encoding):
    path, headers = f"/signataires/{code_of(kit)}/{name}", {"Accept-Encoding": encoding}
    first = citizen.client.get(path, headers=headers)
    assert "Set-Cookie" not in first.headers
    headers["If-None-Match"] = first.headers["ETag"]
    again = citizen.client.get(path, headers=headers)
    assert (again.status_code, again.data) == (304, b"")
    change(candidate, 5)
    assert citizen.client.get(path, headers=headers).status_code == 200


def test_eight_threads_draw_the_same_letters(app):
    names = ["Zoë Œuvrard-Łukasiewicz", "Ґанна Шевченко", "Nguyễn Thị Ễ", "Fjord Bank Glyphs vext Quiz"]

    def draw(name):
        with app.test_request_context():
            card = replace(CARD, full_name=name)
            return draw_badge.__wrapped__(card), draw_picture.__wrapped__(card)

    expected = [draw(name) for name in names]
    for _ in range(5):
        badge._font.cache_clear()
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(draw, names * 4)) == expected * 4


def test_badge_loads_no_other_file(drawing):
    root = parsed(draw_badge(CARD))
    allowed = {"svg", "title", "desc", "g", "path", "rect", "circle"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= allowed
    for element in root.iter():
        for name, value in element.attrib.items():
            assert "href" not in name
            assert not name.startswith("on")
            assert "url(" not in value
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [
        root.find(f"{SVG}title").attrib["id"],
        root.find(f"{SVG}desc").attrib["id"],
    ]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_is_only_shapes_and_words(drawing, name):
    plain = draw_badge(replace(CARD, full_name="Z"))
    root = parsed(draw_badge(replace(CARD, full_name=name)))
    kinds = {element.tag for element in parsed(plain).iter()}
    assert {element.tag for element in root.iter()} <= kinds
    said = root.findtext(f"{SVG}title")
    if name.isascii() and not missing_characters(name):
        assert " ".join(said.split()) == " ".join(f"{name} a signé 3 engagements sur 10".split())


# The picture


def pixels(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def near(colour, other):
    return all(abs(a - b) <= 4 for a, b in zip(colour, other, strict=True))


def test_the_picture_is_as_networks_ask():
    drawn = draw_picture(CARD)
    assert Image.open(io.BytesIO(drawn)).size == (1200, 630)
    assert len(drawn) < 60_000


def test_a_panel_is_pasted_or_bare():
    image = pixels(draw_picture(CARD))
    for number in range(1, 11):
        left = 64 + round((number - 1) * 98 * 10 / 9)
        colours = image.crop((left + 25, 500, left + 67, 570)).getcolors(4000)
        is_bare = all(near(colour, BOARD) for _, colour in colours)
        assert is_bare == (number not in CARD.taken), number


@pytest.mark.parametrize("name", ["Zoé", LONG_NAME, "W" * 60 + " " + "W" * 60, "", *HARD])
def test_a_name_stays_between_the_margins(name):
    image = pixels(draw_picture(replace(CARD, full_name=name, at="à " + "Beauregard-" * 8)))
    paper = tuple(bytes.fromhex(PAPER[1:]))
    for margin in ((0, 0, 60, 614), (1140, 0, 1200, 614), (0, 0, 1200, 40)):
        colours = image.crop(margin).getcolors(2000)
        assert all(near(colour, paper) for _, colour in colours), margin


def test_one_font_sets_a_whole_name():
    assert set_line("Zoé", TITLE, size=20, width=500).font == TITLE
    assert set_line("Zoé Ελένη", TITLE, size=20, width=500).font == FALLBACK
    assert set_line("Zoé Ελένη", BOLD, size=20, width=500).font == FALLBACK


def test_a_name_too_long_for_one_line_has_two():
    assert len(set_name("Zoé Roux", size=40, smallest=20, on_two_lines=32, width=300)) == 1
    first, second = set_name(LONG_NAME, size=40, smallest=20, on_two_lines=32, width=300)
    assert f"{first.text} {second.text}" == LONG_NAME
    assert first.size == second.size


def test_the_public_page_shows_it_to_networks(kit, citizen):
    page = citizen.open(f"/signataires/{code_of(kit)}")
    meta = {
        m.get("property") or m["name"]: m["content"] for m in page.soup.select("meta[property], meta[name]")
    }
    address = f"http://localhost/signataires/{code_of(kit)}"
    assert page["link[rel=canonical]"]["href"] == meta["og:url"] == address
    assert meta["og:title"] == meta["twitter:title"] == "Élodie Martin"
    assert meta["og:locale"] == "fr_FR"
    assert meta["twitter:card"] == "summary_large_image"
    for said in ("description", "og:description", "og:image:alt", "twitter:image:alt"):
        assert "3 engagements sur 10" in meta[said], said
    assert meta["og:image"] == meta["twitter:image"] == f"{address}/image.png"
    drawn = citizen.open(meta["og:image"]).response
    assert drawn.mimetype == "image/png"
    assert pixels(drawn.data).size == (int(meta["og:image:width"]), int(meta["og:image:height"]))
    assert ELODIE["email"] not in str(page.soup)


# The poster


def read(pdf, tmp_path, *command):
    (tmp_path / "affiche.pdf").write_bytes(pdf)
    return subprocess.run([*command], cwd=tmp_path, check=True, capture_output=True, text=True).stdout


def test_the_poster_is_served_as_a_file(kit, candidate):
    answer = candidate.open(kit["a[href$='.pdf']"]["href"]).response
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == "attachment; filename=affiche.pdf"
    assert len(PdfReader(io.BytesIO(answer.data)).pages) == 1


@pytest.mark.poppler
def test_the_poster_says_who_signed_what(drawing, tmp_path):
    text = " ".join(read(draw_poster(CARD), tmp_path, "pdftotext", "affiche.pdf", "-").split())
    for words in (CARD.full_name, "au Bugue", "a signé 3 engagements sur 10", CARD.url, CARD.organisation):
        assert words in text
    for commitment in CARD.commitments:
        assert (commitment.label in text) == (commitment.number in CARD.taken)


@pytest.mark.poppler
def test_the_poster_is_not_a_certificate(drawing, tmp_path):
    pdf = draw_poster(CARD)
    text = read(pdf, tmp_path, "pdftotext", "affiche.pdf", "-")
    for words in ("ertificat", "n°", "Délivré", "Vérifi"):
        assert words not in text
    assert b"/ByteRange" not in pdf
    assert "Affiche" in PdfReader(io.BytesIO(pdf)).metadata.title


@pytest.mark.poppler
@pytest.mark.parametrize("name", ["Zoé", LONG_NAME, "Ґанна Ελένη"])
def test_the_code_leads_to_the_public_page(drawing, tmp_path, name):
    pdf = draw_poster(replace(CARD, full_name=name))
    read(pdf, tmp_path, "pdftoppm", "-r", "100", "-png", "-singlefile", "affiche.pdf", "page")
    with Image.open(tmp_path / "page.png") as page:
        assert [found.text for found in zxingcpp.read_barcodes(page)] == [CARD.url]


@pytest.mark.poppler
def test_only_our_faces_are_on_the_poster(drawing, tmp_path):
    lines = read(draw_poster(CARD), tmp_path, "pdffonts", "affiche.pdf").splitlines()[2:]
    assert {line.split("+")[1].split()[0].partition("-")[0] for line in lines if "+" in line} == {
        "BricolageGrotesque",
        "AtkinsonHyperlegibleNext",
    }


@pytest.mark.parametrize(
    "name",
    ["Zoltán-Xylophène Quertyuiop O’Hostile", "Ґанна Ελένη Quertyuiop O’Hostile", "Wolfgang Amadeus Mozart"],
)
def test_a_name_on_two_lines_leaves_the_poster_one_page(drawing, name):
    draw_poster(replace(CARD, full_name=name, role="colistier·ère", taken=frozenset(range(1, 11))))


@pytest.mark.parametrize("count", range(1, 11))
def test_the_poster_is_one_page(drawing, count):
    """`draw_pdf` refuses two pages, and a frame that does not hold its words."""
    card = replace(CARD, full_name=LONG_NAME, at="à Beauregard-de-Terrasson-et-de-Bassac-sur-Isle")
    for first in (0, 5):
        taken = frozenset((first + index) % 10 + 1 for index in range(count))
        assert len(PdfReader(io.BytesIO(draw_poster(replace(card, taken=taken)))).pages) == 1


@pytest.mark.parametrize(
    "name", ["<b>Zoé</b>", "{{ 7*7 }}", "Zo\x00é", "日本 太郎", '<img src="/etc/passwd">']
)
def test_a_name_is_only_a_name_on_the_poster(drawing, name):
    (page,) = PdfReader(io.BytesIO(draw_poster(replace(CARD, full_name=name)))).pages
    text = page.extract_text()
    if not missing_characters(name):
        assert name in text
