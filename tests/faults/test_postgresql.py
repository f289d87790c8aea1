"""One PostgreSQL database: restarted at once under a site that runs, and shared by two."""

import threading
from contextlib import ExitStack
from functools import partial

import pytest
from sqlalchemy import create_engine, text

from app import create_app
from app.extensions import db
from app.mail import outbox
from tests.support import postgresql as postgres
from tests.support.database import drop_database, looked_at, new_database, rows
from tests.support.journeys import confirm, sign
from tests.support.people import (
    Person,
    check_whole,
    crowd,
    kill_all,
    ten_minutes_pass,
    wait_for_letters,
    wait_until,
)
from tests.support.site import running_site
from tests.support.visitor import Visitor
from tests.support.wire import Wire

CLIENTS = 8


@pytest.fixture
def shared(postgresql):
    """An empty database on PostgreSQL."""
    url = new_database(postgresql)
    yield url
    drop_database(url)


def test_restarted_at_once(tmp_path, shared):
    """The site recovers without a restart, and nobody ever gets worse than the page that says so."""
    with running_site(tmp_path, shared) as site:
        ((data,),) = rows(shared, "SHOW data_directory")
        wires = [Wire(site.url) for _ in range(CLIENTS)]
        statuses: list[int] = []
        over = threading.Event()

        def press(wire: Wire) -> None:
            number = 0
            while not over.is_set():
                number = number % 10 + 1
                if not wire.token:
                    statuses.append(wire.ask("GET", "/")[0])
                    continue
                status, page = wire.ask("POST", f"/engagements/{number}", {"taken": "yes"})
                statuses.append(status)
                assert status == 200 or "momentanément indisponible" in page

        threads = [threading.Thread(target=press, args=(wire,)) for wire in wires]
        for thread in threads:
            thread.start()
        wait_until(lambda: statuses.count(200) > 20 * CLIENTS)
        postgres.crash_and_start(data)
        begun = len(statuses)
        wait_until(lambda: len(statuses) > begun + 20 * CLIENTS)
        over.set()
        for thread in threads:
            thread.join()
        for wire in wires:
            wire.connection.close()
        assert set(statuses) <= {200, 503}
        assert set(statuses[begun + 2 * CLIENTS :]) == {200}
        assert "Traceback" not in site.log.read_text()


def test_dead_connections_cost_one_page(shared, settings):
    """Who finds one gets the page that says so; all that lay in the pool with it are let go of."""
    settings["SQLALCHEMY_DATABASE_URI"] = shared
    app = create_app(settings)
    with app.app_context():
        engine = db.engine
        db.create_all()
    ((data,),) = rows(shared, "SHOW data_directory")
    for connection in [engine.connect() for _ in range(4)]:
        connection.close()
    postgres.crash_and_start(data)
    assert [Visitor(app).open("/signataires").status for _ in range(6)] == [503] + [200] * 5
    engine.dispose()


@pytest.mark.parametrize("path", ["/territoire", "/signataires", "/signer"])
def test_a_page_that_is_made_is_sent_although_the_database_is_gone(shared, settings, path):
    settings["SQLALCHEMY_DATABASE_URI"] = shared
    app = create_app(settings)
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )

    @app.after_request
    def lose_the_database(response):
        rows(shared, end)
        return response

    with app.app_context():
        engine = db.engine
        db.create_all()
    assert Visitor(app).open(path).status == 200
    engine.dispose()


def test_a_courier_passes_over_what_another_takes(shared, settings, mailbox):
    settings["SQLALCHEMY_DATABASE_URI"] = shared
    app = create_app(settings)
    with app.app_context():
        engine = db.engine
        db.create_all()
    for name in ("anne", "bruno"):
        sign(Visitor(app), email=f"{name}@example.org")
    other = create_engine(shared)
    with other.begin() as connection:
        connection.execute(text("SELECT id FROM letter ORDER BY id LIMIT 1 FOR UPDATE"))
        run = app.test_cli_runner().invoke(args=["letters", "deliver"])
        assert run.output.startswith("1 sent")
    other.dispose()
    assert [letter["X-Envelope-To"] for letter in mailbox.letters] == ["bruno@example.org"]
    engine.dispose()


def test_a_letter_that_the_database_refuses_waits_a_minute(shared, settings, mailbox, later):
    """A courier that waits for a row in vain goes on with the next letter."""
    settings["SQLALCHEMY_DATABASE_URI"] = f"{shared}&options=-clock_timeout%3D100ms"
    app = create_app(settings)
    with app.app_context():
        engine = db.engine
        db.create_all()

    def deliver() -> int:
        with app.app_context():
            return outbox.deliver_due()

    candidate = Visitor(app)
    sign(candidate)
    deliver()
    confirm(candidate, mailbox)
    sign(Visitor(app), email="bruno@example.org")
    with looked_at(shared) as connection:
        connection.execute(text("SELECT id FROM signature WHERE status = 'confirmed' FOR UPDATE"))
        assert deliver() == 1
    assert mailbox.letters[1]["X-Envelope-To"] == "bruno@example.org"
    ((attempts, trouble),) = rows(shared, "SELECT attempts, trouble FROM letter WHERE state = 'waiting'")
    assert (attempts, trouble.partition(":")[0]) == (1, "OperationalError")
    later(seconds=61)
    assert deliver() == 1
    engine.dispose()


def test_two_sites_share_one_database_and_one_is_killed(tmp_path, shared, mailbox):
    with ExitStack() as stack:
        same = {"MAIL_PORT": str(mailbox.port), "SEAL_FILE": f"{tmp_path}/seal.p12"}
        sites = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            start = partial(running_site, tmp_path / name, shared, **same)
            sites.append(stack.enter_context(start()))
        one, two = sites
        with crowd(CLIENTS, lambda number: Person(sites[number % 2].url, mailbox)) as people:
            wait_until(lambda: sum(person.confirmed for person in people) > CLIENTS)
            received = [letter["Message-ID"] for letter in mailbox.letters]
            assert len(received) == len(set(received)), "one came twice while both lived"
            sites[:] = [two, two]
            kill_all(one)
            for person in people:
                person.go_to(two.url)
            ten_minutes_pass(shared)
            begun = len(people)
            wait_until(lambda: len(people) > begun + CLIENTS)
        wait_for_letters(two)
        check_whole(two, people)
        assert {key for (key,) in rows(shared, "SELECT message_key FROM letter WHERE state = 'sent'")} <= {
            letter["Message-ID"].strip("<").partition("@")[0] for letter in mailbox.letters
        }
