"""Certificates as rows: issued on request, stored byte for byte, replaced by the next one."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select

from app.certificates import fast_pdf, seal
from app.certificates.exceptions import CertificateError
from app.certificates.snapshot import Snapshot, list_changes
from app.extensions import db
from app.models import Certificate, Event, Signature
from tests.support.journeys import change, come_back, confirm, sign, signed_and_confirmed
from tests.support.visitor import Visitor


@pytest.fixture
def own(candidate, deliver, mailbox):
    """`/ma-signature` of a signatory of 1, 3 and 4, before the letter with the certificate is sent."""
    sign(candidate)
    deliver()
    return confirm(candidate, mailbox)


def rows(app: Flask) -> list[Certificate]:
    with app.app_context():
        return list(db.session.scalars(select(Certificate).order_by(Certificate.id)))


def download(page) -> bytes:
    """Press the button; return the file."""
    answer = page.submit("#certificat form")
    assert answer.response.mimetype == "application/pdf"
    return answer.response.data


def test_get_issues_no_certificate(app, own, candidate):
    assert rows(app) == []
    for path in ("/ma-signature/certificat", "/ma-signature/certificat.pdf"):
        assert candidate.open(path).url == "/ma-signature"
    assert rows(app) == []


def test_certificate_is_issued_once_and_served_byte_for_byte(app, own, candidate, deliver, mailbox):
    pdf = download(own)
    assert download(candidate.open("/ma-signature")) == pdf
    assert candidate.open("/ma-signature/certificat.pdf").response.data == pdf
    deliver()
    (enclosed,) = mailbox.letters[-1].iter_attachments()
    assert enclosed.get_content() == pdf
    (row,) = rows(app)
    assert row.sha256 == hashlib.sha256(pdf).hexdigest()
    assert row.number in PdfReader(BytesIO(pdf)).metadata.title


def test_confirmation_letter_issues_the_certificate(app, own, candidate, deliver, mailbox):
    deliver()
    (enclosed,) = mailbox.letters[-1].iter_attachments()
    assert download(own) == enclosed.get_content()
    assert len(rows(app)) == 1


def test_row_stores_the_whole_snapshot(app, own):
    download(own)
    (row,) = rows(app)
    read = Snapshot.from_json(row.content, number=row.number, issued_on=date(2026, 3, 1), url="")
    charter = app.extensions["charter"]
    assert read.commitments == charter.commitments
    assert (read.title, read.edition, read.organisation) == (
        charter.title,
        charter.edition,
        charter.organisation,
    )
    assert (read.full_name, read.commune, read.list_name) == (
        "Élodie Martin",
        "Sarlat-la-Canéda",
        "Ensemble pour demain",
    )
    assert set(read.taken) == {1, 3, 4}
    assert json.loads(json.dumps(read.to_json())) == row.content


def test_changed_signature_gets_a_new_certificate(app, own, candidate):
    first = download(own)
    page = change(candidate, 2)
    assert candidate.open("/ma-signature/certificat.pdf").url == "/ma-signature", "not what was signed"
    second = download(page)
    assert second != first
    former, present = rows(app)
    assert former.number != present.number
    assert former.content["taken"].keys() == {"1", "3", "4"}
    assert present.content["taken"].keys() == {"1", "2", "3", "4"}


def test_reverted_change_reuses_the_former_certificate(app, own, candidate):
    first = download(own)
    page = change(candidate, 2, 2)
    assert download(page) == first
    assert len(rows(app)) == 1


def test_signing_again_gets_a_new_certificate(app, own, citizen, candidate, deliver, mailbox):
    first = download(own)
    sign(citizen, 9, list_name="Une autre liste")
    deliver()
    page = confirm(citizen, mailbox)
    assert download(page) != first
    assert [row.content["list_name"] for row in rows(app)] == ["Ensemble pour demain", "Une autre liste"]


def test_journal_has_each_issue(app, own):
    download(own)
    download(own)
    with app.app_context():
        events = db.session.scalars(select(Event.what)).all()
    assert events.count("certified") == 1


def test_certificate_as_a_page(own, candidate):
    page = own.submit("#certificat button[formaction]")
    assert page.url == "/ma-signature/certificat"
    assert page.text(".certificate .name") == "Élodie Martin"


def test_concurrent_requests_issue_one_certificate(app, own, candidate):
    """Fourteen presses at once, of which the first to be stored wins."""
    token = own["#certificat [name=csrf_token]"]["value"]
    cookie = candidate.client.get_cookie("paraphe")

    def press(_):
        browser = Visitor(app)
        browser.client.set_cookie("paraphe", cookie.value)
        return browser.client.post(
            "/ma-signature/certificat.pdf", data={"csrf_token": token}, follow_redirects=True
        ).data

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(press, range(14)))) == 1
    assert len(rows(app)) == 1


def meanwhile(candidate: Visitor, act: Callable[[Visitor], object]) -> None:
    """Do something on another device of the same person, in a thread: contexts are not shared."""
    other = Visitor(candidate.client.application)
    other.client.set_cookie("paraphe", candidate.client.get_cookie("paraphe").value)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act, other).result()


def test_change_while_drawing_is_on_the_certificate(app, own, candidate, monkeypatch):
    draw = fast_pdf.draw_certificate
    drawn = []

    def slowly(snapshot):
        drawn.append(set(snapshot.taken))
        if len(drawn) == 1:
            meanwhile(candidate, lambda other: change(other, 2))
        return draw(snapshot)

    monkeypatch.setattr(fast_pdf, "draw_certificate", slowly)
    text = PdfReader(BytesIO(download(own))).pages[0].extract_text()
    assert drawn == [{1, 3, 4}, {1, 2, 3, 4}]
    assert "4 engagements sur 10" in text
    assert len(rows(app)) == 1


def test_no_certificate_if_commitments_are_given_back_while_drawing(app, own, candidate, monkeypatch):
    draw = fast_pdf.draw_certificate

    def give_all_back(other):
        change(other, 1, 3, 4)

    def slowly(snapshot):
        meanwhile(candidate, give_all_back)
        return draw(snapshot)

    monkeypatch.setattr(fast_pdf, "draw_certificate", slowly)
    page = own.submit("#certificat form")
    assert page.url == "/ma-signature"
    assert "rien à certifier" in page.text()
    assert rows(app) == []


def test_no_certificate_if_signature_is_withdrawn_while_drawing(app, own, candidate, monkeypatch):
    draw = fast_pdf.draw_certificate

    def slowly(snapshot):
        meanwhile(candidate, lambda other: other.open("/ma-signature/retirer").submit("main form"))
        return draw(snapshot)

    monkeypatch.setattr(fast_pdf, "draw_certificate", slowly)
    assert own.submit("#certificat form").url == "/retrouver"
    assert rows(app) == []


@pytest.mark.parametrize(("module", "stage"), [(fast_pdf, "draw_certificate"), (seal, "seal_pdf")])
def test_failed_certificate_answers_503_and_the_signature_stands(
    app, own, candidate, monkeypatch, module, stage
):
    def fail(*_, **__):
        raise CertificateError("no")

    with monkeypatch.context() as patch:
        patch.setattr(module, stage, fail)
        page = own.submit("#certificat form")
    assert page.status == 503
    assert "n’a pas pu être établi" in page.text("#certificat [role=alert]")
    assert "Signature confirmée" in page.text()
    assert rows(app) == []
    assert download(page).startswith(b"%PDF")


def test_letter_is_retried_if_its_certificate_fails(app, own, deliver, mailbox, later, monkeypatch):
    def fail(*_, **__):
        raise CertificateError("no")

    with monkeypatch.context() as patch:
        patch.setattr(seal, "seal_pdf", fail)
        assert deliver() == 0
    later(minutes=2)
    assert deliver() == 1
    assert list(mailbox.letters[-1].iter_attachments())


def test_letter_without_commitments_has_no_certificate(own, candidate, deliver, mailbox):
    change(candidate, 1, 3, 4)
    assert deliver() == 1
    assert not list(mailbox.letters[-1].iter_attachments())
    assert "joint" not in mailbox.letters[-1].get_body(("plain",)).get_content()


def test_another_edition_is_not_certified(app, own, candidate):
    pdf = download(own)
    charter = app.extensions["charter"]
    app.extensions["charter"] = replace(charter, preamble="Autre chose.")
    page = candidate.open("/ma-signature")
    assert "a changé depuis votre signature" in page.text("#certificat")
    assert "#certificat form" not in page
    token = page["#contact [name=csrf_token]"]["value"]
    answer = candidate.client.post("/ma-signature/certificat.pdf", data={"csrf_token": token})
    assert answer.headers["Location"] == "/ma-signature"
    app.extensions["charter"] = charter
    assert download(candidate.open("/ma-signature")) == pdf


def test_certificate_is_served_after_access_by_letter(own, candidate, citizen, deliver, mailbox):
    pdf = download(own)
    assert download(come_back(citizen, deliver, mailbox)) == pdf


# What has changed, in words

SAID = Snapshot(
    number="7K4M-92XQ-PTB3",
    issued_on=date(2026, 3, 1),
    url="",
    edition="e" * 64,
    campaign="",
    title="",
    organisation="",
    commitments=(),
    full_name="Zoé Lé",
    role="colistier·ère",
    list_name="Ensemble",
    insee="24067",
    commune="Le Bugue",
    at="au Bugue",
    taken={},
)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"full_name": "Zoé Le Goff"}, ("Nom", "Zoé Lé", "Zoé Le Goff")),
        ({"role": "élu·e"}, ("Qualité", "colistier·ère", "élu·e")),
        ({"list_name": None}, ("Liste", "Ensemble", "sans liste")),
        ({"insee": "24520", "commune": "Sarlat"}, ("Commune", "Le Bugue", "Sarlat")),
    ],
)
def test_changes_of_the_person(now, told):
    present = replace(SAID, **now)
    (change,) = list_changes(SAID, present)
    assert (change.what, change.before, change.after) == told
    assert not SAID.matches(present)


def test_changes_of_the_commitments(app):
    commitments = app.extensions["charter"].commitments
    before = replace(
        SAID, commitments=commitments, taken={1: date(2026, 3, 1), 2: date(2026, 3, 1), 3: date(2026, 3, 1)}
    )
    after = replace(before, taken={1: date(2026, 3, 1), 3: date(2026, 3, 5), 4: date(2026, 3, 4)})
    assert [(c.what, c.before, c.after) for c in list_changes(before, after)] == [
        ("Engagement 2", "pris le 1er\u00a0mars 2026", "non pris"),
        ("Engagement 3", "pris le 1er\u00a0mars 2026", "pris le 5\u00a0mars 2026"),
        ("Engagement 4", "non pris", "pris le 4\u00a0mars 2026"),
    ]
    assert not before.matches(after)


def test_snapshots_match_despite_number_day_and_campaign():
    later = replace(SAID, number="other", issued_on=date(2026, 4, 1), campaign="Autre", at="ailleurs")
    assert later.matches(SAID)
    assert list_changes(SAID, later) == []


def test_confirmed_signature_has_one_certificate(app, candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    with app.app_context():
        (signature,) = db.session.scalars(select(Signature))
        assert len(signature.certificates) == 1
