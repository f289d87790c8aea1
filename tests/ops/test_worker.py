"""The worker thread, which delivers the outbox until its process ends."""

import threading

from app import create_app
from app.extensions import db
from app.mail import outbox
from app.models import LetterState
from app.ops import worker
from tests.support.database import rows
from tests.support.journeys import sign
from tests.support.visitor import Visitor


def test_the_worker_goes_on_after_errors_and_logs_the_first_in_a_row(app, monkeypatch, caplog):
    stopped, outcomes = threading.Event(), iter([OSError, OSError, None, OSError])

    def deliver() -> None:
        error = next(outcomes, stopped)
        if error is stopped:
            stopped.set()
        elif error:
            raise error

    monkeypatch.setattr(worker, "deliver_due", deliver)
    monkeypatch.setattr(worker, "INTERVAL", 0)
    worker._deliver_until(app, stopped)
    assert caplog.text.count("the outbox was not processed") == 2


def test_the_worker_delivers_letters(app, candidate, mailbox, monkeypatch):
    stopped, deliver_due = threading.Event(), outbox.deliver_due
    sign(candidate)

    def deliver_once() -> None:
        deliver_due()
        stopped.set()

    monkeypatch.setattr(worker, "deliver_due", deliver_once)
    monkeypatch.setattr(worker, "INTERVAL", 0)
    worker._deliver_until(app, stopped)
    assert len(mailbox.letters) == 1


def test_letters_wait_in_development(settings, mailbox, monkeypatch):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = create_app(settings | {"MAIL_SERVER": ""})
    with app.app_context():
        db.create_all()
    sign(Visitor(app))
    with app.app_context():
        assert outbox.deliver_due() == 0
        db.engine.dispose()
    assert rows(app, "SELECT state FROM letter") == [(LetterState.WAITING.value,)]
