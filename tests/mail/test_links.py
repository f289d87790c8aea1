"""Links: one purpose, one lifetime, and one state of the signature each. Their text needs no database."""

import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from app import clock
from app.mail.links import ACCESS_SIGNATURE, CONFIRM_SIGNATURE, DENY_SIGNATURE, MOVE_SIGNATURE, TokenInvalid
from app.models import Signature, Status

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PURPOSES = [CONFIRM_SIGNATURE, ACCESS_SIGNATURE, DENY_SIGNATURE, MOVE_SIGNATURE]
each_purpose = pytest.mark.parametrize("purpose", PURPOSES, ids=lambda purpose: purpose.salt)


@pytest.fixture(autouse=True)
def config(monkeypatch):
    """The settings that links depend on, at noon."""
    at(monkeypatch, NOON)
    site = Flask(__name__)
    site.config |= {
        "SECRET_KEY": "a-secret-for-tests-that-is-long-enough",
        "SECRET_KEY_FALLBACKS": [],
        "CONFIRMATION_MAX_AGE": 600,
        "ACCESS_MAX_AGE": 60,
    }
    with site.app_context():
        yield site.config


def at(monkeypatch, moment):
    monkeypatch.setattr(clock, "_time", lambda: moment)


def signature_begun(created_at):
    return Signature(
        code="0123456789abcdef0123",
        status=Status.CONFIRMED,
        email="elodie@example.org",
        created_at=created_at,
        access_count=0,
    )


@pytest.fixture
def signature():
    return signature_begun(NOON)


@each_purpose
def test_a_link_leads_to_the_signature_it_was_made_for(purpose, signature):
    link = purpose.read(purpose.token(signature))
    assert (link.code, link.expired) == (signature.code, False)
    assert purpose.fits(link, signature)
    other = signature_begun(NOON + timedelta(seconds=1))
    assert not purpose.fits(link, other), "it began later, under the same code"


@each_purpose
def test_it_opens_nothing_else(purpose, signature):
    token = purpose.token(signature)
    for other in PURPOSES:
        if other is not purpose:
            with pytest.raises(TokenInvalid):
                other.read(token)
    assert len({other.fingerprint(signature) for other in PURPOSES}) == len(PURPOSES)


@each_purpose
def test_it_dies_when_the_address_changes(purpose, signature):
    link = purpose.read(purpose.token(signature))
    signature.email = "ailleurs@example.org"
    assert not purpose.fits(link, signature)


@pytest.mark.parametrize(
    ("purpose", "change"),
    [
        (ACCESS_SIGNATURE, {"access_count": 1}),
        (ACCESS_SIGNATURE, {"status": Status.WITHDRAWN}),
        (MOVE_SIGNATURE, {"new_email": "ailleurs@example.org"}),
    ],
    ids=str,
)
def test_it_dies_when_what_it_was_for_has_changed(purpose, change, signature):
    links = {other: other.read(other.token(signature)) for other in PURPOSES}
    for name, value in change.items():
        setattr(signature, name, value)
    assert {other for other, link in links.items() if not other.fits(link, signature)} == {purpose}


@pytest.mark.parametrize(("purpose", "seconds"), [(CONFIRM_SIGNATURE, 600), (ACCESS_SIGNATURE, 60)])
def test_it_lives_as_long_as_the_setting_says(purpose, seconds, signature, monkeypatch):
    token = purpose.token(signature)
    at(monkeypatch, NOON + timedelta(seconds=seconds))
    assert not purpose.read(token).expired
    at(monkeypatch, NOON + timedelta(seconds=seconds + 1))
    assert purpose.read(token).expired
    assert purpose.fits(purpose.read(token), signature), "which is another matter"


def test_it_is_short_sealed_with_sha256_and_names_nobody(signature):
    token = CONFIRM_SIGNATURE.token(signature)
    content, issued, seal = token.split(".")
    assert len(urlsafe_b64decode(seal + "=")) == 32
    words = urlsafe_b64decode(content + "==").decode()
    assert re.fullmatch(rf'\["{signature.code}","[0-9a-f]{{20}}"\]', words)


def test_a_rotated_secret_opens_what_the_former_one_sealed(config, signature):
    token = CONFIRM_SIGNATURE.token(signature)
    former, config["SECRET_KEY"] = config["SECRET_KEY"], "another-secret-that-is-long-enough-too"
    with pytest.raises(TokenInvalid):
        CONFIRM_SIGNATURE.read(token)
    config["SECRET_KEY_FALLBACKS"] = [former]
    assert CONFIRM_SIGNATURE.read(token).code == signature.code
    fresh = CONFIRM_SIGNATURE.token(signature)
    config["SECRET_KEY_FALLBACKS"] = []
    assert CONFIRM_SIGNATURE.read(fresh).code == signature.code, "the new one seals from now on"


@pytest.mark.parametrize("content", [[], ["one"], ["one", "two", "three"], 7, None], ids=str)
def test_what_is_sealed_but_says_something_else_is_no_link(content):
    token = CONFIRM_SIGNATURE._serializer().dumps(content)
    with pytest.raises(TokenInvalid):
        CONFIRM_SIGNATURE.read(token)


def test_what_it_says_is_text():
    link = CONFIRM_SIGNATURE.read(CONFIRM_SIGNATURE._serializer().dumps([1, 2]))
    assert (link.code, link.fingerprint) == ("1", "2")


@pytest.mark.parametrize("token", ["", "x", "x.y.z", "W10.x.y", "\N{LATIN SMALL LETTER E WITH ACUTE}.x.y"])
def test_what_is_damaged_is_no_link(token):
    with pytest.raises(TokenInvalid):
        CONFIRM_SIGNATURE.read(token)
