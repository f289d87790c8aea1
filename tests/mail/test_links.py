"""Links: one purpose, one lifetime, and one state of the signature each. Their text needs no database."""

import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from app import clock
from app.mail.links import (
    ACCESS_SIGNATURE,
    CONFIRM_SIGNATURE,
    DENY_SIGNATURE,
    MOVE_SIGNATURE,
    REFUSE_MOVE,
    TokenInvalid,
)
from app.models import Signature, Status

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PURPOSES = [CONFIRM_SIGNATURE, ACCESS_SIGNATURE, DENY_SIGNATURE, MOVE_SIGNATURE, REFUSE_MOVE]
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
        confirm_count=1,
    )


@pytest.fixture
def signature():
    return signature_begun(NOON)


@each_purpose
def test_a_link_leads_to_the_signature_it_was_made_for(purpose, signature):
    link = purpose.read_token(purpose.make_token(signature))
    assert (link.code, link.expired) == (signature.code, False)
    assert purpose.matches(link, signature)
    other = signature_begun(NOON + timedelta(seconds=1))
    assert not purpose.matches(link, other), "it began later, under the same code"


@each_purpose
def test_a_token_of_another_purpose_is_invalid(purpose, signature):
    token = purpose.make_token(signature)
    for other in PURPOSES:
        if other is not purpose:
            with pytest.raises(TokenInvalid):
                other.read_token(token)
    assert len({other.hash_state(signature) for other in PURPOSES}) == len(PURPOSES)


@each_purpose
def test_a_link_is_void_once_the_address_changes(purpose, signature):
    link = purpose.read_token(purpose.make_token(signature))
    signature.email = "ailleurs@example.org"
    assert not purpose.matches(link, signature)


@pytest.mark.parametrize(
    ("purpose", "change"),
    [
        (ACCESS_SIGNATURE, {"access_count": 1}),
        (ACCESS_SIGNATURE, {"status": Status.WITHDRAWN}),
        (MOVE_SIGNATURE, {"new_email": "ailleurs@example.org"}),
        (REFUSE_MOVE, {"former_email": "avant@example.org"}),
    ],
    ids=lambda value: getattr(value, "salt", str(value)),
)
def test_a_link_is_void_once_its_own_state_changes(purpose, change, signature):
    links = {other: other.read_token(other.make_token(signature)) for other in PURPOSES}
    for name, value in change.items():
        setattr(signature, name, value)
    assert {other for other, link in links.items() if not other.matches(link, signature)} == {purpose}


@pytest.mark.parametrize(("purpose", "seconds"), [(CONFIRM_SIGNATURE, 600), (ACCESS_SIGNATURE, 60)])
def test_a_link_expires_after_the_lifetime_of_its_setting(purpose, seconds, signature, monkeypatch):
    token = purpose.make_token(signature)
    at(monkeypatch, NOON + timedelta(seconds=seconds))
    assert not purpose.read_token(token).expired
    at(monkeypatch, NOON + timedelta(seconds=seconds + 1))
    assert purpose.read_token(token).expired
    assert purpose.matches(purpose.read_token(token), signature), (
        "an expired link still matches its signature"
    )


def test_a_token_is_signed_with_sha256_and_contains_no_personal_data(signature):
    token = CONFIRM_SIGNATURE.make_token(signature)
    content, issued, seal = token.split(".")
    assert len(urlsafe_b64decode(seal + "=")) == 32
    words = urlsafe_b64decode(content + "==").decode()
    assert re.fullmatch(rf'\["{signature.code}","[0-9a-f]{{20}}"\]', words)


def test_a_token_of_a_former_secret_key_is_valid(config, signature):
    token = CONFIRM_SIGNATURE.make_token(signature)
    former, config["SECRET_KEY"] = config["SECRET_KEY"], "another-secret-that-is-long-enough-too"
    with pytest.raises(TokenInvalid):
        CONFIRM_SIGNATURE.read_token(token)
    config["SECRET_KEY_FALLBACKS"] = [former]
    assert CONFIRM_SIGNATURE.read_token(token).code == signature.code
    fresh = CONFIRM_SIGNATURE.make_token(signature)
    config["SECRET_KEY_FALLBACKS"] = []
    assert CONFIRM_SIGNATURE.read_token(fresh).code == signature.code, "the new key signs"


@pytest.mark.parametrize("content", [[], ["one"], ["one", "two", "three"], 7, None], ids=str)
def test_a_signed_token_of_another_shape_is_invalid(content):
    token = CONFIRM_SIGNATURE._serializer().dumps(content)
    with pytest.raises(TokenInvalid):
        CONFIRM_SIGNATURE.read_token(token)


def test_the_content_of_a_token_is_read_as_text():
    link = CONFIRM_SIGNATURE.read_token(CONFIRM_SIGNATURE._serializer().dumps([1, 2]))
    assert (link.code, link.state_hash) == ("1", "2")


@pytest.mark.parametrize("token", ["", "x", "x.y.z", "W10.x.y", "\N{LATIN SMALL LETTER E WITH ACUTE}.x.y"])
def test_a_damaged_token_is_invalid(token):
    with pytest.raises(TokenInvalid):
        CONFIRM_SIGNATURE.read_token(token)
