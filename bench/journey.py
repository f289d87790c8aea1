"""Whole signatures, 640 a minute: open the charter, ten ticks, sign, read the letter, confirm.

    python -m bench.journey --minutes 10    by itself; `make bench` ends with it

Visitors come at their pace (open loop): the time for which the first request of a visitor was late is added
to it. Letters arrive at a real SMTP server, and each is answered as soon as it has arrived. Before that, 128
visitors send the form of the signatory at the same moment.
"""

import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from bench.population import Person, people
from bench.report import Report, Target, at_most, new_parser, percentile
from bench.servers import exit_on_sigterm, new_site
from bench.visitor import Visitor, confirm, send_form, sign, tick
from tests.support.mailbox import Mailbox, text_of

PACE, MINUTES = 640, 10
AT_ONCE = 128
#: Seconds after which a letter counts as lost.
PATIENCE = 180
#: What the database must hold of each person who confirmed: the signature, its entry, its pledges.
STORED = """
    SELECT s.email FROM signature s
    JOIN entry e ON e.signature_id = s.id JOIN pledge p ON p.signature_id = s.id
    WHERE s.status = 'confirmed' GROUP BY s.email HAVING count(*) = 10
"""


class JourneyMailbox(Mailbox):
    """An SMTP server that passes each letter on and keeps none."""

    def __init__(self, receive: Callable[[str, str], None]) -> None:
        super().__init__()
        self.receive = receive

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Pass on the address and the text of one letter (aiosmtpd's hook)."""
        await super().handle_DATA(server, session, envelope)
        self.received.clear()
        self.receive(envelope.rcpt_tos[0], text_of(self.letters.pop()))
        return "250 OK"


@dataclass
class Signer:
    """A visitor on the way."""

    person: Person
    visitor: Visitor
    #: Held while the visitor waits for an answer: the letter may arrive before it.
    is_busy: threading.Lock = field(default_factory=threading.Lock)
    signed_at: float = 0.0


class Journey:
    """Visitors who sign, and what became of them."""

    def __init__(self) -> None:
        self.address = ""
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self.signers: dict[str, Signer] = {}
        self.confirmed: set[str] = set()
        #: Seconds from signing to the letter.
        self.delays: list[float] = []
        self.last_letters = 0
        self.pool = ThreadPoolExecutor(64)

    def record(self, name: str, seconds: float) -> None:
        """Record the time of one request."""
        self.seconds[name].append(seconds)

    @contextmanager
    def recording_errors(self, signer: Signer) -> Iterator[None]:
        """Record what goes wrong on the way of one visitor."""
        with signer.is_busy:
            try:
                yield
            except Exception as error:  # counted, whatever it is
                self.errors.append(repr(error))

    def begin(self, person: Person, due: float) -> None:
        """Open the charter, tick, sign."""
        late = time.perf_counter() - due
        visitor = Visitor(self.address, lambda name, seconds: self.record(name, seconds + late))
        signer = self.signers[person.email] = Signer(person, visitor)
        with self.recording_errors(signer):
            visitor.open("/")
            visitor.record = self.record
            for number in range(1, 11):
                tick(visitor, number)
            signer.signed_at = time.perf_counter()
            sign(visitor, person)

    def receive(self, address: str, letter: str) -> None:
        """Answer a letter that asks to confirm; count one that says that the signature is confirmed."""
        link = next((word for word in letter.split() if "/confirmer/" in word), None)
        signer = self.signers.get(address)
        if link and signer:
            self.delays.append(time.perf_counter() - signer.signed_at)
            self.pool.submit(self.finish, signer, link)
        elif signer:
            self.last_letters += 1

    def finish(self, signer: Signer, link: str) -> None:
        """Open the link of the letter and confirm."""
        with self.recording_errors(signer):
            confirm(signer.visitor, link)
            self.confirmed.add(signer.person.email)
            signer.visitor.close()

    def run(self, count: int) -> float:
        """Let so many visitors come; return the seconds from the last one to the last letter."""
        start = time.perf_counter()
        for index, person in enumerate(people(count)):
            due = start + index * 60 / PACE
            time.sleep(max(0.0, due - time.perf_counter()))
            self.pool.submit(self.begin, person, due)
        end = time.perf_counter()
        while time.perf_counter() < end + PATIENCE and self.last_letters + len(self.errors) < count:
            time.sleep(0.1)
        seconds = time.perf_counter() - end
        self.pool.shutdown()
        return seconds


def sign_at_once(address: str) -> list[Target]:
    """Send the forms of 128 visitors at the same moment."""
    start = threading.Barrier(AT_ONCE)
    seconds: list[float] = []

    def run(person: Person) -> None:
        visitor = Visitor(address)
        visitor.open("/")
        tick(visitor, 1)
        visitor.open("/signer")
        visitor.record = lambda _, took: seconds.append(took)
        start.wait(PATIENCE)
        send_form(visitor, person)
        visitor.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(run, person._replace(email=f"x{person.email}")) for person in people(AT_ONCE)]
    refused = sum(future.exception() is not None for future in futures)
    return [
        at_most(f"refused of {AT_ONCE} who sign at once", refused, 0),
        at_most(f"p99 of {AT_ONCE} who sign at once", percentile(seconds or [0.0], 99), 3, " s"),
    ]


