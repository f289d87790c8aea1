"""Pages and files of the register with a thousand signatures, and with a million.

    make bench-register                              on SQLite and on PostgreSQL
    make bench-register ARGS="--keep /var/tmp/many"  keep the databases, and use them again
    make bench-register ARGS="--large 20000 --rounds 20 --engine SQLite"

Each page is asked in this process, through the whole application, with what a visitor could search for; the
small register and the large one take turns. Other programs disturb the times: compare the ratios.
"""

import csv
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import URL, Connection, Row, create_engine, func, insert, literal, select
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app.extensions import db
from app.models import Base, Entry, Pledge, Revision, Signature, Spelling, Tally
from app.register.audit import find_differences
from app.register.queries import Cursor
from app.register.update import entry_values, spelling_rows
from app.text import fold
from bench.population import COMMUNE_NAMES, POPULARITY, Person, people
from bench.report import Report, Target, at_least, at_most, new_parser, percentile
from bench.servers import exit_on_sigterm
from tests.support import crowd, multitude, postgresql

SMALL, LARGE, ROUNDS = 1_000, 1_000_000, 200
CHUNK = 10_000
RARE = len(POPULARITY)
CURSOR, FILES = "bare cursor", ("/signataires.csv", "/signataires.json")


# Filling


def fill_register(app: Flask, size: int) -> None:
    """Insert so many confirmed signatures with their entries, unless they are there. Raises: SystemExit."""
    with app.app_context():
        db.create_all()
        found = db.session.scalar(select(func.count()).select_from(Entry))
        db.session.remove()
        if found == size:
            return
        if found:
            raise SystemExit(f"There are {found:,} signatures, not {size:,}: keep them in another folder.")
        # What the application writes for one signature has the columns that people do not have.
        crowd.fill(app, 1)
        with db.engine.begin() as connection:
            signature, entry = (
                dict(connection.execute(select(table)).mappings().one())
                for table in (Signature.__table__, Entry.__table__)
            )
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
        indexes = [index for table in Base.metadata.sorted_tables for index in table.indexes]
        for index in indexes:
            index.drop(db.engine)
        with db.engine.begin() as connection:
            population = people(size)
            while some := list(islice(population, CHUNK)):
                _insert_people(connection, some, signature, entry)
            _insert_pledges_and_tallies(connection)
        for index in indexes:
            index.create(db.engine)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(
                "VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE"
            )
        if size <= SMALL and (wrong := list(islice(find_differences(), 3))):
            raise SystemExit(f"The register differs from the signatures: {wrong}")


def _insert_people(
    connection: Connection, some: list[Person], signature: Mapping[str, Any], entry: Mapping[str, Any]
) -> None:
    entries = [entry | entry_values(person, person.taken) for person in some]
    signatures = [
        signature
        | {name: value for name, value in person._asdict().items() if name in signature}
        | {"name_key": fold(f"{person.given_name} {person.family_name}")}
        for person in some
    ]
    connection.execute(insert(Signature), signatures)
    connection.execute(insert(Entry), entries)
    connection.execute(insert(Spelling), [row for line in entries for row in spelling_rows(line)])


def _insert_pledges_and_tallies(connection: Connection) -> None:
    """Insert what the entries say: pledges, tallies by commitment (0: any), revisions by EPCI."""
    for number in range(RARE + 1):
        taken = Entry.mask.bitwise_and(1 << number - 1) != 0 if number else literal(True)
        pledges = select(Entry.signature_id, literal(number), Entry.confirmed_at).where(taken)
        tallies = select(literal(number), Entry.commune, Entry.role, func.count()).where(taken)
        if number:
            connection.execute(insert(Pledge).from_select(["signature_id", "number", "taken_at"], pledges))
        tallies = tallies.group_by(Entry.commune, Entry.role)
        connection.execute(insert(Tally).from_select(["number", "commune", "role", "count"], tallies))
    revisions = select(Entry.epci, func.count(), func.max(Entry.confirmed_at)).group_by(Entry.epci)
    connection.execute(insert(Revision).from_select(["epci", "number", "changed_at"], revisions))


