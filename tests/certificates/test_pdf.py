"""The certificate and the blank charter, read back from their PDF."""

import re
import subprocess
import sys
import tempfile
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import zxingcpp
from flask import current_app, render_template_string
from fontTools.ttLib import TTFont
from PIL import Image
from pypdf import PdfReader

from app.certificates import fast_pdf, pdf
from app.certificates.exceptions import CertificateError
from app.certificates.fast_pdf import draw_certificate
from app.certificates.glyphs import COVERAGE, missing_characters
from app.certificates.pdf import ASSETS, certificate_values
from app.french import long_date
from app.text import clean_line
from tests.support.documents import (
    ALL,
    CHARTER,
    LONG_COMMUNE,
    LONG_LIST,
    LONG_NAME,
    ROOT,
    SITE,
    SNAPSHOT,
    poppler,
)
from tests.support.statements import watched

pytestmark = pytest.mark.usefixtures("context")
draw_charter = pdf.draw_charter.__wrapped__  # without its cache


@pytest.fixture
def words(written):
    """Read the words of a document, one cell after the other, with single spaces."""
    return lambda pdf: " ".join(poppler("pdftotext", "-raw", written(pdf), "-").split())


@pytest.fixture
def pages(written):
    """Count the pages of a document."""
    return lambda pdf: int(poppler("pdfinfo", written(pdf)).partition("Pages:")[2].split()[0])


@pytest.fixture
def code(written, tmp_path):
    """Read the QR code on the printed page."""

    def decode(pdf):
        poppler("pdftoppm", "-r", "100", "-png", "-singlefile", written(pdf), tmp_path / "page")
        with Image.open(tmp_path / "page.png") as page:
            return [found.text for found in zxingcpp.read_barcodes(page)]

    return decode


# What the certificate says


@pytest.mark.poppler
def test_certificate_says_who_signed_what_and_when(written):
    text = poppler("pdftotext", "-layout", written(draw_certificate(SNAPSHOT)), "-")
    text = " ".join(text.split())
    for words in (
        "Élections municipales 2026",
        "Certificat d’engagement",
        CHARTER.title,
        "Zoë Œuvrard-Łukasiewicz",
        "tête de liste « Le Printemps des communs » au Bugue",
        "a signé 3 engagements sur 10",
        "Certificat n° 7K4M-92XQ-PTB3",
        "Délivré le 2 mars 2026",
        SNAPSHOT.url,
    ):
        assert words in text
    for day in SNAPSHOT.taken.values():
        assert text.count(long_date(day).replace("\u00a0", " ")) == 1
    assert text.count("non pris") == 7


@pytest.mark.poppler
@pytest.mark.parametrize("list_name", ["W" * 39, *(("mot " * count).strip() for count in range(11, 20))])
def test_quotes_and_prepositions_stay_with_their_word(written, list_name):
    snapshot = replace(SNAPSHOT, list_name=list_name, commune="Eyzies", at="aux Eyzies")
    text = poppler("pdftotext", "-raw", written(draw_certificate(snapshot)), "-")
    assert "aux Eyzies" in text
    for line in text.splitlines():
        assert not line.endswith(("«", "aux"))
        assert not line.startswith("»")


@pytest.mark.poppler
def test_narrow_no_break_spaces_never_break_a_line(written):
    # each commitment is a little longer: one of them reaches the end of its line with its « ! »
    commitments = tuple(
        replace(c, label="a", text=f"{'a ' * (45 + c.number)}oui\u202f!") for c in CHARTER.commitments
    )
    text = poppler(
        "pdftotext", "-raw", written(draw_charter(replace(CHARTER, commitments=commitments), SITE)), "-"
    )
    assert text.replace("\u00a0", " ").count("oui !") == len(commitments)


@pytest.mark.poppler
@pytest.mark.parametrize("taken", [ALL, {4: date(2026, 3, 1)}], ids=["ten", "one"])
def test_each_commitment_is_printed_once_to_the_letter(words, taken):
    text = words(draw_certificate(replace(SNAPSHOT, taken=taken)))
    for commitment in CHARTER.commitments:
        assert text.count(commitment.text) == 1
    assert [int(day) for day in re.findall(r"pris le (\d+)", text)] == [day.day for day in taken.values()]


