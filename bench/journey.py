"""Whole signatures, so many a minute: open, ten ticks, sign, read the letter, confirm.

    python -m bench.journey --minutes 10    by itself; `make bench` ends with it

People come when they come (open loop): whoever starts late because the site is slow waits that much longer,
and it is counted. The letter comes through the courier and a real SMTP server; as soon as it is there, it is
answered.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import stored
from bench.letterbox import letterbox
from bench.population import Person, communes, people
from bench.report import Report, Target, most, percentile
from bench.servers import end_when_told, new_site
from bench.visiting import Visitor, confirm, sign, take

PACE, MINUTES = 640, 10
#: Seconds that the last letters are waited for.
PATIENCE = 180
NAMES = {insee: name for insee, name, _ in communes()}


@dataclass
class One:
    """Somebody on the way."""

    visitor: Visitor
    busy: threading.Lock = field(default_factory=threading.Lock)
    signed_at: float = 0.0


class Crowd:
    """People who sign, and what became of them."""

    def __init__(self) -> None:
        self.address = ""
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.troubles: list[str] = []
        self.taken: set[tuple[str, int]] = set()
        self.signed: set[str] = set()
        self.confirmed: set[str] = set()
        self.delays: list[float] = []
        self.certificates = 0
        self.is_over = False
        self.waiting: dict[str, One] = {}
        self.pool = ThreadPoolExecutor(64)

    def note(self, what: str, _status: int, seconds: float) -> None:
        """Keep what a request took."""
        self.seconds[what].append(seconds)

    def begin(self, person: Person, due: float) -> None:
        """Open, tick, sign."""
        late = time.perf_counter() - due
        one = One(
            Visitor(self.address, lambda what, status, seconds: self.note(what, status, seconds + late))
        )
        with one.busy:
            try:
                one.visitor.open("/")
                one.visitor.note = self.note
                code = one.visitor.hidden["signature"]
                for number in range(1, 11):
                    take(one.visitor, number)
                    self.taken.add((code, number))
                one.signed_at = time.time()
                self.waiting[person.email] = one
                sign(one.visitor, person, NAMES[person.commune], person.email)
                self.signed.add(code)
            except Exception as error:  # whatever it is, it is told
                self.troubles.append(repr(error))

    def receive(self, letter: dict[str, Any]) -> None:
        """Answer a letter that asks to confirm; count one that brings the certificate."""
        links = [link for link in letter["links"] if "/confirmer/" in link]
        one = self.waiting.pop(letter["to"], None) if links else None
        if one and not self.is_over:
            self.pool.submit(self.finish, one, links[0], letter["at"])
        elif not links:
            self.certificates += 1

    def finish(self, one: One, link: str, came_at: float) -> None:
        """Open the link and confirm."""
        with one.busy:
            self.delays.append(came_at - one.signed_at)
            try:
                code = one.visitor.hidden["signature"]
                confirm(one.visitor, link)
                self.confirmed.add(code)
            except Exception as error:  # whatever it is, it is told
                self.troubles.append(repr(error))
            finally:
                one.visitor.close()

    def come(self, count: int, pace: float) -> float:
        """Let so many come, at so many a minute; return the seconds until the last letter had arrived."""
        start = time.perf_counter()
        for index, person in enumerate(people(count)):
            due = start + index * 60 / pace
            time.sleep(max(0.0, due - time.perf_counter()))
            self.pool.submit(self.begin, person, due)
        last = time.perf_counter()
        while time.perf_counter() - last < PATIENCE:
            lost = len(self.troubles)
            if len(self.confirmed) + lost >= count and self.certificates >= len(self.confirmed):
                break
            time.sleep(0.1)
        behind = time.perf_counter() - last
        self.is_over = True
        self.pool.shutdown()
        return behind


def hold(report: Report, folder: Path, minutes: float, pace: float) -> list[Target]:
    """Let them come for some minutes; tell what happened, return what is to be reached."""
    crowd, count = Crowd(), max(1, round(minutes * pace))
    with letterbox(crowd.receive) as mail_port:
        site = new_site(folder, mail_port=mail_port)
        with site.served() as server:
            crowd.address = server.address
            for _ in range(20):  # the first pages of a process take longer
                Visitor(server.address).open("/")
            behind = crowd.come(count, pace)
        lost = len(crowd.taken - stored.ticks(site.database))
        lost += len(crowd.confirmed - stored.confirmed(site.database))
    every = [seconds for some in crowd.seconds.values() for seconds in some]
    report.tell(
        f"{count:,} whole signatures at {pace:g} a minute: {len(crowd.signed):,} signed, "
        f"{len(crowd.confirmed):,} confirmed, {len(every):,} requests."
    )
    report.tell("")
    rows = [
        (
            what,
            len(some),
            f"{1000 * statistics.median(some):.1f} / {1000 * percentile(some, 95):.1f}",
            f"{1000 * percentile(some, 99):.1f}",
        )
        for what, some in crowd.seconds.items()
    ]
    report.table(("request", "how many", "median / p95 ms", "p99 ms"), rows)
    delays = crowd.delays or [0.0]
    report.tell(
        f"* Letters to confirm: {len(crowd.delays):,}, {statistics.median(delays):.1f} s after signing in "
        f"the median, {percentile(delays, 95):.1f} s at p95. Letters with the certificate: "
        f"{crowd.certificates:,}; the last one {behind:.0f} s after the last person had come."
    )
    report.tell(*(f"* Trouble: {trouble}" for trouble in crowd.troubles[:5]))
    whole = Target(
        f"{count:,} whole signatures, each with its two letters",
        f"{len(crowd.confirmed):,} confirmed, {crowd.certificates:,} letters with a certificate",
        len(crowd.confirmed) == count == crowd.certificates,
    )
    return [
        whole,
        most(f"errors in {minutes:g} minutes at {pace:g} a minute", len(crowd.troubles), 0),
        most("p95 of every request", 1000 * percentile(every, 95), 300, " ms"),
        most("ticks and confirmations lost", lost, 0),
    ]


def main() -> None:
    """Measure, print, and save when asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--pace", type=float, default=PACE, help="signatures a minute")
    parser.add_argument("--save", action="store_true", help="add the result to bench/RESULTS.md")
    options = parser.parse_args()
    end_when_told()
    report = Report("the journey")
    with tempfile.TemporaryDirectory(prefix="paraphe-") as folder:
        targets = hold(report, Path(folder), options.minutes, options.pace)
    report.tell(*targets)
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
