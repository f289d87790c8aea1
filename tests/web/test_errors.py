"""Errors: in French, in the look of the site, nothing lost."""

import sqlite3
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from flask import abort

from app.web.errors import TEXTS
from tests.support.journeys import ELODIE, come_back, signed_and_confirmed, tick


@pytest.mark.parametrize("status", sorted(set(TEXTS) - {500}))
def test_every_status_has_its_page(app, candidate, status):
    app.add_url_rule("/panne", view_func=lambda: abort(status), methods=["GET"])
    page = candidate.open("/panne")
    assert page.status == status
    assert page.text("h1") == TEXTS[status][0]
    assert page["html"]["lang"] == "fr"
    assert f"Erreur {status}" in page.text()


def test_the_500_page_stands_alone(app, candidate, monkeypatch):
    monkeypatch.setattr("app.candidate.tick.current_signatory", lambda: 1 / 0)
    monkeypatch.setattr("app.web.errors.render_template", lambda *a, **k: 1 / 0)
    page = candidate.open("/")
    assert page.status == 500
    assert page.text("h1") == "Une erreur est survenue"
    assert "header" not in page


def test_an_unknown_host_is_refused_plainly(candidate):
    response = candidate.client.get("/", headers={"Host": "ailleurs.example"})
    assert response.status_code == 400
    assert "Ce site ne répond pas à cette adresse" in response.text


def test_a_wrong_method_says_which_are_right(candidate):
    response = candidate.client.get("/ma-signature/contact")
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_what_has_no_page_of_its_own_is_french_too(candidate):
    page = candidate.send("get", "/charte.pdf", None, {"Range": "bytes=99999999-"})
    assert page.status == 416
    assert page.text("h1") == "Demande refusée"


def test_an_expired_form_keeps_what_was_typed(candidate):
    tick(candidate, 1)
    page = candidate.open("/signer")
    page["[name=csrf_token]"]["value"] = "perime"
    page = page.submit(".form", **ELODIE)
    assert page.status == 400
    assert page.text("h1") == "Page restée ouverte trop longtemps"
    assert ELODIE["list_name"] in page.text(".typed-values")
    assert page.submit("main form").url == "/signer/envoye"


def test_an_expired_button_can_be_pressed_again(candidate, deliver, mailbox):
    page = signed_and_confirmed(candidate, deliver, mailbox)
    come_back(candidate, deliver, mailbox)  # a new session: what an older tab still shows is not of it
    page = page.submit("#certificat button[formaction]")
    assert page.status == 400
    assert page.submit("main form").url == "/ma-signature/certificat"


def test_what_was_wrong_is_not_offered_again(candidate):
    page = candidate.open("/").submit("#prendre-1", taken="perhaps")
    assert page.status == 422
    assert "main form" not in page
    assert "main a[href='/']" in page


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "x", "://", "null", "http://evil.example"])
def test_what_a_foreign_page_sent_is_not_sent_back(candidate, origin):
    data = {"family_name": "Martin", "csrf_token": "x"}
    response = candidate.client.post("/signer", data=data, headers={"Origin": origin})
    assert response.status_code == 400
    assert "Martin" not in response.text
    assert (
        "Martin" in candidate.client.post("/signer", data=data, headers={"Origin": "http://localhost"}).text
    )


@pytest.mark.parametrize("referrer", ["https://[", "https://localhost:x/", "https://evil.example/", "x"])
def test_over_https_a_form_comes_from_a_page_of_ours(candidate, referrer):
    site = {"base_url": "https://localhost/"}
    page = BeautifulSoup(candidate.client.get("/", **site).text, "html.parser")
    data = {"taken": "yes", "csrf_token": page.select_one("[name=csrf_token]")["value"]}
    sent = candidate.client.post("/engagements/1", data=data, headers={"Referer": referrer}, **site)
    assert sent.status_code == 400
    assert "Page restée ouverte trop longtemps" in sent.text
    sent = candidate.client.post(
        "/engagements/1", data=data, headers={"Referer": "https://localhost/"}, **site
    )
    assert sent.status_code == 303


def test_redirects_are_in_french(candidate):
    response = candidate.client.get("/ma-signature")
    assert response.status_code == 303
    assert response.text.endswith('<p><a href="/retrouver">Continuer</a>\n')


def test_too_much_is_refused(candidate):
    page = candidate.open("/retrouver").submit(".form", email="a" * 100_000)
    assert page.status == 413


def test_a_form_of_thousands_of_fields_is_only_a_wrong_form(candidate):
    fields = {f"x{n}": "y" for n in range(5000)}
    assert candidate.open("/retrouver").submit(".form", **fields).status == 422


def test_bytes_that_are_no_text(candidate):
    assert candidate.client.get("/signataires?commune=%ff%00&nom=%ff%00").status_code == 200
    assert candidate.client.get("/signataires?apres=%00").status_code == 404
    assert candidate.client.get("/signataires?apres=WyJcdTAwMDAiLCAiYSJd").status_code == 404
    assert candidate.client.get("/signataires/%00").status_code == 404
    assert candidate.client.get("/verifier/%F0%9F%8E%89").status_code == 404


def test_bytes_that_nobody_encoded(candidate):
    """Written raw in a query, as no browser does: a test client would encode them."""
    for query, status in ((b"\x9b=)", 200), ("nom=Zoé".encode(), 200), (b"apres=\xff", 404)):
        raw = {"QUERY_STRING": query.decode("latin-1")}
        answer = candidate.client.get("/signataires", environ_overrides=raw)
        assert answer.status_code == status
        assert ('value="Zoé"' in answer.text) == (b"nom" in query)
    raw = {"QUERY_STRING": "a=\r\nb: c"}
    answer = candidate.client.get("/signataires//1", environ_overrides=raw)
    assert answer.location == "http://localhost/signataires/1?a=%0D%0Ab:%20c"


@pytest.mark.sqlite
def test_a_locked_database_keeps_what_was_typed(app, candidate, monkeypatch):
    tick(candidate, 1)
    page = candidate.open("/signer")
    with app.app_context():
        from app.extensions import db

        db.engine.dispose()
    monkeypatch.setattr("app.database.BUSY_TIMEOUT", 0)
    path = app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        page = page.submit(".form", **ELODIE)
        assert page.status == 503
        assert page.response.headers["Retry-After"]
        assert page.text("h1") == "Service momentanément indisponible"
        other.execute("ROLLBACK")
    assert page.submit("main form").url == "/signer/envoye"


@pytest.mark.sqlite
def test_a_database_gone_and_come_back(app, candidate):
    from app.extensions import db

    path = Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
    with app.app_context():
        db.engine.dispose()
    away = path.rename(path.with_name("away"))
    assert candidate.open("/signataires").status == 503
    with app.app_context():
        db.engine.dispose()
    away.rename(path)
    assert candidate.open("/signataires").status == 200