@pytest.mark.poppler
def test_signature_without_a_list(words):
    snapshot = replace(SNAPSHOT, list_name=None, role="élu·e", taken={4: date(2026, 3, 1)})
    text = words(draw_certificate(snapshot))
    assert "élu·e au Bugue a signé 1 engagement sur 10" in text
    assert "«" not in text


@pytest.mark.poppler
def test_a_member_of_a_list_is_not_said_to_lead_it(words):
    text = words(draw_certificate(replace(SNAPSHOT, role="colistier·ère")))
    assert "colistier·ère, liste « Le Printemps des communs » au Bugue" in text


def test_document_has_title_author_and_subject(written):
    properties = dict(PdfReader(written(draw_certificate(SNAPSHOT))).metadata)
    assert properties["/Title"] == "Certificat d’engagement n° 7K4M-92XQ-PTB3"
    assert properties["/Author"] == CHARTER.organisation
    assert properties["/Subject"] == CHARTER.title


# The blank charter


@pytest.mark.poppler
def test_charter_has_its_whole_text(words):
    text = words(draw_charter(CHARTER, SITE))
    contacts = [f"{contact.name}, {contact.email}" for contact in CHARTER.contacts]
    commitments = [commitment.text for commitment in CHARTER.commitments]
    for part in (CHARTER.title, CHARTER.introduction, CHARTER.preamble, CHARTER.purpose, SITE):
        assert part.replace("\u00a0", " ") in text
    for part in (*commitments, *contacts):
        assert text.count(part) == 1
    for label in ("Prénom et nom", "Qualité", "Commune", "Liste", "Date", "Signature"):
        assert label in text


@pytest.mark.poppler
def test_the_title_of_the_charter_breaks_before_pour(written):
    lines = poppler("pdftotext", "-raw", written(draw_charter(CHARTER, SITE)), "-").splitlines()
    assert "Charte d’engagement" in lines
    assert "pour l’économie sociale et solidaire" in [line.replace("\u00a0", " ") for line in lines]


# Both, as objects


BOTH = pytest.mark.parametrize(
    ("draw", "url"),
    [
        pytest.param(lambda: draw_certificate(SNAPSHOT), SNAPSHOT.url, id="certificate"),
        pytest.param(lambda: draw_charter(CHARTER, SITE), SITE, id="charter"),
    ],
)


@pytest.mark.poppler
@BOTH
def test_one_page_with_its_code(pages, code, draw, url):
    pdf = draw()
    assert pages(pdf) == 1
    assert code(pdf) == [url]


@BOTH
def test_documents_are_in_french(written, draw, url):
    assert PdfReader(written(draw())).root_object["/Lang"] == "fr"


@pytest.mark.poppler
@BOTH
def test_only_our_fonts_are_embedded(written, draw, url):
    listed = poppler("pdffonts", written(draw())).splitlines()[2:]
    embedded = {line.split()[0].partition("+")[2] for line in listed if line.split()[-5] == "yes"}
    assert embedded == {
        "BricolageGrotesque-48ptExtraBold",
        "AtkinsonHyperlegibleNext-Regular",
        "AtkinsonHyperlegibleNext-Bold",
    }


@pytest.mark.parametrize("name", ["Zoë Łukasiewicz", "Ελένη Ґанок"])
def test_every_word_is_drawn_in_an_embedded_font(written, name):
    # reportlab names Helvetica on every page, and draws nothing with it
    used = []

    def note(text, _matrix, _text_matrix, font, _size):
        if text.strip():
            used.append(font)

    (page,) = PdfReader(written(draw_certificate(replace(SNAPSHOT, full_name=name)))).pages
    page.extract_text(visitor_text=note)
    assert len(used) > 40
    assert all("/FontFile2" in font["/FontDescriptor"] for font in used)


# Hostile and long names