# Asking


def search(**values: object) -> str:
    """Return the address of a search in the register."""
    return f"/signataires?{urlencode(values)}"


def common(one: Row) -> int:
    """Return a commitment that many take, the same for the same entry."""
    return 1 + int(one.code, 16) % (RARE - 1)


#: Name of a page → its address, for an entry of the register.
PAGES: Mapping[str, Callable[[Row], str]] = {
    "newest first": lambda _: search(),
    "newest first, in the middle": lambda one: search(apres=Cursor(one.confirmed_at.isoformat(), one.code)),
    "by name": lambda _: search(tri="nom"),
    "by name, in the middle": lambda one: search(tri="nom", apres=Cursor(one.sort_key, one.code)),
    "commune, by name": lambda one: search(commune=COMMUNE_NAMES[one.commune], tri="nom"),
    "arrondissement, by name": lambda one: search(arrondissement=one.district, tri="nom"),
    "rare commitment": lambda _: search(engagement=RARE),
    "rare commitment, in the middle": lambda one: search(
        engagement=RARE, apres=Cursor(one.confirmed_at.isoformat(), one.code)
    ),
    "EPCI, rare commitment, role": lambda one: search(epci=one.epci, engagement=RARE, qualite=one.role.value),
    "family name": lambda one: search(nom=one.family_name),
    "full name": lambda one: search(nom=f"{one.given_name} {one.family_name}"),
    "first three letters": lambda one: search(nom=fold(one.family_name)[:3]),
    "unknown name": lambda one: search(nom=f"{one.family_name}zzz"),
    "given name, commune": lambda one: search(nom=one.given_name, commune=COMMUNE_NAMES[one.commune]),
    "given name, rare commitment": lambda one: search(nom=one.given_name, engagement=RARE),
    "page of a commune": lambda one: f"/communes/{one.commune}",
    "page of a commitment": lambda one: f"/engagements/{common(one)}",
    "page of the rare commitment": lambda _: f"/engagements/{RARE}",
    "page of a signature": lambda one: f"/signataires/{one.code}",
    "territory": lambda _: "/territoire",
    "feed": lambda _: "/signataires.atom",
}


@dataclass(frozen=True)
class Register:
    """An application with a filled register."""

    app: Flask
    size: int

    def sample(self, count: int) -> list[Row]:
        """Return so many entries, the same in each run."""
        chosen = random.Random(count).choices(range(1, self.size + 1), k=count)
        with self.app.app_context():
            columns = Entry.__table__.columns
            rows = db.session.execute(select(*columns).where(columns.signature_id.in_(chosen))).all()
        by_id = {row.signature_id: row for row in rows}
        return [by_id[number] for number in chosen]

    def ask(self, address: str) -> float:
        """Open a page; return how many seconds it took. Raises: SystemExit."""
        path, _, query = address.partition("?")
        environ = EnvironBuilder(path=path, query_string=query).get_environ()
        start = time.perf_counter()
        _, status, _ = run_wsgi_app(self.app, environ, buffered=True)
        seconds = time.perf_counter() - start
        if not status.startswith("200"):
            raise SystemExit(f"{address} answers {status}")
        return seconds


def open_registers(engine: str, sizes: tuple[int, int], folder: Path, stack: ExitStack) -> list[Register]:
    """Return the small and the large register on one engine."""
    names = [f"signed_{size}" for size in sizes]
    if engine == "SQLite":
        urls = [URL.create("sqlite", database=str(folder / f"{name}.sqlite3")) for name in names]
    else:
        server = stack.enter_context(postgresql.server(folder))
        with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
            existing = set(connection.exec_driver_sql("SELECT datname FROM pg_database").scalars())
            for name in set(names) - existing:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        urls = [server.set(database=name) for name in names]
    registers = []
    for url, size in zip(urls, sizes, strict=True):
        app = crowd.app_on(url.render_as_string(hide_password=False))
        fill_register(app, size)
        registers.append(Register(app, size))
    return registers


# Measuring


