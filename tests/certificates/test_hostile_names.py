"""Hostile names in the form: an error message in French, or a clean certificate."""

import unicodedata
from io import BytesIO
from urllib.parse import quote_plus

import pytest
from pypdf import PdfReader

from app.extensions import db
from app.models import Signature
from tests.support.hostile_names import NAMES
from tests.support.journeys import ELODIE, confirm, tick
from tests.support.visitor import Page


def test_fifty_hostile_names_at_least():
    assert len(NAMES) >= 50


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_name_gets_an_error_or_a_clean_certificate(app, candidate, deliver, mailbox, name):
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
    assert all(unicodedata.category(c)[0] in "LM" or c in " -’.·()" for c in kept), kept
    (sheet,) = PdfReader(BytesIO(pdf.response.data)).pages
    printed = unicodedata.normalize("NFC", sheet.extract_text())
    assert kept.replace(" ", "") in "".join(printed.split())
