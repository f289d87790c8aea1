"""The development mailbox, where letters are read without an SMTP server."""

import pytest

from app import create_app
from app.extensions import db
from app.models import Letter, LetterKind, LetterState
from tests.support.journeys import ELODIE, sign
from tests.support.visitor import Visitor


@pytest.fixture
def developer(settings, monkeypatch):
    """The browser of a developer, on a site in debug mode."""
    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = create_app(settings | {"MAIL_SERVER": ""})
    with app.app_context():
        db.create_all()
    yield Visitor(app)
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("kind", [LetterKind.CONFIRM, LetterKind.WITHDRAWN])
def test_a_letter_without_a_cause_has_no_message(developer, kind):
    sign(developer)
    with developer.client.application.app_context():
        letter = db.session.query(Letter).one()
        letter.kind, letter.state, letter.signature_id = kind, LetterState.SENT, None
        letter.address = "0" * 64  # its hash, once its signature is deleted
        db.session.commit()
        letter_id = letter.id
    assert developer.open("/dev/courrier").text("article h2") == "Courriel sans objet"
    assert developer.client.get(f"/dev/courrier/{letter_id}").status_code == 410


def test_a_letter_whose_address_was_erased_is_shown(developer):
    sign(developer)
    with developer.client.application.app_context():
        letter = db.session.query(Letter).one()
        assert letter.address == ELODIE["email"]
        letter.kind, letter.state, letter.address = LetterKind.WITHDRAWN, LetterState.SENT, ""
        letter.signature.withdrawn_at = letter.created_at
        db.session.commit()
    assert developer.open("/dev/courrier").text("article h2") == "Votre signature est retirée"
