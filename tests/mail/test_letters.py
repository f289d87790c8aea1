"""The messages of letters: headers, texts, links and attachments, as a real SMTP server receives them."""

import re
from dataclasses import replace

from app.extensions import charter
from tests.support.database import dump
from tests.support.journeys import ELODIE, sign, signed_and_confirmed
from tests.support.mailbox import html_of, link_in, text_of


def test_the_confirmation_letter(candidate, deliver, mailbox):
    sign(candidate, 1, 2, 3)
    assert deliver() == 1
    (letter,) = mailbox.letters
    assert letter["Subject"] == "Confirmez votre signature"
    assert letter["To"] == letter["X-Envelope-To"] == ELODIE["email"]
    assert letter["From"] == "Charte ESS Dordogne <charte@example.org>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[0-9a-f]{32}@localhost>", letter["Message-ID"])
    for text in (text_of(letter), html_of(letter)):
        assert "3 engagements sur 10" in text
        assert "Sarlat-la-Canéda" in text
        assert "valable 7 jours" in text
    assert "elodie" not in link_in(letter, "/confirmer/").lower()


def test_the_confirmed_letter_has_the_certificate(candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    letter = mailbox.letters[1]
    assert letter["Subject"] == "Votre signature est confirmée"
    (certificate,) = letter.iter_attachments()
    assert certificate.get_filename() == "certificat-ELODIE-MARTIN-SARLAT-LA-CANEDA.pdf"
    assert certificate.get_content().startswith(b"%PDF-")
    assert candidate.open(link_in(letter, "/signataires/")).text("h1") == "Élodie Martin"
    assert candidate.open(link_in(letter, "/retrouver")).status == 200


def test_the_database_stores_no_link_and_no_text(app, candidate, deliver, mailbox):
    sign(candidate)
    deliver()
    token = link_in(mailbox.letters[0], "/confirmer/").rsplit("/", 1)[1]
    held = dump(app)
    assert token[:40] not in held
    assert "Bonjour" not in held


def test_no_line_is_longer_than_smtp_allows(candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox, given_name="é" * 60, family_name="œ" * 60)
    for letter in mailbox.received:
        assert max(map(len, letter.splitlines())) <= 998
    assert f"Bonjour {'é' * 39}…," in html_of(mailbox.letters[0])


def test_links_come_from_server_name_not_from_the_host_header(app, candidate, deliver, mailbox):
    app.config["TRUSTED_HOSTS"] = ["localhost", "evil.example"]
    tick_page = candidate.client.get("/", headers={"Host": "evil.example"})
    assert tick_page.status_code == 200
    sign(candidate)
    deliver()
    assert link_in(mailbox.letters[0], "/confirmer/").startswith("http://localhost/")


def test_the_headers_of_a_letter_to_a_long_address(candidate, deliver, mailbox):
    """No header folds inside an address, and each part is quoted-printable in lines of 76 characters."""
    address = f"{'e' * 64}@{'.'.join(['d' * 60] * 2)}.example.org"
    sign(candidate, email=address)
    deliver()
    (letter,), (received,) = mailbox.letters, mailbox.received
    assert letter["To"] == letter["X-Envelope-To"] == address
    head, _, body = received.decode("ascii").replace("\r\n", "\n").partition("\n\n")
    assert f"To: {address}" in head.replace("\n ", " ").replace("To:  ", "To: ")
    assert max(map(len, body.splitlines())) <= 78
    assert [part.get_content_type() for part in letter.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    texts = [part for part in letter.walk() if not part.is_multipart()]
    assert {part["Content-Transfer-Encoding"] for part in texts} == {"quoted-printable"}


def test_the_sender_may_have_a_domain_in_unicode(app, candidate, deliver, mailbox):
    app.config["MAIL_DEFAULT_SENDER"] = "charte@école.fr"
    app.extensions["charter"] = replace(app.extensions["charter"], short_title="Charte, la vôtre")
    sign(candidate)
    deliver()
    (address,) = mailbox.letters[0]["From"].addresses
    assert (address.display_name, address.addr_spec) == (
        "Charte, la vôtre Dordogne",
        "charte@xn--cole-9oa.fr",
    )


def test_replies_go_where_the_settings_say(app, candidate, deliver, mailbox):
    sign(candidate)
    deliver()
    assert mailbox.letters[0]["Reply-To"] is None
    app.config["MAIL_REPLY_TO"] = "bureau@example.org"
    sign(candidate, email="autre@example.org")
    deliver()
    assert mailbox.letters[1]["Reply-To"] == "bureau@example.org"


def test_the_foot_of_a_letter_has_the_contacts_of_the_charter(app, candidate, deliver, mailbox):
    sign(candidate)
    deliver()
    with app.app_context():
        contacts = [contact.email for contact in charter.contacts]
    assert contacts
    for text in (text_of(mailbox.letters[0]), html_of(mailbox.letters[0])):
        assert all(contact in text for contact in contacts)
