"""The certificate made of cached fragments equals the page of one plain call of xhtml2pdf."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
from flask import current_app
from PIL import Image, ImageChops
from pypdf import PdfReader

from app.certificates import fast_pdf
from app.certificates.exceptions import CertificateError
from app.certificates.fast_pdf import draw_certificate
from tests.support.documents import (
    ALL,
    CHARTER,
    LONG_COMMUNE,
    LONG_LIST,
    LONG_NAME,
    ROOT,
    SNAPSHOT,
    poppler,
)
from tests.support.plain_certificate import draw_plain_certificate
from tests.support.snapshots import random_snapshot

pytestmark = pytest.mark.usefixtures("context")

PEOPLE = {
    "three of ten": SNAPSHOT,
    "ten of ten": replace(SNAPSHOT, taken=ALL),
    "one of ten": replace(SNAPSHOT, taken={4: date(2026, 3, 1)}),
    "no list": replace(SNAPSHOT, list_name=None, role="élu·e"),
    "long list": replace(SNAPSHOT, list_name=LONG_LIST),
    "long commune": replace(SNAPSHOT, commune=LONG_COMMUNE, at=f"à {LONG_COMMUNE}"),
    "name on two lines": replace(SNAPSHOT, full_name=LONG_NAME),
    "more than the upper part holds": replace(
        SNAPSHOT, full_name=LONG_NAME, list_name=f"{'W' * 40} {'W' * 39}"
    ),
    "Greek": replace(SNAPSHOT, full_name="Ελένη Παπαδοπούλου", list_name="Η Άνοιξη"),
    "Cyrillic": replace(SNAPSHOT, full_name="Ґанна Шевченко"),
    "every accent": replace(SNAPSHOT, full_name="Ÿseult Ђorđe-Ñuño Ðàł"),
    "markup": replace(SNAPSHOT, full_name="</div> <b>Zoé</b> &amp; {{ 7 * 7 }}"),
}


@pytest.fixture
def empty_cache(monkeypatch):
    """Begin as a new process does: nothing is cached."""
    monkeypatch.setattr(fast_pdf, "_renderer", fast_pdf.cache(fast_pdf.Renderer))


@pytest.fixture
def picture(written, tmp_path):
    """Look at a page, in greys."""

    def look(pdf):
        poppler("pdftoppm", "-r", "100", "-gray", "-singlefile", written(pdf), tmp_path / "page")
        with Image.open(tmp_path / "page.pgm") as page:
            return page.copy()

    return look


@pytest.fixture
def assert_same_page(written, boxes, picture):
    """Hold a page against the plain one: its text to the letter, its words to a thousandth of a point.

    In the picture, no pixel may differ by more than 16 of 255: the QR code is rounded elsewhere.
    """

    def check(pdf, plain):
        for layout in ("-raw", "-layout"):
            assert poppler("pdftotext", layout, written(pdf), "-") == poppler(
                "pdftotext", layout, written(plain), "-"
            )
        for word, expected in zip(boxes(pdf), boxes(plain), strict=True):
            assert word == pytest.approx(expected, abs=0.001)
        _, largest = ImageChops.difference(picture(pdf), picture(plain)).getextrema()
        assert largest <= 16
        assert things(PdfReader(written(pdf))) == things(PdfReader(written(plain)))

    return check


def things(document):
    """Return what a document has besides what is seen: properties, language, links, fonts."""
    (page,) = document.pages
    properties = {name: document.metadata[name] for name in ("/Title", "/Author", "/Subject", "/Producer")}
    links = [
        ([round(float(side), 2) for side in link["/Rect"]], link["/A"]["/URI"])
        for link in page.get("/Annots", [])
    ]
    fonts = sorted(font["/BaseFont"] for font in page["/Resources"]["/Font"].values())
    return properties, document.trailer["/Root"]["/Lang"], page.mediabox, links, fonts


@pytest.mark.poppler
@pytest.mark.parametrize("snapshot", PEOPLE.values(), ids=PEOPLE)
def test_fast_page_equals_plain_page(assert_same_page, snapshot):
    assert_same_page(draw_certificate(snapshot), draw_plain_certificate(snapshot))


@pytest.mark.poppler
@pytest.mark.parametrize("index", range(3))
def test_fast_page_equals_plain_page_for_random_snapshots(assert_same_page, index):
    snapshot = random_snapshot(index)
    assert_same_page(draw_certificate(snapshot), draw_plain_certificate(snapshot))


def test_page_is_in_french_and_links_to_its_verification(written):
    _, language, _, links, _ = things(PdfReader(written(draw_certificate(SNAPSHOT))))
    assert language == "fr"
    assert [url for _, url in links] == [SNAPSHOT.url]


@pytest.mark.poppler
def test_cached_fragments_change_no_page(assert_same_page, empty_cache):
    for snapshot in PEOPLE.values():
        draw_certificate(snapshot)
    for name in ("three of ten", "ten of ten", "Greek"):
        assert_same_page(draw_certificate(PEOPLE[name]), draw_plain_certificate(PEOPLE[name]))


@pytest.mark.poppler
def test_cache_serves_two_charters(assert_same_page, empty_cache):
    draw_certificate(SNAPSHOT)
    longer = [replace(c, text=f"{c.text} — “ßþ”") for c in CHARTER.commitments]
    snapshot = replace(SNAPSHOT, commitments=tuple(longer), campaign="Élections législatives", title="Ğ § ½")
    assert_same_page(draw_certificate(snapshot), draw_plain_certificate(snapshot))
    assert_same_page(draw_certificate(SNAPSHOT), draw_plain_certificate(SNAPSHOT))


@pytest.mark.poppler
def test_evicted_fragments_change_no_page(assert_same_page, empty_cache, monkeypatch):
    monkeypatch.setattr(fast_pdf, "CACHE_SIZE", 3)
    for snapshot in (SNAPSHOT, PEOPLE["ten of ten"], PEOPLE["Greek"], SNAPSHOT):
        assert_same_page(draw_certificate(snapshot), draw_plain_certificate(snapshot))


def test_no_character_of_another_name_is_embedded(written, empty_cache):
    def letters(snapshot):
        (page,) = PdfReader(written(draw_certificate(snapshot))).pages
        fonts = page["/Resources"]["/Font"].values()
        maps = "".join(font["/ToUnicode"].get_data().decode() for font in fonts if "/ToUnicode" in font)
        return {chr(int(letter, 16)) for letter in re.findall(r"<[0-9A-F]{2}> <([0-9A-F]{4})>", maps)}

    before = letters(SNAPSHOT)
    assert "Ÿ" in letters(PEOPLE["every accent"])
    assert letters(SNAPSHOT) == before


@pytest.mark.poppler
def test_threads_do_not_mix_certificates(tmp_path, empty_cache):
    app = current_app._get_current_object()
    names = [f"Zoé {letter}tienne" for letter in "ABCDEFGHIJKLMNOP"]
    unprintable = tuple(replace(commitment, label="日") for commitment in CHARTER.commitments)

    def draw(name):
        commitments = unprintable if name in names[::2] else CHARTER.commitments
        with app.app_context():
            try:
                return draw_certificate(replace(SNAPSHOT, full_name=name, commitments=commitments))
            except CertificateError:
                return b""

    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(draw, names))
    assert drawn[::2] == [b""] * 8
    for number, pdf in enumerate(drawn[1::2]):
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(pdf)
        text = poppler("pdftotext", path, "-")
        assert [name for name in names if name in text] == [names[2 * number + 1]]


# Errors


BROKEN = {
    "a letter that no face has": (replace(CHARTER.commitments[3], label="日"), "日"),
    "a picture that is not there": (replace(CHARTER.commitments[3], number=11), "panel-11"),
    "a text longer than the page": (replace(CHARTER.commitments[3], text="mot " * 900), "page"),
}


@pytest.mark.parametrize(("commitment", "said"), BROKEN.values(), ids=BROKEN)
def test_incomplete_certificate_raises_each_time(commitment, said):
    commitments = (*CHARTER.commitments[:3], commitment, *CHARTER.commitments[4:])
    for _ in range(2):
        with pytest.raises(CertificateError, match=said):
            draw_certificate(replace(SNAPSHOT, commitments=commitments))
    assert draw_certificate(SNAPSHOT).startswith(b"%PDF")


def test_overfull_frame_raises():
    with pytest.raises(CertificateError, match="foot"):
        draw_certificate(replace(SNAPSHOT, organisation="organisation " * 60))


# Imports


def test_home_page_imports_no_pdf_library(tmp_path):
    program = f"""
import sys
from app import create_app
from app.extensions import db
app = create_app({{
    "SECRET_KEY": "a-secret-for-tests-that-is-long-enough",
    "SERVER_NAME": "localhost",
    "SQLALCHEMY_DATABASE_URI": "sqlite:///{tmp_path}/paraphe.sqlite3",
    "SEAL_FILE": "{tmp_path}/seal.p12",
    "MAIL_SERVER": "127.0.0.1",
    "MAIL_DEFAULT_SENDER": "charte@example.org",
}})
with app.app_context():
    db.create_all()
print(app.test_client().get("/", base_url="https://localhost").status_code, *sys.modules)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    )
    status, *modules = run.stdout.split()
    assert status == "200"
    assert not {"reportlab", "xhtml2pdf", "svglib", "pypdf", "pyhanko"} & set(modules)
