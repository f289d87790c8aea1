"""An hour of mixed traffic: whether memory grows, anything fails, or anything is lost.

    make soak                       an hour
    make soak MINUTES=5             shorter
    make soak ARGS=--save           the same, added to bench/RESULTS.md

People come at a steady pace (open loop): most read, some tick, sign, confirm, have their certificate made,
check one, search the register, carry away its files. The memory of all processes of the server at the end is
compared with that after the warm-up. What was acknowledged is looked for in the database.
"""

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench import stored
from bench.journey import NAMES
from bench.letterbox import letterbox
from bench.population import Person, people
from bench.report import Report, Target, most, percentile
from bench.servers import Server, end_when_told, new_site
from bench.visiting import Trouble, Visitor, certify, confirm, sign, take

MINUTES, PACE = 60, 8
#: The part of the time that is warm-up, and then the part that each of the two figures is the median of.
WARM_UP, WINDOW = 0.15, 0.1
#: Seconds between two looks at the memory; seconds that a letter is waited for.
LOOK, PATIENCE = 2, 60
MOST_GROWTH = 10  # percent
THREADS = 32
PAGES = (
    "/", "/", "/", "/signataires", "/signataires?tri=nom", "/territoire", "/mentions-legales",
    "/donnees-personnelles", "/donnees-ouvertes", "/signataires.atom", "/verifier", "/retrouver",
)  # fmt: skip


class Traffic:
    """Everybody who comes, and what was acknowledged to them."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.seconds: list[float] = []
        self.visits: Counter[str] = Counter()
        self.troubles: list[str] = []
        #: Draft and commitment → whether it was last acknowledged as taken.
        self.ticks: dict[tuple[str, int], bool] = {}
        self.confirmed: set[str] = set()
        self.certificates: list[str] = []
        self.letters: dict[str, str] = {}
        self.names: list[Person] = []
        self.arrived = threading.Condition()
        #: Each process sends two files of the register at a time, no more: one person asks at once.
        self.files = threading.Lock()

    def receive(self, letter: dict[str, Any]) -> None:
        """Keep the link of a letter that asks to confirm."""
        for link in letter["links"]:
            if "/confirmer/" in link:
                with self.arrived:
                    self.letters[letter["to"]] = link
                    self.arrived.notify_all()

    def note(self, _what: str, _status: int, seconds: float) -> None:
        """Keep what a request took."""
        self.seconds.append(seconds)

    def visit(self, person: Person) -> None:
        """Come once, for one thing or another, the same for the same person."""
        chance = random.Random(person.code)
        kinds = {
            self.read: 38, self.tick: 25, self.search: 15, self.sign: 10, self.check: 8, self.carry: 4,
        }  # fmt: skip
        (kind,) = chance.choices(list(kinds), list(kinds.values()))
        visitor = Visitor(self.address, self.note)
        try:
            kind(visitor, person, chance)
            self.visits[kind.__name__] += 1
        except Exception as error:  # whatever it is, it is told
            self.troubles.append(f"{kind.__name__}: {error!r}")
        finally:
            visitor.close()

    def read(self, visitor: Visitor, person: Person, chance: random.Random) -> None:
        """Read some pages, one of them twice."""
        known = (f"/communes/{person.commune}", f"/engagements/{chance.randint(1, 10)}")
        for path in chance.choices([*PAGES, *known], k=3):
            page = visitor.open(path)
            tag = page.headers["ETag"]
            if tag and visitor.open(path, headers={"If-None-Match": tag}).status not in (200, 304):
                raise Trouble(f"{path} is neither new nor known")

    def tick(self, visitor: Visitor, person: Person, chance: random.Random) -> str:
        """Take commitments, and think again about one; return the code of the draft."""
        visitor.open("/")
        code = visitor.hidden["signature"]
        for number in person.taken:
            take(visitor, number)
            self.ticks[code, number] = True
        if chance.random() < 0.3 and len(person.taken) > 1:
            number = min(person.taken)
            take(visitor, number, taken=False)
            self.ticks[code, number] = False
        return code

    def search(self, visitor: Visitor, person: Person, chance: random.Random) -> None:
        """Look for somebody, for a commune, for a commitment."""
        other = chance.choice(self.names or [person])
        for asked in (
            {"nom": other.family_name},
            {"nom": other.given_name, "tri": "nom"},
            {"commune": NAMES[other.commune]},
            {"engagement": chance.randint(1, 10), "qualite": other.role.value},
        ):
            visitor.open(f"/signataires?{urlencode(asked)}", "/signataires?…")

    def sign(self, visitor: Visitor, person: Person, chance: random.Random) -> None:
        """Sign, read the letter, confirm, have a certificate, think again about a commitment."""
        code = self.tick(visitor, person, chance)
        sign(visitor, person, NAMES[person.commune], person.email)
        with self.arrived:
            if not self.arrived.wait_for(lambda: person.email in self.letters, PATIENCE):
                raise Trouble("no letter came")
            link = self.letters.pop(person.email)
        confirm(visitor, link)
        self.confirmed.add(code)
        self.names.append(person)
        self.certificates.append(certify(visitor))
        file = visitor.open("/ma-signature/certificat.pdf")
        if not file.content.startswith(b"%PDF-"):
            raise Trouble("the certificate is no PDF")
        visitor.open(f"/signataires/{code}", "/signataires/<code>")

    def check(self, visitor: Visitor, _person: Person, chance: random.Random) -> None:
        """Check a certificate by its number."""
        visitor.open("/verifier")
        if self.certificates:
            visitor.open(f"/verifier/{chance.choice(self.certificates)}", "/verifier/<number>")

    def carry(self, visitor: Visitor, _person: Person, chance: random.Random) -> None:
        """Carry away the register."""
        with self.files:
            visitor.open(chance.choice(("/signataires.csv", "/signataires.json")))

    def lost(self, database: str) -> int:
        """Return how much of what was acknowledged the database does not hold."""
        ticks = stored.ticks(database)
        return (
            sum((key in ticks) != taken for key, taken in self.ticks.items())
            + len(self.confirmed - stored.confirmed(database))
            + len(set(self.certificates) - stored.certificates(database))
        )


def watch(server: Server, over: threading.Event) -> Iterator[tuple[float, float]]:
    """Yield the moment and the memory of all processes, in MB, now and then."""
    while not over.wait(LOOK):
        yield time.perf_counter(), sum(server.memory().values())


def come(traffic: Traffic, minutes: float, pace: float) -> None:
    """Let people come, so many a second."""
    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for index, person in enumerate(people(round(60 * minutes * pace))):
            time.sleep(max(0.0, start + index / pace - time.perf_counter()))
            pool.submit(traffic.visit, person)


def growth(looks: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the memory after the warm-up and at the end, in MB."""
    first, last = looks[0][0], looks[-1][0]
    length = last - first
    warm = first + WARM_UP * length
    early = [memory for at, memory in looks if warm <= at <= warm + WINDOW * length]
    late = [memory for at, memory in looks if at >= last - WINDOW * length]
    return statistics.median(early), statistics.median(late)


