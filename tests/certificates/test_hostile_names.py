"""Whatever somebody says they are called: a message in French, or a clean certificate."""

import unicodedata
from io import BytesIO
from urllib.parse import quote_plus

import pytest
from pypdf import PdfReader

from app.extensions import db
from app.models import Signature
from tests.support.journeys import ELODIE, confirm, tick
from tests.support.visitor import Page

NAMES = {
    "bold": "<b>Zoé</b>",
    "script": "<script>alert(1)</script>",
    "image of a file": '<img src="file:///etc/passwd">',
    "image of a site": '<img src="http://evil.example/x.png">',
    "style": "<style>*{display:none}</style>",
    "next page": "</td></table><pdf:nextpage>",
    "entity": "&amp;lt;&#60;b&#62;",
    "comment": "<!-- Zoé",
    "CDATA": "<![CDATA[Zoé]]>",
    "quotes": "\"'><p>",
    "template": "{{ 7*7 }}",
    "template block": "{% include 'base.html' %}",
    "format": "%s {0} ${x} %(name)s",
    "PDF operators": ") Tj ET BT (",
    "PDF escapes": "\\(\\051\\",
    "PDF end": "%%EOF endstream endobj",
    "SQL": "'; DROP TABLE signature; --",
    "formula": "=HYPERLINK(A1)",
    "path": "../../etc/passwd",
    "header": "Zoé\r\nBcc: all@example.org",
    "address": "zoe@evil.example",
    "site": "evil.example",
    "NUL": "Zo\x00é",
    "escape": "Zo\x1b[31mé",
    "delete": "Zo\x7fé",
    "C1 control": "Zo\x85\x9bé",
    "tab and line": "Zo\té\nLé",
    "line separator": "Zoé\u2028Lé",
    "right to left override": "\u202eénotnA",
    "isolates": "\u2066Zoé\u2069",
    "left to right mark": "\u200eZoé",
    "zero width space": "Zo\u200bé",
    "zero width joiner": "Zo\u200dé",
    "byte order mark": "\ufeffZoé",
    "soft hyphen": "Zo\u00adé",
    "zalgo": "Z\u0335\u0321\u0322\u0300o\u0301\u0302\u0303\u0304e\u0301\u0308\u0323",
    "marks alone": "\u0301\u0302\u0303",
    "decomposed": "Zoe\u0301",
    "surrogate": "Zo\ud800é",
    "surrogates the wrong way round": "\udc00\ud800",
    "private use": "Zo\ue000é",
    "no character": "Zo\uffffé",
    "replacement": "Zo\ufffdé",
    "tag": "Zo\U000e0041é",
    "emoji": "Zoé 😀",
    "emoji family": "👩\u200d👩\u200d👧",
    "Chinese": "日本 太郎",
    "Arabic": "محمد علي",
    "Hebrew": "שרה כהן",
    "Thai": "สมชาย",
    "Hangul, in parts": "\u1112\u1161\u11ab",
    "Greek": "Ελένη",
    "Cyrillic": "Ґанна",
    "Vietnamese": "Nguyễn Thị Ễ",
    "ligature": "ﬁnette",
    "full width": "Ｚｏｅ",
    "mathematical": "𝐙𝐨𝐞",
    "Turkish": "İpek Iğdır",
    "sharp s": "Groß GROẞ",
    "apostrophes": "D’Arc O'Neil",
    "hyphens": "Anne--Marie - Lé",
    "digits": "Zoé 2",
    "spaces": "\u00a0 \u2003 ",
    "punctuation": "...!?",
    "5,000 letters": "Zoé" * 1667,
    "60 letters": "W" * 60,
}


def test_there_are_enough():
    assert len(NAMES) >= 50


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_message_or_a_clean_certificate(app, candidate, deliver, mailbox, name):
    tick(candidate, 1)
    form = candidate.open("/signer")[".form"]
    fields = {**ELODIE, "family_name": name, "csrf_token": form.select("[name=csrf_token]")[0]["value"]}
    body = "&".join(f"{key}={quote_plus(value, errors='surrogatepass')}" for key, value in fields.items())
    answer = candidate.client.post(
        "/signer", data=body, content_type="application/x-www-form-urlencoded", follow_redirects=True
    )
    page = Page(candidate, answer)
    if page.status == 422:
        assert page.text("#family_name-error")
        assert page.soup.select("b, img, pdf\\:nextpage, style") == []
        return
    assert (page.status, page.url) == (200, "/signer/envoye"), page.text()
    deliver()
    own = confirm(candidate, mailbox)
    pdf = own.submit("#certificat form")
    assert pdf.response.mimetype == "application/pdf", pdf.text()
    with app.app_context():
        kept = db.session.query(Signature.family_name).scalar()
    assert all(unicodedata.category(c)[0] in "LM" or c in " -’.·" for c in kept), kept
    (sheet,) = PdfReader(BytesIO(pdf.response.data)).pages
    printed = unicodedata.normalize("NFC", sheet.extract_text())
    assert kept.replace(" ", "") in "".join(printed.split())
