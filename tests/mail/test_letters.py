"""Letters: owed with the fact, sent by a real server, whatever happens on the way."""

import re
from datetime import timedelta

import pytest

from app import create_app
from app.certificates.key import new_key, seal_key
from app.clock import now
from app.extensions import db
from app.mail import outbox
from app.models import Letter, LetterState
from tests.support.database import dump, rows
from tests.support.journeys import ELODIE, confirm, sign, signed_and_confirmed, tick
from tests.support.mailbox import html_of, link_in, text_of
from tests.support.visitor import check_typography


def stored(app):
    with app.app_context():
        letter = db.session.query(Letter).one()
        return letter.state, letter.attempts, letter.trouble, letter.due_at - letter.created_at


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


def test_the_letter_that_says_it_is_done(candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    letter = mailbox.letters[1]
    assert letter["Subject"] == "Votre signature est confirmée"
    (certificate,) = letter.iter_attachments()
    assert certificate.get_filename() == "certificat-ELODIE-MARTIN-SARLAT-LA-CANEDA.pdf"
    assert certificate.get_content().startswith(b"%PDF-")
    assert candidate.open(link_in(letter, "/signataires/")).text("h1") == "Élodie Martin"
    assert candidate.open(link_in(letter, "/retrouver")).status == 200


def test_no_link_and_no_text_lies_in_the_database(app, candidate, deliver, mailbox):
    sign(candidate)
    deliver()
    token = link_in(mailbox.letters[0], "/confirmer/").rsplit("/", 1)[1]
    held = dump(app)
    assert token[:40] not in held
    assert "Bonjour" not in held


def test_the_letter_is_owed_only_if_the_signature_is_stored(app, candidate, deliver, monkeypatch):
    tick(candidate, 1)
    page = candidate.open("/signer")
    monkeypatch.setattr("app.candidate.sign.db.session.commit", lambda: 1 / 0)
    assert page.submit(".form", **ELODIE).status == 500
    monkeypatch.undo()
    assert deliver() == 0


@pytest.mark.parametrize("answer", ["451 later", "421 too busy"])
def test_a_passing_refusal_is_retried_under_the_same_name(app, candidate, deliver, mailbox, later, answer):
    sign(candidate)
    mailbox.answer = answer
    assert deliver() == 0
    state, attempts, trouble, delay = stored(app)
    assert (state, attempts) == (LetterState.WAITING, 1)
    assert answer[:3] in trouble
    assert delay >= timedelta(minutes=1)
    assert deliver() == 0
    assert stored(app)[1] == 1, "not before it is due"
    later(minutes=2)
    mailbox.answer = "250 OK"
    assert deliver() == 1
    assert stored(app)[0] is LetterState.SENT


def test_a_final_refusal_is_not_retried(app, candidate, deliver, mailbox, later):
    sign(candidate)
    mailbox.answer = "550 no such user"
    deliver()
    state, attempts, trouble, _ = stored(app)
    assert (state, attempts) == (LetterState.REFUSED, 1)
    assert "no such user" in trouble
    later(days=2)
    mailbox.answer = "250 OK"
    assert deliver() == 0


def test_a_relay_that_is_down_for_a_day_only_delays(app, candidate, deliver, mailbox, later):
    mailbox.stop()
    sign(candidate)
    for _ in range(30):
        assert deliver() == 0
        later(hours=1)
    assert "ConnectionRefusedError" in stored(app)[2]
    mailbox.start()
    assert deliver() == 1


def test_nobody_waits_for_the_relay(app, candidate, deliver, mailbox):
    """While the relay takes its time, others write: no transaction is open."""
    sign(candidate)
    mailbox.meanwhile = lambda: rows(app, "UPDATE letter SET trouble = 'written meanwhile'")
    assert deliver() == 1
    assert stored(app)[2] == "written meanwhile"


def test_what_is_written_while_a_letter_leaves_is_in_the_next(app, candidate, deliver, mailbox):
    """One round finds the signature as it is at each letter, not as it was at the first."""
    app.config["MAIL_TIMEOUT"] = 60  # a whole page is made while the relay is waited for
    sign(candidate)
    deliver()
    confirm(candidate, mailbox)
    owner = candidate.open("/ma-signature/corriger")

    def move() -> None:
        mailbox.meanwhile = lambda: None
        assert owner.submit(".form", email="ailleurs@example.org").url == "/ma-signature"

    mailbox.meanwhile = move
    assert deliver() == 3
    assert {letter["X-Envelope-To"] for letter in mailbox.letters[2:]} == {
        "ailleurs@example.org",
        ELODIE["email"],
    }
    assert rows(app, "SELECT DISTINCT state FROM letter") == [("sent",)]


def test_what_the_relay_holds_against_us_is_not_the_letter_s_fault(app, candidate, deliver, mailbox, later):
    sign(candidate)
    mailbox.sender_answer = "530 5.7.0 Authentication required"
    assert deliver() == 0
    assert stored(app)[0] is LetterState.WAITING
    mailbox.sender_answer = None
    later(minutes=2)
    assert deliver() == 1


def test_a_refused_recipient_is_final(app, candidate, deliver, mailbox):
    sign(candidate)
    mailbox.recipient_answer = "550 no such user"
    deliver()
    assert stored(app)[0] is LetterState.REFUSED


def test_the_log_names_nobody(candidate, deliver, mailbox, caplog):
    sign(candidate)
    mailbox.recipient_answer = f"550 {ELODIE['email']} unknown"
    deliver()
    assert "refused" in caplog.text
    assert ELODIE["email"] not in caplog.text


def test_no_line_is_longer_than_mail_allows(candidate, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox, given_name="é" * 60, family_name="œ" * 60)
    for letter in mailbox.received:
        assert max(map(len, letter.splitlines())) <= 998
    assert f"Bonjour {'é' * 60}" in html_of(mailbox.letters[0])


def test_a_relay_that_hangs_is_left(app, candidate, deliver, settings):
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        app.extensions["mail"].port = silent.getsockname()[1]
        sign(candidate)
        assert deliver() == 0
    assert "timed out" in stored(app)[2]


def test_a_courier_that_dies_lets_go_of_its_letter(app, candidate, deliver, mailbox, later):
    sign(candidate)
    with app.app_context():
        next(outbox._claimed())  # and then nothing: killed between claiming and sending
    assert deliver() == 0
    later(minutes=11)
    assert deliver() == 1


def test_killed_after_sending_it_sends_the_same_message_id_again(
    app, candidate, deliver, mailbox, later, monkeypatch
):
    sign(candidate)
    really_send = outbox._send

    def send_and_die(message):
        really_send(message)
        raise SystemExit

    monkeypatch.setattr(outbox, "_send", send_and_die)
    with pytest.raises(SystemExit):
        deliver()
    monkeypatch.setattr(outbox, "_send", really_send)
    later(minutes=11)
    assert deliver() == 1
    first, second = mailbox.letters
    assert first["Message-ID"] == second["Message-ID"]


def test_a_letter_about_nothing_any_more_is_not_sent(app, candidate, citizen, deliver, mailbox, later):
    sign(candidate)
    deliver()
    later(seconds=11)
    page = candidate.open("/signer/envoye").submit(".form")
    assert page.status == 200
    confirm(citizen, mailbox)  # before the second letter left
    deliver()
    assert [letter["Subject"] for letter in mailbox.letters] == [
        "Confirmez votre signature",
        "Votre signature est confirmée",
    ]


def test_the_command_for_cron(app, candidate, mailbox):
    sign(candidate)
    run = app.test_cli_runner().invoke(args=["letters", "deliver"])
    assert run.output == "1 sent; none waits\n"
    sign(candidate, email="autre@example.org")
    mailbox.answer = "451 later"
    run = app.test_cli_runner().invoke(args=["letters", "deliver"])
    assert re.fullmatch(r"0 sent; the next one is due at \d\d:\d\d:\d\d UTC\n", run.stdout)


def test_links_come_from_the_configuration_not_from_the_host(app, candidate, deliver, mailbox):
    app.config["TRUSTED_HOSTS"] = ["localhost", "evil.example"]
    tick_page = candidate.client.get("/", headers={"Host": "evil.example"})
    assert tick_page.status_code == 200
    sign(candidate)
    deliver()
    assert link_in(mailbox.letters[0], "/confirmer/").startswith("http://localhost/")


@pytest.fixture
def organised(settings):
    """A site with two organisers, and a key that was made today."""
    settings["ORGANISERS"] = ["anne@example.org", "bruno@example.org"]
    app = create_app(settings)
    with app.app_context():
        db.create_all()
        assert seal_key.days_left(now()) > 3000
    yield app
    with app.app_context():
        db.engine.dispose()


def deliver_at(app) -> int:
    with app.app_context():
        return outbox.deliver_due()


def test_organisers_are_warned_before_the_seal_expires(organised, mailbox, later):
    with organised.app_context():
        life = seal_key.not_after - now()
    later(seconds=(life - timedelta(days=61, hours=1)).total_seconds())
    assert deliver_at(organised) == 0
    for days, sent in ((0, 0), (1, 2), (20, 0), (33, 2), (20, 0)):  # 60 days left, 40, 7, and over
        later(days=days)
        assert [deliver_at(organised) for _ in range(3)] == [sent, 0, 0]
    assert [letter["X-Envelope-To"] for letter in mailbox.letters] == [
        "anne@example.org",
        "bruno@example.org",
    ] * 2
    assert {letter["Subject"] for letter in mailbox.letters} == {"Le sceau des certificats expire bientôt"}
    check_typography(text_of(mailbox.letters[0]))
    assert "flask --app app seal create" in html_of(mailbox.letters[0])


def test_an_expired_seal_is_said_to_be(organised, mailbox, later):
    with organised.app_context():
        life = seal_key.not_after - now()
    later(seconds=(life + timedelta(days=2)).total_seconds())
    assert deliver_at(organised) == 2
    assert mailbox.letters[0]["Subject"] == "Le sceau des certificats a expiré"


def test_two_couriers_warn_once(organised, mailbox, later, monkeypatch):
    with organised.app_context():
        life = seal_key.not_after - now()
    later(seconds=(life - timedelta(days=30)).total_seconds())
    with monkeypatch.context() as patch:  # both look before either has written
        patch.setattr(outbox, "_claimed", lambda: iter(()))
        deliver_at(organised)
        patch.setattr(db.session, "scalar", lambda _: None)
        deliver_at(organised)
    assert deliver_at(organised) == 2


def test_a_warning_about_a_key_that_was_replaced_is_void(organised, mailbox, later):
    with organised.app_context():
        life = seal_key.not_after - now()
    later(seconds=(life - timedelta(days=30)).total_seconds())
    mailbox.answer = "451 later"
    assert deliver_at(organised) == 0
    mailbox.answer = "250 OK"
    with organised.app_context():
        fresh = new_key("localhost", "Nous", now())
    organised.extensions["seal"] = lambda: fresh
    later(hours=1)
    assert deliver_at(organised) == 0
    with organised.app_context():
        assert {letter.state for letter in db.session.query(Letter)} == {LetterState.VOID}
