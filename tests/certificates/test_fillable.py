"""The blank charter filled on screen, and printed as if it could not be."""

import re
import subprocess
from dataclasses import replace

import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops
from pypdf import PdfReader, PdfWriter
from pypdf.generic import BooleanObject, NameObject, TextStringObject

from app.certificates.pdf import ASSETS, draw_charter
from tests.support.documents import CHARTER, SITE

pytestmark = pytest.mark.usefixtures("context")

SHEET = (595, 842)  # A4, in points
SCALE = 2  # pixels in a point

LINES = {
    "nom": "Prénom et nom",
    "qualite": "Qualité",
    "commune": "Commune",
    "liste": "Liste",
    "date": "Date",
}
TYPED = {
    "nom": "Zoë Œuvrard-Ÿlann",
    "qualite": "élu·e",
    "commune": "L’Île-d’Yeu",
    "liste": "« Cœur & Çà »",
    "date": "1er août 2026",
}


@pytest.fixture(params=[10, 8, 1], ids="{} commitments".format)
def charter(request):
    """The charter, and those of territories with fewer commitments."""
    return replace(CHARTER, commitments=CHARTER.commitments[: request.param])


@pytest.fixture
def poppler(tmp_path):
    """Give a document to a command of poppler, which writes to ``outcome`` or to its output."""

    def run(pdf, *command):
        (tmp_path / "document.pdf").write_bytes(pdf)
        names = {"IN": tmp_path / "document.pdf", "OUT": tmp_path / "outcome"}
        filled_in = [names.get(word, word) for word in command]
        return subprocess.run(filled_in, capture_output=True, check=True, text=True).stdout

    return run


@pytest.fixture
def picture(poppler, tmp_path):
    """See a document as poppler shows it."""

    def see(pdf):
        poppler(pdf, "pdftoppm", "-r", str(72 * SCALE), "-png", "-singlefile", "IN", "OUT")
        with Image.open(tmp_path / "outcome.png") as page:
            return page.convert("RGB")

    return see


def fields_of(pdf):
    """List the fields of the page, in the order that the tab key goes through."""
    (page,) = PdfReader(pdf).pages
    return [a.get_object() for a in page["/Annots"] if a.get_object()["/Subtype"] == "/Widget"]


@pytest.fixture
def fields(charter, tmp_path):
    """The fields of a blank charter."""
    path = tmp_path / "blank.pdf"
    path.write_bytes(draw_charter(charter, SITE))
    return fields_of(path)


def place(field, margin=0.0):
    """Return where a field stands in a picture: left, top, right, bottom."""
    left, bottom, right, top = (float(side) for side in field["/Rect"])
    sides = (left - margin, SHEET[1] - top - margin, right + margin, SHEET[1] - bottom + margin)
    return tuple(round(SCALE * side) for side in sides)


def fill(pdf, tmp_path, values):
    """Fill fields as a program does, through their names."""
    (tmp_path / "blank.pdf").write_bytes(pdf)
    writer = PdfWriter(clone_from=tmp_path / "blank.pdf")
    writer.update_page_form_field_values(writer.pages[0], values, auto_regenerate=False)
    writer.write(tmp_path / "filled.pdf")
    return (tmp_path / "filled.pdf").read_bytes()


# What there is to fill


def test_a_box_for_each_commitment_then_each_line(charter, fields):
    boxes, lines = fields[: -len(LINES)], fields[-len(LINES) :]
    assert {f["/T"]: f["/TU"] for f in boxes} == {
        f"engagement-{c.number}": c.text for c in charter.commitments
    }
    assert [(f["/T"], f["/TU"]) for f in lines] == list(LINES.items())
    assert {f["/FT"] for f in boxes} == {"/Btn"}
    assert {f["/FT"] for f in lines} == {"/Tx"}


