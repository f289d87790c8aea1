"""What the real server holds: ticks, pages, letters; beside what others make of the same on the same machine.

    make bench                                  everything, some 20 minutes, 10 of them for the journey
    make bench ARGS=--save                      the same, added to bench/RESULTS.md
    make bench ARGS=--quick                     once each, some seconds: does it run?
    make bench ARGS="--rounds 9 --minutes 0"    more rounds, and no journey

The site runs as the README says, on a scratch database that its migrations made; `wrk` loads it from other
processes. Everything that is compared takes turns, round after round, and medians are told. Other programs
disturb the figures: compare the ratios. See `bench/README.md` and `bench/peers/ticks`.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from bench import journey, servers, stored, wrk
from bench.letterbox import letterbox
from bench.population import people
from bench.report import Report, Target, least, most
from bench.servers import GRANIAN, GUNICORN, PYTHON, ROOT, UVICORN, Server, Site
from bench.visiting import Session, Visitor, certify, confirm, open_session, open_sessions, sign, take
from tests.support import postgresql as postgres

ROUNDS, SECONDS, WARM_UP = 5, 3, 2
CLIENTS = (8, 32, 128)
MOST_CLIENTS = CLIENTS[-1]
COMMITMENTS = range(1, 11)
#: Who has signed before: their pages and certificates are asked for.
SIGNED, CERTIFICATES = 60, 20
#: Seconds that a letter is waited for.
LETTERS = 120
#: A tick is always a new one: so many more sessions than the warm-up lets expect are opened.
SPARE = 1.6
VERSIONS = ("flask", "sqlalchemy", "gunicorn", "granian", "django", "fastapi", "uvicorn")


# What is compared


@dataclass
class Peer:
    """A program that shows the charter and keeps ticks."""

    name: str
    server: Server
    #: Where its ticks are, as an URL, and what its tables are called before « pledge ».
    database: str
    prefix: str = ""
    #: Ticks a second, as last seen: how many sessions to open.
    pace: float = 0.0
    acknowledged: set[tuple[str, int]] = field(default_factory=set)

    def lost(self) -> int:
        """Return how many acknowledged ticks its database does not hold."""
        return len(self.acknowledged - stored.ticks(self.database, self.prefix))


def peers(folder: Path, site: Site, stack: ExitStack) -> Iterator[Peer]:
    """Start everything that keeps ticks, ours first."""
    yield Peer("Paraphe", stack.enter_context(site.served()), site.database)

    server = stack.enter_context(postgres.server(folder))
    with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE paraphe")
    url = server.set(database="paraphe").render_as_string(hide_password=False)
    other = servers.new_site(folder / "on-postgres", url)
    yield Peer("Paraphe on PostgreSQL", stack.enter_context(other.served()), url)

    other = servers.new_site(folder / "on-granian")
    yield Peer("Paraphe on granian", stack.enter_context(other.served(GRANIAN)), other.database)

    for name, module, command, prefix in (
        ("naive ORM", "naive", GUNICORN, ""),
        ("careful ORM", "careful", GUNICORN, ""),
        ("Django", "djangosite.site", GUNICORN, "djangosite_"),
        ("FastAPI + SQLAlchemy", "fastapi", UVICORN, ""),
    ):
        file = folder / f"{module}.sqlite3"
        environment = {"BENCH_DATABASE": str(file)}
        program = f"bench.peers.ticks.{module}"
        subprocess.run(
            [*PYTHON, program], cwd=ROOT, env=servers.clean_environment() | environment, check=True
        )
        running = servers.running([*command, f"{program}:app"], environment, folder / f"{module}.log")
        yield Peer(name, stack.enter_context(running), f"sqlite:///{file}", prefix)


# Ticks


def press(peer: Peer, clients: int, seconds: float, folder: Path) -> wrk.Run:
    """Let so many clients tick for some seconds, each tick a new one; open more sessions if they run out."""
    expected = SPARE * peer.pace * seconds / len(COMMITMENTS)
    while True:
        # Two threads share them, and nobody should meet their own session again while it waits.
        count = 2 * max(clients, 1 + int(expected) // 2)
        sessions = open_sessions(peer.server.address, count)
        requests = (
            (session.code, wrk.tick(peer.server.address, session, number))
            for number, session in product(COMMITMENTS, sessions)
        )
        run = wrk.load(peer.server, requests, clients, seconds, folder, ticks=True)
        peer.acknowledged |= run.taken
        if not run.ran_out:
            peer.pace = max(run.rate, 1)
            return run
        expected = SPARE * run.rate * seconds / len(COMMITMENTS)


def tick_in_turns(
    hello: Server,
    all_peers: Sequence[Peer],
    rounds: int,
    seconds: float,
    clients: Sequence[int],
    folder: Path,
) -> dict[tuple[str, int], list[wrk.Run]]:
    """Let everybody tick in turns; return the runs of each, for each number of clients."""
    runs: dict[tuple[str, int], list[wrk.Run]] = defaultdict(list)
    for peer in all_peers:
        peer.pace = 200
        press(peer, 32, WARM_UP if rounds > 1 else 1, folder)
    for many in clients:
        for _ in range(rounds):
            runs["bare server", many].append(greet(hello, many, seconds, folder))
            for peer in all_peers:
                if many == MOST_CLIENTS or " on " not in peer.name:
                    runs[peer.name, many].append(press(peer, many, seconds, folder))
    return runs


def greet(hello: Server, clients: int, seconds: float, folder: Path) -> wrk.Run:
    """Ask the bare server."""
    requests = [("-", wrk.get(hello.address, "/"))] * wrk.THREADS
    return wrk.load(hello, requests, clients, seconds, folder, ticks=False)


def rate(runs: Sequence[wrk.Run]) -> float:
    """Return the median of answers a second."""
    return statistics.median(run.rate for run in runs)


def middle(runs: Sequence[wrk.Run], name: str) -> float:
    """Return the median of another figure."""
    return statistics.median(getattr(run, name) for run in runs)


def compare_ticks(
    report: Report,
    hello: Server,
    all_peers: Sequence[Peer],
    rounds: int,
    seconds: float,
    clients: Sequence[int],
    folder: Path,
) -> list[Target]:
    """Tell the table of ticks; return what is to be reached."""
    runs = tick_in_turns(hello, all_peers, rounds, seconds, clients, folder)
    lost = {peer.name: peer.lost() for peer in all_peers}
    names = ["bare server", *lost]
    rows = []
    for name in names:
        mine = [runs[name, many] for many in clients]
        last = mine[-1]
        rows.append(
            (
                name,
                *(f"{rate(some):,.0f}" if some else "" for some in mine),
                f"{middle(last, 'p50'):.0f} / {middle(last, 'p99'):.0f}",
                f"{rate(last) / rate(runs['bare server', MOST_CLIENTS]):.3f}",
                sum(run.errors for some in mine for run in some),
                lost.get(name, ""),
            )
        )
    heads = [f"req/s at {many}" for many in clients]
    report.table(
        ("ticks", *heads, f"p50 / p99 ms at {MOST_CLIENTS}", f"of bare at {MOST_CLIENTS}", "errors", "lost"),
        rows,
    )
    ours = {many: rate(runs["Paraphe", many]) for many in clients}
    every = [run for (name, _), some in runs.items() if name.startswith("Paraphe") for run in some]
    together = sum(run.together for run in every)
    acknowledged = sum(len(peer.acknowledged) for peer in all_peers if peer.name.startswith("Paraphe"))
    report.tell(
        f"{acknowledged:,} ticks of ours were acknowledged, warm-up included; {together} were sent while "
        "another one of the same session was under way.",
        "",
    )
    top = ours[MOST_CLIENTS]

    def beside(name: str) -> float:
        return top / rate(runs[name, MOST_CLIENTS])

    bare = {many: ours[many] / rate(runs["bare server", many]) for many in clients if many > 8}
    return [
        *(least(f"tick at {many} clients, of the bare server,", ratio, 0.10) for many, ratio in bare.items()),
        *(least(f"then, at {many},", ratio, 0.20) for many, ratio in bare.items()),
        most(f"p99 of a tick at {MOST_CLIENTS}", middle(runs["Paraphe", MOST_CLIENTS], "p99"), 300, " ms"),
        most("errors among our ticks", sum(run.errors for run in every), 0),
        most("lost ticks of ours", sum(many for name, many in lost.items() if name.startswith("Paraphe")), 0),
        least(f"tick by the careful ORM’s at {MOST_CLIENTS}", beside("careful ORM"), 2),
        least(f"tick by Django’s at {MOST_CLIENTS}", beside("Django"), 1),
        least(f"tick by FastAPI’s at {MOST_CLIENTS}", beside("FastAPI + SQLAlchemy"), 1),
        least(
            f"tick on PostgreSQL by that on SQLite at {MOST_CLIENTS}",
            1 / beside("Paraphe on PostgreSQL"),
            0.9,
        ),
    ]


# Pages


def prepare(site: Site, count: int) -> list[str]:
    """Let some people sign at the site, and have certificates; return their numbers. Raises: SystemExit.

    All letters have left when it returns: a worker that is measured later has none to write.
    """
    numbers: list[str] = []
    to_confirm: dict[str, str] = {}
    confirmed: set[str] = set()

    def receive(letter: dict[str, Any]) -> None:
        links = [link for link in letter["links"] if "/confirmer/" in link]
        if links:
            to_confirm[letter["to"]] = links[0]
        else:
            confirmed.add(letter["to"])

    def wait_until(came: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LETTERS
        while not came():
            if time.monotonic() > deadline:
                raise SystemExit(f"a letter did not come within {LETTERS} s")
            time.sleep(0.1)

    with letterbox(receive) as mail_port, replace(site, mail_port=mail_port).served() as server:
        signing = []
        for person in people(count):
            visitor = Visitor(server.address)
            visitor.open("/")
            for number in person.taken:
                take(visitor, number)
            sign(visitor, person, journey.NAMES[person.commune], person.email)
            signing.append((visitor, person.email))
        for visitor, address in signing:
            wait_until(lambda address=address: address in to_confirm)
            confirm(visitor, to_confirm[address])
            if len(numbers) < CERTIFICATES:
                numbers.append(certify(visitor))
            visitor.close()
        wait_until(lambda: len(confirmed) == count)
    return numbers


def drafts(address: str, count: int) -> list[Session]:
    """Open the charter in some browsers and tick in each what somebody of the population takes."""
    sessions = []
    for person in people(count):
        session = open_session(address)
        visitor = Visitor(address)
        visitor.cookies = dict(pair.split("=", 1) for pair in session.cookie.split("; "))
        visitor.hidden = {session.token_name: session.token, "signature": session.code}
        for number in person.taken:
            take(visitor, number)
        visitor.close()
        sessions.append(session)
    return sessions


def compare_pages(
    report: Report,
    hello: Server,
    all_peers: Sequence[Peer],
    numbers: Sequence[str],
    rounds: int,
    seconds: float,
    folder: Path,
) -> list[Target]:
    """Tell the table of pages; return what is to be reached."""
    peer_of = {peer.name: peer for peer in all_peers}
    ours = peer_of["Paraphe"].server
    Asked = tuple[Server, list[tuple[str, bytes]]]

    def charter(name: str) -> Asked:
        server = peer_of[name].server
        some = drafts(server.address, 2 * MOST_CLIENTS if rounds > 1 else 20)
        return server, [(one.code, wrk.get(server.address, "/", [("Cookie", one.cookie)])) for one in some]

    def unchanged(path: str) -> Asked:
        tag = Visitor(ours.address).open(path).headers["ETag"]
        if Visitor(ours.address).open(path, headers={"If-None-Match": tag}).status != 304:
            raise SystemExit(f"{path} is made again for whoever has it")
        return ours, [("-", wrk.get(ours.address, path, [("If-None-Match", tag)]))] * 2

    def pages(*paths: str) -> Asked:
        for path in paths:
            Visitor(ours.address).open(path)
        return ours, [("-", wrk.get(ours.address, path)) for path in paths]

    asked = {
        "bare server": (hello, [("-", wrk.get(hello.address, "/"))] * 2),
        "charter page, ten forms and their tokens, cookie": charter("Paraphe"),
        "the same in Django": charter("Django"),
        "the same in FastAPI": charter("FastAPI + SQLAlchemy"),
        "304: /mentions-legales": unchanged("/mentions-legales"),
        "304: /signataires": unchanged("/signataires"),
        "register: /signataires": pages("/signataires", "/signataires?tri=nom"),
        "certificate: /verifier/<number>": pages(*(f"/verifier/{number}" for number in numbers)),
    }
    runs: dict[str, list[wrk.Run]] = defaultdict(list)
    for turn in range(rounds + 1):
        for name, (server, requests) in asked.items():
            last = seconds if turn else 1  # the first turn is the warm-up
            run = wrk.load(server, requests, MOST_CLIENTS, last, folder, ticks=False)
            runs[name] += [run] if turn else []
    for path in ("/mentions-legales", "/signataires"):
        unchanged(path)  # still
    bare = rate(runs["bare server"])
    report.table(
        ("pages, 128 clients", "req/s", "p50 / p99 ms", "of bare", "errors"),
        (
            (
                name,
                f"{rate(some):,.0f}",
                f"{middle(some, 'p50'):.0f} / {middle(some, 'p99'):.0f}",
                f"{rate(some) / bare:.3f}",
                sum(run.errors for run in some),
            )
            for name, some in runs.items()
        ),
    )
    charter_rate = rate(runs["charter page, ten forms and their tokens, cookie"])
    return [
        least("charter page, of the bare server,", charter_rate / bare, 0.25),
        least("charter page by Django’s", charter_rate / rate(runs["the same in Django"]), 1),
        least(
            "304 of /mentions-legales, of the bare server,", rate(runs["304: /mentions-legales"]) / bare, 0.4
        ),
        least("304 of /signataires, of the bare server,", rate(runs["304: /signataires"]) / bare, 0.4),
        most("errors among all pages", sum(run.errors for some in runs.values() for run in some), 0),
    ]


# Start and memory

ANSWER = """
import time
start = time.perf_counter()
from wsgi import app
assert app.test_client().get("/", base_url={base!r}).status_code == 200
print("took", time.perf_counter() - start)
"""


def start_up(report: Report, site: Site, rounds: int) -> list[Target]:
    """Tell how long it takes to import the application and answer; return what is to be reached."""
    program = ANSWER.format(base=f"http://127.0.0.1:{site.port}")
    environment = servers.clean_environment() | site.environment
    took, served = [], []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # which facts of the legal pages are missing
            text=True,
            check=True,
        )
        took.append(float(done.stdout.partition("took ")[2]))
        start = time.perf_counter()
        with site.served():
            served.append(time.perf_counter() - start)
    report.tell(
        f"* {statistics.median(took):.2f} s to import the application and answer once; gunicorn answers "
        f"{statistics.median(served):.2f} s after its command."
    )
    return [most("import and first answer", statistics.median(took), 1.0, " s")]


# All of it


def measure(report: Report, folder: Path, options: argparse.Namespace) -> Iterator[Target]:
    """Run everything, tell it, and yield what is to be reached."""
    rounds, seconds = (1, 1) if options.quick else (options.rounds, options.seconds)
    clients = (32, 128) if options.quick else CLIENTS
    site = servers.new_site(folder / "site")
    numbers = prepare(site, 9 if options.quick else SIGNED)
    start = start_up(report, site, rounds)
    with ExitStack() as stack:
        hello = stack.enter_context(
            servers.running([*GUNICORN, "bench.peers.ticks.hello:app"], {}, folder / "hello.log")
        )
        all_peers = list(peers(folder, site, stack))
        memory = all_peers[0].server
        before = memory.processes()
        ticks = compare_ticks(report, hello, all_peers, rounds, seconds, clients, folder)
        pages = compare_pages(report, hello, all_peers, numbers, rounds, seconds, folder)
        heaviest = max(list(memory.memory().values())[1:])
        report.tell(
            f"* {heaviest:.0f} MB in a worker that has made no PDF, after all these ticks and pages.", ""
        )
        if memory.processes() != before:
            raise SystemExit(f"A worker has ended: see its log.\n{memory.log.read_text()[-2000:]}")
    yield from ticks
    yield from pages
    yield from start
    yield most("memory of a worker that makes no PDF", heaviest, 75, " MB")
    minutes = 0.1 if options.quick else options.minutes
    if minutes:
        yield from journey.hold(report, folder / "journey", minutes, options.pace)


def main() -> None:
    """Measure, print, and save when asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is loaded")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="how long each time")
    parser.add_argument(
        "--minutes", type=float, default=journey.MINUTES, help="of the journey; 0: leave it out"
    )
    parser.add_argument("--pace", type=float, default=journey.PACE, help="whole signatures a minute")
    parser.add_argument("--quick", action="store_true", help="once each, for a second: does it run?")
    parser.add_argument("--save", action="store_true", help="add the result to bench/RESULTS.md")
    options = parser.parse_args()
    servers.end_when_told()
    wrk.program()
    report = Report("the load")
    libraries = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    rounds, seconds = (1, 1) if options.quick else (options.rounds, options.seconds)
    report.tell(f"{rounds} rounds of {seconds} s for each line, in turns; medians. {libraries}.", "")
    with tempfile.TemporaryDirectory(prefix="paraphe-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # the user that PostgreSQL runs as passes through
        targets = list(measure(report, folder, options))
    report.tell("", *targets)
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