def measure(report: Report, folder: Path, minutes: float) -> list[Target]:
    """Run the journey for some minutes, then let 128 sign at once; return the targets."""
    journey, count = Journey(), max(1, round(minutes * PACE))
    mailbox = JourneyMailbox(journey.receive)
    mailbox.start()
    try:
        site = new_site(folder, mailbox.port)
        with site.serve() as server:
            journey.address = server.address
            for _ in range(20):  # the first pages of a process take longer
                Visitor(server.address).open("/")
            behind = journey.run(count)
            at_once = sign_at_once(server.address)
    finally:
        mailbox.stop()
    engine = create_engine(site.database)
    with engine.connect() as connection:
        stored = set(connection.scalars(text(STORED)))
    engine.dispose()

    rows = (
        (
            name,
            f"{len(some):,}",
            f"{1000 * statistics.median(some):.1f} / {1000 * percentile(some, 95):.1f}",
            f"{1000 * percentile(some, 99):.1f}",
        )
        for name, some in journey.seconds.items()
    )
    report.add_table((f"journey, {PACE} a minute", "requests", "median / p95 ms", "p99 ms"), rows)
    delays = journey.delays or [0.0]
    report.add(
        f"* Letters to confirm: {len(journey.delays):,}, {statistics.median(delays):.1f} s after signing "
        f"(median), {percentile(delays, 95):.1f} s (p95).",
        f"* The last letter of all came {behind:.0f} s after the last visitor.",
        *(f"* Error: {error}" for error in journey.errors[:5]),
        "",
    )
    every = [seconds for some in journey.seconds.values() for seconds in some]
    confirmed = len(journey.confirmed)
    whole = f"{count:,} whole signatures in {minutes:g} minutes, each with its two letters"
    return [
        Target(whole, f"{confirmed:,}, {journey.last_letters:,}", confirmed == count == journey.last_letters),
        at_most("confirmed signatures lost", len(journey.confirmed - stored), 0),
        at_most("errors on the journey", len(journey.errors), 0),
        at_most("p95 of all its requests", 1000 * percentile(every, 95), 300, " ms"),
        *at_once,
    ]


def main() -> None:
    """Measure, print, and save where that is asked for."""
    parser = new_parser(str(__doc__))
    parser.add_argument("--minutes", type=float, default=MINUTES)
    options = parser.parse_args()
    exit_on_sigterm()
    report = Report("the journey")
    with tempfile.TemporaryDirectory(prefix="paraphe-") as folder:
        targets = measure(report, Path(folder), options.minutes)
    report.finish(targets, save=options.save)


if __name__ == "__main__":
    main()
