"""The outbox: letters queued with their cause, sent to a real SMTP server, and retried when it fails."""

import re
import smtplib
import socket
from datetime import timedelta

import pytest

from app import create_app
from app.certificates.key import generate_key, seal_key
from app.clock import now
from app.extensions import db
from app.mail import outbox
from app.mail.links import CONFIRM_SIGNATURE
from app.models import Letter, LetterState, Signature
from tests.support.database import rows
from tests.support.journeys import ELODIE, confirm, sign, tick
from tests.support.mailbox import html_of, text_of
from tests.support.visitor import check_typography


def stored(app):
    with app.app_context():
        letter = db.session.query(Letter).one()
        return letter.state, letter.attempts, letter.trouble, letter.due_at - letter.created_at


def test_a_letter_is_queued_only_if_the_signature_is_stored(app, candidate, deliver, monkeypatch):
    tick(candidate, 1)
    page = candidate.open("/signer")
    monkeypatch.setattr("app.candidate.sign.db.session.commit", lambda: 1 / 0)
    assert page.submit(".form", **ELODIE).status == 500
    monkeypatch.undo()
    assert deliver() == 0


@pytest.mark.parametrize("answer", ["451 later", "421 too busy"])
def test_a_temporary_refusal_is_retried(app, candidate, deliver, mailbox, later, answer):
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


def test_a_server_that_is_down_for_a_day_delays_letters(app, candidate, deliver, mailbox, later):
    mailbox.stop()
    sign(candidate)
    for _ in range(30):
        assert deliver() == 0
        later(hours=1)
    assert "ConnectionRefusedError" in stored(app)[2]
    mailbox.start()
    assert deliver() == 1


def test_no_transaction_is_open_during_an_smtp_session(app, candidate, deliver, mailbox):
    """Another request writes while the SMTP server is waited for."""
    sign(candidate)
    mailbox.meanwhile = lambda: rows(app, "UPDATE letter SET trouble = 'written meanwhile'")
    assert deliver() == 1
    assert stored(app)[2] == "written meanwhile"


def test_each_letter_reads_what_was_written_during_the_one_before(app, candidate, deliver, mailbox):
    """In one run, each letter is composed from the signature as it is by then."""
    app.config["MAIL_TIMEOUT"] = 60  # a whole page is rendered during the SMTP session
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


def test_a_refused_sender_is_retried(app, candidate, deliver, mailbox, later):
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


def test_the_log_contains_no_address(candidate, deliver, mailbox, caplog):
    sign(candidate)
    mailbox.recipient_answer = f"550 {ELODIE['email']} unknown"
    deliver()
    assert "refused" in caplog.text
    assert ELODIE["email"] not in caplog.text


def test_a_server_that_hangs_times_out(app, candidate, deliver, settings):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        app.config["MAIL_PORT"] = silent.getsockname()[1]
        sign(candidate)
        assert deliver() == 0
    assert "timed out" in stored(app)[2]


def test_the_claim_of_a_killed_worker_ends(app, candidate, deliver, mailbox, later):
    sign(candidate)
    with app.app_context():
        next(outbox._claim_letters())  # killed between the claim and the SMTP session
    assert deliver() == 0
    later(minutes=11)
    assert deliver() == 1


def test_a_worker_killed_after_sending_sends_the_same_message_id_again(
    app, candidate, deliver, mailbox, later, monkeypatch
):
    sign(candidate)
    really_send = smtplib.SMTP.sendmail

    def send_and_die(smtp, *message):
        really_send(smtp, *message)
        raise SystemExit

    monkeypatch.setattr(smtplib.SMTP, "sendmail", send_and_die)
    with pytest.raises(SystemExit):
        deliver()
    monkeypatch.setattr(smtplib.SMTP, "sendmail", really_send)
    later(minutes=11)
    assert deliver() == 1
    first, second = mailbox.letters
    assert first["Message-ID"] == second["Message-ID"]


def test_a_void_letter_is_not_sent(app, candidate, citizen, deliver, mailbox):
    sign(candidate)
    with app.app_context():  # confirmed before the letter left
        link = CONFIRM_SIGNATURE.make_url(db.session.query(Signature).one())
    citizen.open(link).submit(".form", agreed="y")
    deliver()
    assert [letter["Subject"] for letter in mailbox.letters] == ["Votre signature est confirmée"]


def test_the_command_sends_letters_and_names_the_next_due_time(app, candidate, mailbox):
    sign(candidate)
    run = app.test_cli_runner().invoke(args=["letters", "deliver"])
    assert run.output == "1 sent; none waits\n"
    sign(candidate, email="autre@example.org")
    mailbox.answer = "451 later"
    run = app.test_cli_runner().invoke(args=["letters", "deliver"])
    assert re.fullmatch(r"0 sent; the next one is due at \d\d:\d\d:\d\d UTC\n", run.stdout)


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


def test_the_letter_about_an_expired_seal(organised, mailbox, later):
    with organised.app_context():
        life = seal_key.not_after - now()
    later(seconds=(life + timedelta(days=2)).total_seconds())
    assert deliver_at(organised) == 2
    assert mailbox.letters[0]["Subject"] == "Le sceau des certificats a expiré"


def test_two_workers_queue_one_seal_warning(organised, mailbox, later, monkeypatch):
    with organised.app_context():
        life = seal_key.not_after - now()
    later(seconds=(life - timedelta(days=30)).total_seconds())
    with monkeypatch.context() as patch:  # both look before either has written
        patch.setattr(outbox, "_claim_letters", lambda: iter(()))
        deliver_at(organised)
        patch.setattr(db.session, "scalar", lambda _: None)
        deliver_at(organised)
    assert deliver_at(organised) == 2


def test_a_seal_warning_is_void_once_the_key_is_replaced(organised, mailbox, later):
    with organised.app_context():
        life = seal_key.not_after - now()
    later(seconds=(life - timedelta(days=30)).total_seconds())
    mailbox.answer = "451 later"
    assert deliver_at(organised) == 0
    mailbox.answer = "250 OK"
    with organised.app_context():
        fresh = generate_key("localhost", "Nous", now())
    organised.extensions["seal_key"] = fresh
    later(hours=1)
    assert deliver_at(organised) == 0
    with organised.app_context():
        assert {letter.state for letter in db.session.query(Letter)} == {LetterState.VOID}