def measure_pages(report: Report, engine: str, pair: list[Register], rounds: int) -> Iterator[Target]:
    """Add a table of the pages; yield the targets that they miss, or one that they meet together."""
    samples = [register.sample(rounds) for register in pair]
    ratios: dict[str, float] = {}

    def rows() -> Iterator[tuple[str, ...]]:
        for name, address in PAGES.items():
            seconds: tuple[list[float], list[float]] = ([], [])
            for turn in range(-5, rounds):  # five to warm up
                for register, sample, some in zip(pair, samples, seconds, strict=True):
                    took = register.ask(address(sample[turn]))
                    some += [took] if turn >= 0 else []
            small, large = (1000 * percentile(some, 95) for some in seconds)
            ratios[name] = large / small
            medians = [f"{1000 * statistics.median(some):.1f}" for some in seconds]
            yield (name, f"{medians[0]} / {small:.1f}", f"{medians[1]} / {large:.1f}", f"{large / small:.2f}")

    head = (f"{register.size:,}: median / p95 ms" for register in pair)
    report.add_table((engine, *head, "p95 by p95"), rows())
    slowest = max(ratios, key=lambda name: ratios[name])
    yield at_most(f"{engine}: p95 of each page by the small register ({slowest})", ratios[slowest], 3)


def measure_files(report: Report, engine: str, register: Register, rounds: int = 5) -> Iterator[Target]:
    """Add a table of the files, beside a database cursor whose rows are written as CSV; yield the targets."""
    client = register.app.test_client()
    seconds: dict[str, list[float]] = {name: [] for name in (CURSOR, *FILES)}
    memory: dict[str, float] = {}
    for path in FILES:
        multitude.taken_by(client, f"{path}?commune=Agonac", "identity")  # loads what is loaded once
    for _ in range(rounds):
        for name in seconds:
            start = time.perf_counter()
            if name == CURSOR:
                write_with_cursor(register)
            else:
                _, _, memory[name] = multitude.taken_by(client, name, "identity")
            seconds[name].append(time.perf_counter() - start)
    speeds = {name: register.size / statistics.median(some) for name, some in seconds.items()}
    rows = ((name, f"{speed:,.0f}", f"{speed / speeds[CURSOR]:.2f}") for name, speed in speeds.items())
    report.add_table((f"{engine}, whole file", "rows/s", "of the cursor"), rows)
    for path in FILES:
        yield at_least(f"{engine}: {path}, of the cursor", speeds[path] / speeds[CURSOR], 0.4)
        yield at_most(f"{engine}: memory of {path}", memory[path] / 2**20, 30, " MiB")


def write_with_cursor(register: Register) -> None:
    """Write the columns of the files to /dev/null as the driver reads them, without holding all rows."""
    statement = """
        SELECT code, given_name, family_name, role, list_name, commune, epci, district, taken_on,
        confirmed_at, changed_at FROM entry
    """
    with (
        register.app.app_context(),
        db.engine.connect().execution_options(stream_results=True, max_row_buffer=CHUNK) as connection,
        Path("/dev/null").open("w", encoding="utf-8", newline="") as file,
    ):
        csv.writer(file).writerows(connection.exec_driver_sql(statement).cursor)


def main() -> None:
    """Measure, print, and save where that is asked for."""
    parser = new_parser(str(__doc__))
    parser.add_argument("--large", type=int, default=LARGE, help="signatures in the large register")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each page is asked")
    parser.add_argument("--engine", choices=("SQLite", "PostgreSQL"), help="on this one only")
    parser.add_argument("--keep", type=Path, help="a folder for the databases")
    options = parser.parse_args()
    exit_on_sigterm()
    report = Report("the register")
    targets: list[Target] = []
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paraphe-")))
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # the user that runs PostgreSQL passes through
        for engine in (options.engine,) if options.engine else ("SQLite", "PostgreSQL"):
            pair = open_registers(engine, (SMALL, options.large), folder.resolve(), stack)
            targets += measure_pages(report, engine, pair, options.rounds)
            targets += measure_files(report, engine, pair[1])
    report.finish(targets, save=options.save)


if __name__ == "__main__":
    main()
