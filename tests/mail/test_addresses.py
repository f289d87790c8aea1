"""E-mail addresses: their stored form, their form in SMTP, and suggestions for typos."""

import pytest

from app.extensions import db
from app.mail.addresses import (
    KNOWN_DOMAINS,
    AddressError,
    encode_address,
    mailbox_of,
    normalise_address,
    suggest_address,
)
from app.models import Letter, LetterKind
from tests.support.journeys import ELODIE, sign, signed_and_confirmed, tick
from tests.support.mailbox import link_in


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("elodie@example.org", "elodie@example.org"),
        ("Elodie.MARTIN@Example.ORG", "elodie.martin@example.org"),
        ("o’brien@example.org", "o'brien@example.org"),
        ("e@école.fr", "e@école.fr"),
        ("e@ÉCOLE.fr", "e@école.fr"),
        ("e@e\u0301cole.fr", "e@école.fr"),
        ("e@école。fr", "e@école.fr"),
        ("e@xn--cole-9oa.fr", "e@école.fr"),
        ("E@XN--COLE-9OA.FR", "e@école.fr"),
        ("e@straße.de", "e@straße.de"),
        ("ivan@пример.рф", "ivan@пример.рф"),
        ("ivan@пример.com", "ivan@пример.com"),
    ],
)
def test_an_address_has_one_stored_form(typed, kept):
    assert normalise_address(typed) == kept
    assert normalise_address(encode_address(kept)) == kept


@pytest.mark.parametrize(
    "typed",
    ["a@b.fr, c@d.fr", "a@b.fr;c@d.fr", "a@b.fr c@d.fr", "A <a@b.fr>", '"a@b.fr"@example.org',
     "a@[192.0.2.1]",
     "éloïse@example.org", "ехample@example.org", "a@ехample.org", "a@éxаmple.org", "a@xn--ample-ywe6i.org",
     "a@gmаil.com"],
)  # fmt: skip
def test_a_text_that_is_not_one_address_in_one_script_is_refused(typed):
    with pytest.raises(AddressError):
        normalise_address(typed)


@pytest.mark.parametrize(
    ("address", "sent_to"),
    [
        ("e@école.fr", "e@xn--cole-9oa.fr"),
        ("e@straße.de", "e@xn--strae-oqa.de"),  # IDNA 2003 gives strasse.de, another domain
        ("e@example.org", "e@example.org"),
    ],
)
def test_a_letter_is_sent_to_the_domain_in_ascii(candidate, deliver, mailbox, address, sent_to):
    page = sign(candidate, email=address)
    assert page.text(".address") == address
    assert deliver() == 1
    assert mailbox.letters[0]["X-Envelope-To"] == sent_to


def test_two_spellings_of_a_domain_are_one_mailbox(candidate, citizen, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox, email="elodie@école.example.org")
    citizen.open("/retrouver").submit(".form", email="Elodie@xn--cole-9oa.example.org")
    assert deliver() == 1


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmail.fr", "gmail.com"),
        ("oragne.fr", "orange.fr"),
        ("wanado.fr", "wanadoo.fr"),
        ("wanadoo.com", "wanadoo.fr"),
        ("laposte.ne", "laposte.net"),
        ("hotmial.fr", "hotmail.fr"),
        ("homail.com", "hotmail.com"),
        ("outlok.fr", "outlook.fr"),
        ("yaho.fr", "yahoo.fr"),
        ("free.com", "free.fr"),
        ("iclod.com", "icloud.com"),
    ],
)
def test_a_typo_in_a_known_domain_gets_a_suggestion(domain, meant):
    assert suggest_address(f"elodie.martin@{domain}") == f"elodie.martin@{meant}"


@pytest.mark.parametrize(
    "domain",
    [*KNOWN_DOMAINS, "example.org", "mairie-sarlat.fr", "dordogne.fr", "cress-na.org",
     "ac-bordeaux.fr",
     "hotmail.be", "yahoo.de", "live.be", "gmail.example.org", "a.fr", "école.fr"],
)  # fmt: skip
def test_other_domains_get_no_suggestion(domain):
    assert suggest_address(f"elodie@{domain}") is None


def doubted(page):
    assert page.status == 422
    assert "gmail.com" in page.text("#email-error")
    choices = page.soup.select("[name=email_choice][type=radio]")
    assert [choice["value"] for choice in choices] == ["elodie@gmail.com", "elodie@gmial.com"]
    assert not any(choice.has_attr("checked") for choice in choices)
    assert page["#email"]["value"] == "elodie@gmial.com"
    return page


def at_signer(candidate, deliver, mailbox):
    tick(candidate, 1)
    return candidate.open("/signer"), ELODIE


def at_sent(candidate, deliver, mailbox):
    return sign(candidate), {}


def at_correct(candidate, deliver, mailbox):
    sign(candidate)
    deliver()
    return candidate.open(link_in(mailbox.letters[0], "/confirmer/") + "/corriger"), {}


def at_find(candidate, deliver, mailbox):
    return candidate.open("/retrouver"), {}


@pytest.fixture(params=[at_signer, at_sent, at_correct, at_find])
def form(request, candidate, deliver, mailbox):
    page, fields = request.param(candidate, deliver, mailbox)
    return doubted(page.submit(".form", **fields | {"email": "Elodie@gmial.com"}))


def waiting_for(app):
    """Return where the last letter goes that asks for something."""
    with app.app_context():
        asking = Letter.kind.in_((LetterKind.CONFIRM, LetterKind.ACCESS))
        return db.session.query(Letter).filter(asking).order_by(Letter.id.desc()).first().address


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        ("elodie@gmail.com", "elodie@gmail.com"),
        ("elodie@gmial.com", "elodie@gmial.com"),
        (None, "elodie@gmial.com"),
        ("mallory@example.org", "elodie@gmial.com"),
    ],
)
def test_the_form_asks_once_and_accepts_the_typed_address(app, form, choice, kept):
    assert form.submit(".form", email_choice=choice).status == 200
    assert waiting_for(app) == kept


def test_another_typo_gets_another_suggestion(form):
    page = form.submit(".form", email="elodie@gmai.com")
    assert page.status == 422
    assert "elodie@gmai.com" in {choice["value"] for choice in page.soup.select("[name=email_choice]")}


def test_an_accepted_address_gets_no_second_suggestion(app, candidate, deliver, mailbox, later):
    page = doubted(sign(candidate, email="elodie@gmial.com")).submit(".form")
    later(seconds=11)
    assert page.submit(".form").text(".success")
    assert waiting_for(app) == "elodie@gmial.com"


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("elodie@example.org", "elodie@example.org"),
        ("elodie+charte@example.org", "elodie@example.org"),
        ("elodie+a+b@example.org", "elodie@example.org"),
        ("+charte@example.org", "+charte@example.org"),
    ],
)
def test_a_mailbox_is_an_address_without_its_tag(address, mailbox):
    assert mailbox_of(address) == mailbox
