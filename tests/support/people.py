"""People who sign while things break: they press again when they are cut, and remember what was answered."""

import http.client
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.database import rows
from tests.support.journeys import ELODIE
from tests.support.mailbox import Mailbox, link_in
from tests.support.site import ROOT, Site
from tests.support.wire import Wire

#: A connection that was cut, refused, or ended in the middle of an answer.
CUT = (OSError, http.client.HTTPException)
#: Seconds after which somebody who presses again and again gives up: long, where machines are slow.
PATIENCE = 240
_numbers = count(1)


class Person:
    """Somebody with a browser, who wants to sign at a site and knows what it has answered."""

    def __init__(self, url: str, mailbox: Mailbox) -> None:
        self.wire, self.mailbox = Wire(url), mailbox
        self.email = f"personne-{next(_numbers)}@example.org"
        self.taken: set[int] = set()
        self.signed = self.confirmed = self.is_in = False
        self.cuts = 0

    def go_to(self, url: str) -> None:
        """Find the site at another address once this one is cut."""
        self.wire.connection.host, self.wire.connection.port = str(urlsplit(url).hostname), urlsplit(url).port

    def insist(self, step: Callable[[], None]) -> None:
        """Take a step until its answer has been read whole."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                step()
            except CUT:
                self.cuts += 1
                self.wire.connection.close()
                assert time.monotonic() < deadline, "cut for minutes"
                time.sleep(0.05)
            else:
                return

    def answer(self, number: int, taken: bool, path: str = "/engagements") -> None:
        """Open the page, and press on one commitment: of the draft, or of the signature that is open."""

        def press() -> None:
            self.ask("GET", "/" if path == "/engagements" else path)
            fragment = self.ask("POST", f"{path}/{number}", {"taken": "yes" if taken else "no"})
            assert f'id="prendre-{number}"' in fragment

        self.insist(press)
        (self.taken.add if taken else self.taken.discard)(number)

    def sign(self) -> None:
        """Say who signs."""

        def press() -> None:
            self.ask("GET", "/signer")
            self.ask("POST", "/signer", {**ELODIE, "email": self.email}, status=303)

        self.insist(press)
        self.signed = True

    def letters(self, path: str) -> list[str]:
        """Return where the links of the letters received lead."""
        own = [letter for letter in list(self.mailbox.letters) if letter["X-Envelope-To"] == self.email]
        links = [link_in(letter, path) for letter in own if path in letter.as_string().replace("=\n", "")]
        return [urlsplit(link).path for link in links]

    def confirm(self) -> None:
        """Wait for the letter, open its link, tick the box, press the button."""
        deadline = time.monotonic() + PATIENCE
        while not (links := self.letters("/confirmer/")):
            assert time.monotonic() < deadline, "no letter came"
            time.sleep(0.05)

        def press() -> None:
            page = self.ask("GET", links[0])
            if shown := re.search('name="shown" value="([^"]+)"', page):
                self.ask("POST", links[0], {"agreed": "y", "shown": shown[1]}, status=303)
                self.is_in = True
            else:  # the answer was cut, not what it told of
                assert "déjà confirmée" in page

        self.insist(press)
        self.confirmed = True

    def go_all_the_way(self) -> None:
        """Tick, sign, confirm, and change one's mind."""
        for number in random.sample(range(1, 11), 4):
            self.answer(number, True)
        self.sign()
        self.confirm()
        if self.is_in:
            self.answer(min(self.taken), False, "/ma-signature/engagements")
        self.wire.connection.close()

    def ask(self, method: str, path: str, fields: dict[str, str] | None = None, status: int = 200) -> str:
        """Ask, and have the answer that a person expects."""
        found, text = self.wire.ask(method, path, fields)
        assert found == status, (method, path, found, text)
        return text


@contextmanager
def crowd(size: int, begin: Callable[[int], Person]) -> Iterator[list[Person]]:
    """Let so many sign, one after the other in each of so many threads, until the block is left.

    Whoever has begun by then comes to the end. Yields whoever has begun.
    """
    people: list[Person] = []
    troubles: list[BaseException] = []
    over = threading.Event()

    def run(number: int) -> None:
        try:
            while not over.is_set():
                people.append(person := begin(number))
                person.go_all_the_way()
        except BaseException as error:
            troubles.append(error)
        finally:
            person.wire.connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(size)]
    for thread in threads:
        thread.start()
    try:
        yield people
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if troubles:
        raise troubles[0]


def workers(site: Site) -> list[int]:
    """Return the processes that answer."""
    master = site.process.pid
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def kill_all(site: Site) -> None:
    """Kill the site at once: the one who starts the others first."""
    for pid in (site.process.pid, *workers(site)):
        os.kill(pid, signal.SIGKILL)
    site.process.wait()


def ten_minutes_pass(database: str) -> None:
    """Let go of the letters that a courier had claimed when it was killed."""
    release = "UPDATE letter SET due_at = :past WHERE state = 'waiting' AND attempts > 0"
    patient = f"{database}?timeout={PATIENCE}" if database.startswith("sqlite") else database
    rows(patient, release, past="2000-01-01 00:00:00.000000")


def flask(site: Site, *arguments: str) -> str:
    """Run a command of the site, that must succeed, and return what it prints."""
    command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
    run = subprocess.run(command, cwd=ROOT, env=site.environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def check_whole(site: Site, people: list[Person]) -> None:
    """Assert that all that was answered is stored, and nothing by halves."""
    if site.database.startswith("sqlite"):
        assert rows(site.database, "PRAGMA integrity_check") == [("ok",)]
        assert rows(site.database, "PRAGMA foreign_key_check") == []
    assert flask(site, "register", "check") == "0 differences\n"
    for person in people:
        stored = rows(
            site.database,
            "SELECT id, status FROM signature WHERE email = :email AND status != 'withdrawn'",
            email=person.email,
        )
        assert len(stored) == person.signed, person.email
        for signature, status in stored:
            check_one(site, person, signature, status)


def check_one(site: Site, person: Person, signature: int, status: str) -> None:
    """Assert that one signature is what its person was told."""

    def column(statement: str) -> list[object]:
        return [value for (value,) in rows(site.database, statement, id=signature)]

    assert status == ("confirmed" if person.confirmed else "pending")
    assert set(column("SELECT number FROM pledge WHERE signature_id = :id")) == person.taken
    assert column("SELECT purpose FROM consent WHERE signature_id = :id") == ["publication"]
    events = column("SELECT what FROM event WHERE signature_id = :id")
    assert "signed" in events
    assert events.count("confirmed") == person.confirmed
    letters = column("SELECT kind FROM letter WHERE signature_id = :id")
    assert letters.count("confirm") == 1
    assert letters.count("confirmed") == person.confirmed
    mask = sum(1 << number - 1 for number in person.taken)
    assert column("SELECT mask FROM entry WHERE signature_id = :id") == [mask] * person.confirmed


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def wait_for_letters(site: Site) -> None:
    """Wait until no letter is owed any more, ten minutes after the last courier was killed."""
    ten_minutes_pass(site.database)
    wait_until(lambda: rows(site.database, "SELECT 1 FROM letter WHERE state = 'waiting' LIMIT 1") == [])
