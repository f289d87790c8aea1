"""The legal pages say what is: facts and terms of the configuration, and nothing invented."""

import os
import subprocess
import sys
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest

from app import create_app
from app.config import DEFAULTS, FACTS, missing_facts
from tests.support.journeys import tick
from tests.support.legal_facts import GIVEN
from tests.support.site import ROOT
from tests.support.visitor import Visitor

PAGES = ("/donnees-personnelles", "/mentions-legales", "/accessibilite")
TERMS = [name for name in DEFAULTS if name.startswith("KEEP_")]


@pytest.fixture
def complete(settings) -> Visitor:
    return Visitor(create_app(settings | GIVEN))


@pytest.mark.parametrize("name", TERMS)
def test_the_page_says_the_term_that_the_purge_applies(app, citizen, name):
    app.config[name] = 1234
    text = citizen.open("/donnees-personnelles").text()
    assert text.count("1234\N{NO-BREAK SPACE}jours") == 1


def test_the_terms_as_they_come(citizen):
    text = citizen.open("/donnees-personnelles").text().replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "nos serveurs n’en gardent rien",
        "non confirmée : 8 jours",
        "le 31 mars 2032, ou jusqu’à son retrait",
        "est gardé 5 ans",
        "30 jours après l’envoi",
        "confirmation est valable 7 jours, un lien d’accès 1 heure",
    ):
        assert words in text


def test_what_the_law_asks_is_there(complete):
    text = complete.open("/donnees-personnelles").text().replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "Responsable du traitement : Association Exemple",
        "demande : donnees@example.org",
        "article 9, paragraphe 2, a",
        "L’hébergeur (Hébergeur Exemple",
        "retirer votre consentement à tout moment",
        "3 place de Fontenoy, TSA 80715, 75334 Paris Cedex 07",
    ):
        assert words in text
    page = complete.open("/donnees-personnelles")
    assert page.soup.select("a[href='https://www.cnil.fr/fr/plaintes']")
    assert page.soup.select("main a[href='mailto:donnees@example.org']")


def test_facts_are_shown_where_they_belong(complete):
    text = complete.open("/mentions-legales").text()
    assert all(GIVEN[name] in text for name in ("PUBLISHER", "PUBLICATION_DIRECTOR", "HOST"))
    for page in PAGES:
        assert "compléter" not in complete.open(page).text()


def test_what_is_missing_is_shown_as_missing(citizen):
    assert citizen.open("/mentions-legales").text().count("à compléter") == 3
    privacy = citizen.open("/donnees-personnelles")
    assert [mark.get_text() for mark in privacy.soup.select(".missing-fact")] == [
        "à compléter",
        "à compléter",
        "à compléter",
        "durée à compléter",
    ]


@pytest.mark.parametrize(
    ("days", "words"), [(0, "n’en tient pas non plus de journal"), (1, "après 1\N{NO-BREAK SPACE}jour.")]
)
def test_the_log_of_the_web_server(app, citizen, days, words):
    app.config["ACCESS_LOG_DAYS"] = days
    text = citizen.open("/donnees-personnelles").text()
    assert words in text
    assert "durée à compléter" not in text


def test_the_timestamp_authority_is_named_where_there_is_one(app, citizen):
    assert "horodatage" not in citizen.open("/donnees-personnelles").text()
    app.config["TIMESTAMP_URL"] = "http://127.0.0.1:9/"
    assert "horodatage" in citizen.open("/donnees-personnelles").text()


def test_the_cookie_is_the_one_that_is_set(candidate):
    cookies = SimpleCookie()
    for value in candidate.client.get("/").headers.getlist("Set-Cookie"):
        cookies.load(value)
    (cookie,) = cookies.values()
    tick(candidate, 1)
    text = candidate.open("/donnees-personnelles").text()
    assert f"«\N{NO-BREAK SPACE}{cookie.key}\N{NO-BREAK SPACE}»" in text
    assert "pendant 30\N{NO-BREAK SPACE}jours" in text
    lifetime = candidate.client.application.config["PERMANENT_SESSION_LIFETIME"]
    assert lifetime == timedelta(days=30)


def test_the_state_of_accessibility_is_not_embellished(citizen):
    page = citizen.open("/accessibilite")
    text = page.text().replace("\N{NO-BREAK SPACE}", " ")
    assert page.text("h1") == "Accessibilité\N{NO-BREAK SPACE}: non conforme"
    for words in ("ne sont pas balisés", "Libre réponse 71120, 75342 Paris Cedex 07", "Aucun audit"):
        assert words in text
    for link in ("https://formulaire.defenseurdesdroits.fr/", "/", "/verifier"):
        assert page.soup.select(f"main a[href='{link}']")


def test_missing_facts_are_named(settings):
    assert missing_facts(create_app(settings).config) == list(FACTS)
    assert missing_facts(create_app(settings | GIVEN | {"HOST": ""}).config) == ["HOST"]


def start(settings: dict[str, object], tmp_path, **changes: str) -> str:
    """Start as a server does; return what it says."""
    own = {
        f"FLASK_{name}": str(value).lower() if value is False else str(value)
        for name, value in settings.items()
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    run = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env=clean | own | changes,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stderr


def test_the_start_warns_once_of_what_is_missing(settings, tmp_path):
    (line,) = start(settings, tmp_path, FLASK_HOST="Hébergeur").splitlines()
    assert line.endswith("set PUBLISHER, PUBLICATION_DIRECTOR, PRIVACY_CONTACT, ACCESS_LOG_DAYS")
    assert start(settings, tmp_path, FLASK_DEBUG="1") == ""