def soak(report: Report, folder: Path, minutes: float, pace: float) -> list[Target]:
    """Let the site run for some minutes; tell what happened, return what is to be reached."""
    traffic = Traffic("")
    looks: list[tuple[float, float]] = []
    over = threading.Event()
    with letterbox(traffic.receive) as mail_port:
        site = new_site(folder, mail_port=mail_port)
        with site.served() as server:
            traffic.address = server.address
            before = server.processes()
            watcher = threading.Thread(target=lambda: looks.extend(watch(server, over)), daemon=True)
            watcher.start()
            come(traffic, minutes, pace)
            over.set()
            watcher.join()
            restarted = server.processes() != before
        lost = traffic.lost(site.database)
        check = site.run("flask", "--app", "app", "register", "check").splitlines()[-1]
    early, late = growth(looks)
    percent = 100 * (late / early - 1)
    seconds = traffic.seconds
    kinds = ", ".join(f"{many:,} {kind}" for kind, many in traffic.visits.most_common())
    report.tell(
        f"{minutes:g} minutes, {pace:g} visits a second: {kinds}; {len(seconds):,} requests.",
        "",
        f"* Memory of all processes: {early:.0f} MB after the warm-up, {late:.0f} MB at the end.",
        f"* {1000 * statistics.median(seconds):.1f} ms in the median, "
        f"{1000 * percentile(seconds, 95):.1f} ms at p95, {1000 * percentile(seconds, 99):.1f} ms at p99.",
        f"* Acknowledged: {len(traffic.ticks):,} commitments, {len(traffic.confirmed):,} signatures, "
        f"{len(traffic.certificates):,} certificates. The register, recounted: {check}.",
        *(f"* Trouble: {trouble}" for trouble in traffic.troubles[:10]),
    )
    return [
        most("growth of the memory", percent, MOST_GROWTH, " %"),
        most("errors", len(traffic.troubles), 0),
        most("lost writes", lost, 0),
        Target("no process ended", "one did" if restarted else "none did", not restarted),
    ]


def main() -> None:
    """Measure, print, and save when asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--pace", type=float, default=PACE, help="visits a second")
    parser.add_argument("--save", action="store_true", help="add the result to bench/RESULTS.md")
    options = parser.parse_args()
    end_when_told()
    report = Report("the soak")
    with tempfile.TemporaryDirectory(prefix="paraphe-") as folder:
        targets = soak(report, Path(folder), options.minutes, options.pace)
    report.tell(*targets)
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