HOSTILE = {
    "markup": "<b>Zoé</b> &amp; <style>p{color:red}</style>",
    "template": "{{7*7}} {% include 'x' %}",
    "file": '<img src="file:///etc/passwd">',
    "remote": '<img src="https://charte.example/x.png">',
    "page break": "<pdf:nextpage/> </table>",
    "right to left": clean_line("\u202eénotnA"),
    "zalgo": clean_line("Z\u0335\u0321\u0322\u0300o\u0301\u0302\u0303é"),
    "long": LONG_NAME,
    "long without a space": "W" * 120,
}


@pytest.mark.poppler
@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_name_is_only_a_name(words, pages, boxes, name):
    pdf = draw_certificate(
        replace(SNAPSHOT, full_name=name, list_name=name[:80], commune=name[:45], at=f"à {name[:45]}")
    )
    text = words(pdf)
    assert pages(pdf) == 1
    shown = unicodedata.normalize("NFC", text).replace(" ", "")
    assert name.replace(" ", "") in shown
    assert_inside_the_sheet(boxes(pdf))


@pytest.mark.poppler
@pytest.mark.parametrize("taken", [ALL, {4: date(2026, 3, 1)}], ids=["ten", "one"])
@pytest.mark.parametrize(
    "list_name", [None, LONG_LIST, f"{'W' * 40} {'W' * 39}"], ids=["none", "long", "wide"]
)
@pytest.mark.parametrize(
    "name", ["Jo Lé", LONG_NAME, f"{'W' * 60} {'W' * 60}"], ids=["short", "long", "wide"]
)
def test_longest_texts_fit_on_the_page(pages, boxes, taken, list_name, name):
    snapshot = replace(
        SNAPSHOT,
        full_name=name,
        list_name=list_name,
        commune=LONG_COMMUNE,
        at=f"à {LONG_COMMUNE}",
        taken=taken,
    )
    pdf = draw_certificate(snapshot)
    assert pages(pdf) == 1
    assert_inside_the_sheet(boxes(pdf))


def assert_inside_the_sheet(boxes):
    millimetres = 72 / 25.4
    assert len(boxes) > 100
    assert min(left for left, *_ in boxes) > 15 * millimetres
    assert max(right for _, _, right, _ in boxes) < 195 * millimetres
    assert max(bottom for *_, bottom in boxes) < 282 * millimetres


@pytest.mark.poppler
@pytest.mark.parametrize("name", ["Ελένη Παπαδοπούλου", "Ґанна Шевченко", "Nguyễn Thị ỄŸ", "Œdipe Łoś"])
def test_names_of_europe_are_read_back(words, name):
    text = words(
        draw_certificate(replace(SNAPSHOT, full_name=name, list_name=name, commune=name, at=f"à {name}"))
    )
    assert text.count(name) == 3


@pytest.mark.poppler
@pytest.mark.parametrize("name", ["محمد علي", "日本 太郎", "Zoé 😀", "\ud800", "a\x00b", ""])
def test_unprintable_names_are_drawn_on_one_page(pages, name):
    assert pages(draw_certificate(replace(SNAPSHOT, full_name=name, list_name=name))) == 1


def name_lines(name):
    return certificate_values(replace(SNAPSHOT, full_name=name))["names"]


def test_name_is_as_large_as_it_fits():
    (short,) = name_lines("Zoé Lé")
    (middle,) = name_lines("Anne-Sophie Vandenbroucke-Delahousse de Montferrand")
    first, second = name_lines(LONG_NAME)
    assert short.size == 30
    assert 13 <= middle.size < 30
    assert first.size == second.size > 13
    assert f"{first.text} {second.text}" == LONG_NAME


def test_one_font_draws_a_whole_name():
    assert name_lines("Zoë Łukasiewicz")[0].font == "Titre"
    assert name_lines("Zoë Ґанок")[0].font == "Secours"


# What can be printed


def test_coverage_file_lists_the_characters_of_the_font():
    with TTFont(ASSETS / "fonts" / "NotoSans-Bold.ttf") as font:
        covered = {
            point
            for point in font.getBestCmap()
            if unicodedata.category(chr(point)) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        }
    written = set()
    for line in COVERAGE.read_text().splitlines():
        first, _, last = line.partition("-")
        written.update(range(int(first, 16), int(last or first, 16) + 1))
    assert written == covered


