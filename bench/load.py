"""Load of the real server beside Django, FastAPI, Express and the bare server: ticks, pages, signatures.

    make bench                           all, some 20 minutes, 10 of them for the journey
    make bench ARGS=--quick              once each, for a second
    make bench ARGS=--check              compare the answers of all servers, measure nothing
    make bench ARGS="--minutes 0 --save" without the journey, saved in bench/RESULTS.md

All servers run at the same time and are loaded in turns; figures are medians of the rounds. Other programs
disturb them: compare the ratios.
"""

import shutil
import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from bench import journey
from bench.population import people
from bench.register import fill_register
from bench.report import Report, Target, at_least, at_most, new_parser
from bench.servers import BARE, Server, Site, exit_on_sigterm, new_site, start_peers
from bench.visitor import UnexpectedAnswer, Visitor, tick
from bench.wrk import Run, request_bytes, send_load
from tests.support import crowd

OURS = "Paraphe"
VERSIONS = ("flask", "gunicorn", "django", "fastapi", "uvicorn")
ROUNDS, SECONDS = 5, 3
CLIENTS = (32, 128)
#: Browsers with a draft each; signatures in the register.
DRAFTS, SIGNATURES = 256, 1000
#: What the answer to a tick holds.
TAKEN = 'aria-checked="true"'


class Case(NamedTuple):
    """Requests to one server, and a text that each answer must hold."""

    server: Server
    requests: Sequence[bytes]
    expected: str = ""


# Comparing the answers


def check_answers(servers: Mapping[str, Server]) -> None:
    """Check that all servers do the same work, in answers of the same length. Raises: SystemExit."""
    sizes = {name: _check_server(name, server) for name, server in servers.items() if name != BARE}
    for name, (page, fragment) in sizes.items():
        print(f"{name}: charter page {page:,} bytes, fragment {fragment:,} bytes", file=sys.stderr)
    for name, theirs in sizes.items():
        for ours, their in zip(sizes[OURS], theirs, strict=True):
            _require(abs(their - ours) <= 0.1 * ours, name, "length of the answer")


def _check_server(name: str, server: Server) -> tuple[int, int]:
    """Return the bytes of the charter page with four commitments taken, and of one fragment."""
    visitor = Visitor(server.address)
    visitor.open("/")
    for number in (1, 2, 3, 7):
        fragment = tick(visitor, number).text
    _require('id="engagement-7"' in fragment and "<html" not in fragment, name, "fragment")
    _require(">4</span> engagements sur 10" in fragment, name, "progress")
    tick(visitor, 3, taken=False)
    tick(visitor, 3)
    page = visitor.open("/").text
    counts = [page.count(part) for part in (TAKEN, 'role="checkbox"', 'type="hidden"')]
    _require(counts == [4, 10, 1], name, "charter page")
    answer = visitor.send("/engagements/5", taken="yes")
    _require(answer.status in (302, 303), name, "answer without htmx")
    _require(visitor.open("/").text.count(TAKEN) == 5, name, "session")
    try:
        visitor.send("/engagements/6", **dict.fromkeys(visitor.fields, "forged"), taken="yes")
    except UnexpectedAnswer:
        pass  # refused
    else:
        _require(False, name, "answer to a forged CSRF token")
    visitor.cookies = {cookie: value[::-1] for cookie, value in visitor.cookies.items()}
    _require(visitor.open("/").text.count(TAKEN) == 0, name, "answer to a forged session")
    visitor.close()
    return len(page.encode()), len(fragment.encode())


def _require(condition: bool, name: str, what: str) -> None:
    if not condition:
        raise SystemExit(f"{name}: the {what} is not as expected.")


# Ticks and pages


def new_drafts(server: Server, count: int) -> list[tuple[Visitor, int]]:
    """Tick in so many browsers what the population takes, but for one commitment; return that one, too."""
    drafts = []
    for person in people(count):
        *numbers, last = sorted(person.taken)
        visitor = Visitor(server.address)
        visitor.open("/")
        for number in numbers:
            tick(visitor, number)
        visitor.close()
        drafts.append((visitor, last))
    return drafts


def tick_case(server: Server, drafts: Sequence[tuple[Visitor, int]]) -> Case:
    """Return one tick of each draft: each takes a commitment that the cookie does not hold."""
    htmx = {"HX-Request": "true", "HX-Request-Type": "partial"}
    requests = [
        request_bytes(
            server.address,
            f"/engagements/{number}",
            visitor.headers | htmx,
            visitor.fields | {"taken": "yes"},
        )
        for visitor, number in drafts
    ]
    return Case(server, requests, TAKEN)


def page_case(server: Server, path: str, headers: Iterable[Mapping[str, str]] = ({},)) -> Case:
    """Return one page, asked with each of the headers."""
    return Case(server, [request_bytes(server.address, path, sent) for sent in headers])


def unchanged_case(server: Server, path: str) -> Case:
    """Return a page with the ETag that it has. Raises: SystemExit."""
    visitor = Visitor(server.address)
    plain = {"Accept-Encoding": "identity"}
    headers = {"If-None-Match": visitor.open(path, headers=plain).headers["ETag"]}
    _require(visitor.open(path, headers=plain | headers).status == 304, path, "status of an unchanged page")
    visitor.close()
    return page_case(server, path, [headers])