def test_form_lists_the_fields_of_the_page(tmp_path):
    path = tmp_path / "blank.pdf"
    path.write_bytes(draw_charter(CHARTER, SITE))
    reader = PdfReader(path)
    assert list(reader.get_fields()) == [f["/T"] for f in fields_of(path)]
    assert "/NeedAppearances" not in reader.root_object["/AcroForm"]
    assert reader.pages[0]["/Tabs"] == "/S"


def test_tab_order_is_boxes_then_lines(fields):
    centres = [((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in map(place, fields)]
    assert centres == sorted(centres, key=lambda centre: (round(centre[1] / 10), centre[0]))


def test_fields_have_no_frame_and_are_printed(fields):
    for field in fields:
        assert field["/F"] == 4
        assert "/MK" not in field
        assert "/C" not in field


# Where it stands


@pytest.mark.poppler
def test_each_field_stands_over_its_box_or_line(charter, fields, picture):
    page = picture(draw_charter(charter, SITE)).convert("L")
    for field in fields:
        left, top, right, bottom = place(field)
        middle, centre = (left + right) // 2, (top + bottom) // 2
        inside = page.crop((left + 6, top + 6, right - 6, bottom - 6))
        assert inside.getextrema() == (255, 255), f"{field['/T']} covers something"
        below = page.crop((middle - 3, bottom - 4, middle + 3, bottom + 4))
        assert below.getextrema()[0] < 90, f"nothing is drawn at the foot of {field['/T']}"
        if field["/FT"] == "/Tx":
            rule = page.crop((left, bottom - 4, right, bottom + 4)).reduce((1, 8))
            assert rule.getextrema()[1] < 255, f"{field['/T']} is wider than its line"
            continue
        for edge in (
            (left - 1, centre - 3, left + 4, centre + 3),
            (right - 4, centre - 3, right + 1, centre + 3),
            (middle - 3, top - 1, middle + 3, top + 4),
        ):
            assert page.crop(edge).getextrema()[0] < 90, f"{field['/T']} misses a side of its box"


@pytest.mark.poppler
def test_what_is_typed_is_read_back_on_its_line(charter, fields, poppler, tmp_path):
    pdf = fill(draw_charter(charter, SITE), tmp_path, TYPED)
    for field in fields:
        left, top, right, bottom = place(field)
        area = {"-x": left, "-y": top, "-W": right - left, "-H": bottom - top, "-r": 72 * SCALE}
        options = [str(part) for pair in area.items() for part in pair]
        read = poppler(pdf, "pdftotext", *options, "-layout", "IN", "-").strip()
        assert read == TYPED.get(field["/T"], "")


@pytest.mark.poppler
def test_what_is_typed_is_drawn_inside_its_field_and_nowhere_else(charter, fields, picture, tmp_path):
    blank = draw_charter(charter, SITE)
    change = ImageChops.difference(picture(blank), picture(fill(blank, tmp_path, TYPED)))
    for field in fields:
        drawn = change.crop(place(field)).getbbox()
        assert (drawn is not None) == (field["/FT"] == "/Tx")
        change.paste((0, 0, 0), place(field, margin=0.5))
    assert change.getbbox() is None


@pytest.mark.poppler
def test_a_tick_is_green_inside_its_box_and_nowhere_else(charter, fields, picture, tmp_path):
    blank = draw_charter(charter, SITE)
    ticked = picture(fill(blank, tmp_path, {"engagement-1": "/Oui"}))
    colours = {colour: count for count, colour in ticked.crop(place(fields[0])).getcolors(1000)}
    assert colours[(23, 105, 74)] > 450
    assert colours[(255, 255, 255)] > 50
    assert all(red <= green + 1 for red, green, _ in colours)  # + 1: the ink of the box, at its corners
    change = ImageChops.difference(picture(blank), ticked)
    change.paste((0, 0, 0), place(fields[0], margin=0.5))
    assert change.getbbox() is None


# What is printed


@pytest.fixture
def without_fields(monkeypatch):
    """Draw the charter as it was before it could be filled."""

    def draw(charter):
        with monkeypatch.context() as patch:
            patch.setattr("app.certificates.pdf.add_form_fields", lambda pdf, _font: pdf)
            return draw_charter.__wrapped__(charter, SITE)

    return draw


@pytest.mark.poppler
def test_a_blank_charter_looks_and_prints_as_if_it_had_no_fields(
    charter, without_fields, picture, poppler, tmp_path
):
    def printed(pdf):
        poppler(pdf, "pdftocairo", "-pdf", "IN", "OUT")  # a page for paper, as poppler sends it
        return picture((tmp_path / "outcome").read_bytes())

    bare, blank = without_fields(charter), draw_charter(charter, SITE)
    assert b"/AcroForm" in blank
    assert b"/AcroForm" not in bare
    assert picture(bare).tobytes() == picture(blank).tobytes()
    assert printed(bare).tobytes() == printed(blank).tobytes()


# In which face


@pytest.mark.poppler
def test_typed_text_is_in_our_font(poppler, tmp_path):
    pdf = fill(draw_charter(CHARTER, SITE), tmp_path, TYPED)
    listed = poppler(pdf, "pdffonts", "IN").splitlines()
    assert [line.split()[1:5] for line in listed if line.startswith("AtkinsonHyperlegibleNext-Regular ")] == [
        ["TrueType", "WinAnsi", "yes", "no"]
    ]


def test_font_widths_are_those_of_the_file(tmp_path):
    path = tmp_path / "blank.pdf"
    path.write_bytes(draw_charter(CHARTER, SITE))
    font = PdfReader(path).root_object["/AcroForm"]["/DR"]["/Font"]["/Texte"]
    with TTFont(ASSETS / "fonts" / "AtkinsonHyperlegibleNext-Regular.ttf") as face:
        names, em = face.getBestCmap(), face["head"].unitsPerEm
        for letter in "aMéÉàçÇêëîïôùûüÿŸœŒæÆ«»’–€ ·":
            (code,) = letter.encode("cp1252")
            width = 1000 * face["hmtx"][names[ord(letter)]][0] / em
            assert font["/Widths"][code - 32] == pytest.approx(width, abs=1)


@pytest.mark.poppler
@pytest.mark.parametrize("field", ["commune", "liste"])
def test_long_words_are_printed_whole(poppler, tmp_path, field):
    words = "Ensemble pour une commune vivante, solidaire, écologique et citoyenne avec nous"
    pdf = fill(draw_charter(CHARTER, SITE), tmp_path, {field: words})
    (tmp_path / "filled.pdf").write_bytes(pdf)
    (right,) = (float(f["/Rect"][2]) for f in fields_of(tmp_path / "filled.pdf") if f["/T"] == field)
    ends = re.findall(r'xMax="([\d.]+)" yMax="[\d.]+">nous<', poppler(pdf, "pdftotext", "-bbox", "IN", "-"))
    assert [float(end) <= right for end in ends] == [True]


@pytest.mark.poppler
def test_a_reader_that_sets_the_words_itself_cuts_no_letter(picture, tmp_path):
    # what Evince and Okular do, which are made of poppler
    blank = draw_charter(CHARTER, SITE)
    (tmp_path / "blank.pdf").write_bytes(blank)
    writer = PdfWriter(clone_from=tmp_path / "blank.pdf")
    lines = [a.get_object() for a in writer.pages[0]["/Annots"] if a.get_object().get("/FT") == "/Tx"]
    for field in lines:
        field[NameObject("/V")] = TextStringObject("Égûqpç,")
        del field["/AP"]
    writer.root_object["/AcroForm"][NameObject("/NeedAppearances")] = BooleanObject(True)
    writer.write(tmp_path / "typed.pdf")

    change = ImageChops.difference(picture(blank), picture((tmp_path / "typed.pdf").read_bytes()))
    for field in lines:
        left, top, right, bottom = place(field)
        _, highest, _, lowest = change.crop((left, top, right, bottom)).getbbox()
        assert highest > 0
        assert lowest < bottom - top