@pytest.mark.parametrize(
    "face", ["BricolageGrotesque-48pt-ExtraBold.ttf", "AtkinsonHyperlegibleNext-Bold.ttf"]
)
def test_coverage_includes_every_letter_of_the_other_fonts(face):
    with TTFont(ASSETS / "fonts" / face) as font:
        letters = "".join(chr(point) for point in font.getBestCmap() if chr(point).isalpha())
    assert missing_characters(letters) == []


def test_missing_characters():
    assert missing_characters("Zoë Œuvrard-Łukasiewicz d’Ÿ Ễ Ґ Ω ·") == []
    assert missing_characters("é日本日\u202e😀\n") == ["日", "本", "\u202e", "😀", "\n"]


def test_glyphs_imports_no_pdf_library():
    program = "import sys, app.certificates.glyphs as g; g.missing_characters('é'); print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert "app.certificates.glyphs" in run.stdout.split()
    assert not {"reportlab", "xhtml2pdf", "fontTools"} & set(run.stdout.split())


# Files, network and errors


def test_drawing_opens_only_our_files():
    draw_certificate(SNAPSHOT), draw_charter(CHARTER, SITE)  # what Python imports at first does not count
    fast_pdf._renderer.cache_clear()  # and nothing is kept from it
    name = '<img src="file:///etc/passwd"> <link rel="stylesheet" href="http://charte.example/x.css">'
    with watched() as seen:
        draw_certificate(replace(SNAPSHOT, full_name=name, list_name=name, taken=ALL))
        draw_charter(CHARTER, SITE)

    opened = {Path(path) for event, path, _ in seen if event == "open"}
    assert ASSETS / "img" / "panel-10.svg" in opened
    ours = (ASSETS, ROOT / "templates" / "pdf", Path(tempfile.gettempdir()))
    assert [path for path in opened if not any(path.is_relative_to(place) for place in ours)] == []
    assert [event for event, *_ in seen if event.startswith("socket")] == []


@pytest.fixture
def draw_body(monkeypatch):
    """Draw a page of which only the body is given."""

    def draw(body):
        page = '<html><style>{% include "certificates/_style.css" %}</style><body>' + body + "</body></html>"
        with monkeypatch.context() as patch:
            patch.setattr(
                "app.certificates.pdf.render_template", lambda *_, **__: render_template_string(page)
            )
            return draw_charter(CHARTER, SITE)

    return draw


def test_a_plain_body_is_drawn(draw_body):
    assert draw_body('<p>Texte</p><img src="img/rings.svg">').startswith(b"%PDF")


@pytest.mark.parametrize(
    "body",
    [
        '<img src="img/nothing.svg">',
        '<p style="font-family: Unheard">x</p>',
        '<p style="font-family: Texte">日</p>',
        "<p>1</p><pdf:nextpage/><p>2</p>",
    ],
)
def test_incomplete_document_raises(draw_body, body):
    with pytest.raises(CertificateError):
        draw_body(body)


def test_a_picture_from_elsewhere_is_refused(draw_body, tmp_path):
    picture = tmp_path / "rings.svg"
    picture.write_bytes((ASSETS / "img" / "rings.svg").read_bytes())
    with pytest.raises(CertificateError, match="outside the directories"):
        draw_body(f'<img src="{picture}">')


def test_a_picture_from_the_network_is_refused(draw_body):
    with watched() as seen, pytest.raises(CertificateError, match="remote resources are not allowed"):
        draw_body('<img src="http://charte.example/rings.svg">')
    assert [event for event, *_ in seen if event.startswith("socket")] == []


def test_threads_do_not_mix():
    app = current_app._get_current_object()
    broken = replace(CHARTER, title="日")

    def draw(charter):
        with app.app_context():
            try:
                return draw_charter(charter, SITE)[:4]
            except CertificateError:
                return "refused"

    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(draw, [CHARTER, broken] * 4))
    assert drawn == [b"%PDF", "refused"] * 4