def compare(
    report: Report, title: str, cases: Mapping[str, Case], clients: int, options: Namespace
) -> dict[str, Run]:
    """Load the cases in turns, after one turn to warm up; add a table of the medians and return them."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for turn in range(options.rounds + 1):
        for name, case in cases.items():
            seconds = options.seconds if turn else 1
            run = send_load(case.server, case.requests, case.expected, clients, seconds, options.folder)
            runs[name] += [run] if turn else []
    medians = {name: median_of(some) for name, some in runs.items()}
    bare = medians[BARE].rate
    rows = (
        (
            name,
            f"{run.rate:,.0f}",
            f"{run.rate / bare:.3f}",
            f"{run.p50:.0f} / {run.p99:.0f}",
            f"{run.cpu:.2f}",
            run.errors,
        )
        for name, run in medians.items()
    )
    head = (f"{title}, {clients} clients", "req/s", "of bare", "p50 / p99 ms", "CPU ms", "errors")
    report.add_table(head, rows)
    return medians


def median_of(runs: Sequence[Run]) -> Run:
    """Return the medians of some runs, and the sum of their errors."""
    names = ("rate", "p50", "p99", "cpu")
    figures = (statistics.median(getattr(run, name) for run in runs) for name in names)
    return Run(*figures, errors=sum(run.errors for run in runs))


def measure_load(report: Report, servers: Mapping[str, Server], options: Namespace) -> Iterator[Target]:
    """Measure ticks and pages, and yield the targets."""
    ours = servers[OURS]
    drafts = {name: new_drafts(servers[name], options.drafts) for name in servers if name != BARE}
    bare = {BARE: page_case(servers[BARE], "/")}
    ticks = bare | {name: tick_case(servers[name], some) for name, some in drafts.items()}
    measured = {clients: compare(report, "tick", ticks, clients, options) for clients in CLIENTS}
    charters = bare | {
        name: page_case(servers[name], "/", [visitor.headers for visitor, _ in some])
        for name, some in drafts.items()
    }
    charter = compare(report, "charter page", charters, CLIENTS[-1], options)
    legal, register = "/mentions-legales", "/signataires"
    cases = bare | {
        f"304 of {legal}": unchanged_case(ours, legal),
        f"304 of {register}": unchanged_case(ours, register),
        f"register: {register}": page_case(ours, register),
    }
    pages = compare(report, "pages of Paraphe", cases, CLIENTS[-1], options)

    for clients, runs in measured.items():
        rate = {name: run.rate / runs[OURS].rate for name, run in runs.items()}
        report.add(
            f"* Tick at {clients} clients: Express answers {rate['Express']:.2f} × as many as Paraphe."
        )
        yield at_least(f"tick at {clients} clients, of the bare server", 1 / rate[BARE], 0.16)
        yield at_least(f"then, at {clients}", 1 / rate[BARE], 0.2)
        yield at_least(f"tick at {clients} clients, of Django", 1 / rate["Django"], 1.5)
        yield at_least(f"tick at {clients} clients, of FastAPI", 1 / rate["FastAPI"], 1)
    yield at_most(f"p99 of a tick at {CLIENTS[-1]} clients", measured[CLIENTS[-1]][OURS].p99, 200, " ms")
    rate = {name: run.rate / charter[OURS].rate for name, run in charter.items()}
    report.add(f"* Charter page: Express answers {rate['Express']:.2f} × as many as Paraphe.", "")
    yield at_least("charter page, of the bare server", 1 / rate[BARE], 0.12)
    yield at_least("charter page, of Django", 1 / rate["Django"], 1)
    for path, limit in ((legal, 0.35), (register, 0.2)):
        yield at_least(
            f"304 of {path}, of the bare server", pages[f"304 of {path}"].rate / pages[BARE].rate, limit
        )
    errors = sum(run.errors for runs in (*measured.values(), charter, pages) for run in runs.values())
    yield at_most("errors under load, of all servers", errors, 0)
    yield at_most("memory of a worker that drew no PDF", ours.worker_memory(), 100, " MB")


def measure_start(site: Site, rounds: int) -> Target:
    """Return the seconds from the command to the first answer."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        with site.serve():
            seconds.append(time.perf_counter() - start)
    return at_most("start and first answer", statistics.median(seconds), 1.2, " s")


def main() -> None:
    """Measure, print, and save where that is asked for."""
    parser = new_parser(str(__doc__))
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each server is loaded")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="how long each time")
    parser.add_argument("--minutes", type=float, default=journey.MINUTES, help="of the journey; 0: none")
    parser.add_argument("--quick", action="store_true", help="once each, for a second")
    parser.add_argument("--check", action="store_true", help="compare the answers, measure nothing")
    options = parser.parse_args()
    options.drafts = DRAFTS
    if options.quick:
        options.rounds, options.seconds, options.minutes, options.drafts = 1, 1, 0.1, 32
    exit_on_sigterm()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed here (Debian: apt install wrk).")
    with tempfile.TemporaryDirectory(prefix="paraphe-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        site = new_site(folder / "site")
        fill_register(crowd.app_on(site.database), SIGNATURES)
        servers = start_peers(folder, stack) | {OURS: stack.enter_context(site.serve())}
        check_answers(servers)
        options.folder = folder
        if options.check:
            return
        report = Report("the load")
        libraries = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
        report.add(f"Medians of {options.rounds} rounds of {options.seconds} s, in turns. {libraries}.", "")
        targets = list(measure_load(report, servers, options))
        stack.close()  # what follows has the machine to itself
        targets.append(measure_start(site, options.rounds))
        if options.minutes:
            targets += journey.measure(report, folder / "journey", options.minutes)
        report.finish(targets, save=options.save)


if __name__ == "__main__":
    main()
