"""Killed: what was answered is there, nothing by halves, and every letter leaves in the end."""

import os
import random
import signal
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.database import looked_at, rows
from tests.support.journeys import ELODIE
from tests.support.mailbox import free_port
from tests.support.people import (
    PATIENCE,
    Person,
    check_whole,
    crowd,
    kill_all,
    ten_minutes_pass,
    wait_for_letters,
    wait_until,
    workers,
)
from tests.support.site import running_site
from tests.support.wire import Wire

CLIENTS = 16
KILLS = 200
PROCESSES = 8


def test_killed_two_hundred_times_while_sixteen_sign(tmp_path, database_url, mailbox, monkeypatch):
    # Workers are forked from one process that has loaded the program: they are back at once.
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--preload")
    with running_site(tmp_path, database_url, PROCESSES, MAIL_PORT=str(mailbox.port)) as site:
        with crowd(CLIENTS, lambda _: Person(site.url, mailbox)) as people:
            for kill in range(KILLS):
                wait_until(lambda: len(workers(site)) >= PROCESSES)
                os.kill(random.choice(workers(site)), signal.SIGKILL)
                time.sleep(0.2)
                if kill % 20 == 0:
                    ten_minutes_pass(site.database)
            confirmed = sum(person.confirmed for person in people)
            ten_minutes_pass(site.database)
        assert confirmed, "nobody signed meanwhile"
        assert sum(person.cuts for person in people) > KILLS / 10, "nobody was cut"
        wait_for_letters(site)
        check_whole(site, people)
        check_letters(site, mailbox, people)


def test_all_killed_at_once_and_started_again(tmp_path, database_url, mailbox, monkeypatch):
    port = free_port()
    monkeypatch.setattr("tests.support.site.free_port", lambda: port)
    with ExitStack() as stack:
        start = partial(running_site, tmp_path, database_url, MAIL_PORT=str(mailbox.port))
        first = stack.enter_context(start())
        with crowd(CLIENTS, lambda _: Person(first.url, mailbox)) as people:
            wait_until(lambda: sum(person.confirmed for person in people) > CLIENTS / 2)
            kill_all(first)
            ten_minutes_pass(database_url)
            second = stack.enter_context(start())
            begun = len(people)
            wait_until(lambda: len(people) > begun)
        wait_for_letters(second)
        check_whole(second, people)
        check_letters(second, mailbox, people)


def check_letters(site, mailbox, people):
    """Assert that each letter came; one that came twice is known by its Message-ID."""
    states = dict(rows(site.database, "SELECT message_key, state FROM letter"))
    received = {letter["Message-ID"].strip("<").partition("@")[0] for letter in mailbox.letters}
    assert received <= states.keys()
    assert {key for key, state in states.items() if state == "sent"} <= received
    # Void: it came, and was answered before its courier, killed, could say so.
    assert {key for key, state in states.items() if state == "void"} <= received
    assert len(states) == 2 * len(people)


def test_stopped_while_people_sign(tmp_path, database_url):
    """SIGTERM: what was begun is answered, and what was answered is stored."""
    with running_site(tmp_path, database_url) as site:
        wires = [Wire(site.url) for _ in range(CLIENTS)]
        for wire in wires:
            assert wire.ask("GET", "/")[0] == 200
            assert wire.ask("POST", "/engagements/1", {"taken": "yes"})[0] == 200
            wire.connection.close()
        with looked_at(database_url) as other:  # all wait for this, more of them than there are threads
            other.exec_driver_sql("UPDATE signature SET status = status")
            for number, wire in enumerate(wires):
                wire.send("POST", "/signer", {**ELODIE, "email": f"person{number}@example.org"})
            wait_until(lambda: all_taken_in(site))
            site.process.terminate()
            time.sleep(1)
            assert site.process.poll() is None
        for wire in wires:
            assert wire.receive()[0] == 303
            wire.connection.close()
        assert site.process.wait(PATIENCE) == 0
        assert rows(database_url, "SELECT count(*) FROM pledge") == [(CLIENTS,)]


def all_taken_in(site):
    """Tell whether no connection waits to be accepted (proc_net_tcp: rx_queue of a listening socket)."""
    port = f":{urlsplit(site.url).port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (listening,) = [line for line in lines if line[1].endswith(port) and line[3] == "0A"]
    return int(listening[4].partition(":")[2], 16) == 0
