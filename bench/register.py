"""What a page of the register costs when a thousand have signed, and when a million have.

    make bench-register                             a table on the terminal
    make bench-register ARGS=--save                 the same, added to bench/RESULTS.md
    make bench-register ARGS="--keep /var/tmp/many" keep what was filled in, and find it again

On SQLite and on PostgreSQL, both as they are installed, filled with the people of `bench/population.py`.
Each page is asked through the whole application, in this process, with what somebody who signed might look
for; the small register and the large one take turns. Other programs disturb the times: compare the ratios.
"""

import argparse
import os
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import URL, Row, create_engine, event, select
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app.extensions import db
from app.models import Entry
from app.register.queries import Cursor
from app.text import fold
from bench.exporting import FILES, judge_exports
from bench.filling import application, fill
from bench.population import POPULARITY, communes
from tests.support import postgresql as postgres

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench/RESULTS.md"

SMALL, LARGE = 1_000, 1_000_000
#: How many times longer the large register may take; how many statements a page may need.
MOST_TIMES, MOST_STATEMENTS = 3, 4
#: The commitment that one person in a thousand takes.
RARE = len(POPULARITY)
#: Communes are looked for by name.
NAMES = {insee: name for insee, name, _ in communes()}


# What is asked


def found(**values: object) -> str:
    """Return the address of the register, with what is looked for."""
    return f"/signataires?{urlencode(values)}"


def by_date(one: Row) -> Cursor:
    """Return the place of a person among the others, by date."""
    return Cursor(one.confirmed_at.isoformat(), one.code)


def by_name(one: Row) -> Cursor:
    """Return the place of a person among the others, by name."""
    return Cursor(one.sort_key, one.code)


def often(one: Row) -> int:
    """Return a commitment that many take, another for each person."""
    return 1 + int(one.code, 16) % (RARE - 1)


#: What a page is called → its address, for somebody who has signed.
PAGES: Mapping[str, Callable[[Row], str]] = {
    "newest first": lambda _: found(),
    "newest first, in the middle": lambda one: found(apres=by_date(one)),
    "newest first, backwards": lambda one: found(avant=by_date(one)),
    "by name": lambda _: found(tri="nom"),
    "by name, in the middle": lambda one: found(tri="nom", apres=by_name(one)),
    "commune": lambda one: found(commune=NAMES[one.commune]),
    "commune, by name": lambda one: found(commune=NAMES[one.commune], tri="nom"),
    "EPCI": lambda one: found(epci=one.epci),
    "arrondissement, by name": lambda one: found(arrondissement=one.district, tri="nom"),
    "commitment": lambda one: found(engagement=often(one)),
    "commitment, by name": lambda one: found(engagement=often(one), tri="nom"),
    "rare commitment": lambda _: found(engagement=RARE),
    "rare commitment, by name": lambda _: found(engagement=RARE, tri="nom"),
    "rare commitment, in the middle": lambda one: found(engagement=RARE, apres=by_date(one)),
    "role": lambda one: found(qualite=one.role.value),
    "elected, by name": lambda _: found(qualite="elu", tri="nom"),
    "EPCI, commitment, role": lambda one: found(epci=one.epci, engagement=often(one), qualite=one.role.value),
    "EPCI, rare commitment": lambda one: found(epci=one.epci, engagement=RARE),
    "EPCI, rare commitment, role": lambda one: found(epci=one.epci, engagement=RARE, qualite=one.role.value),
    "commune, rare commitment, by name": lambda one: found(
        commune=NAMES[one.commune], engagement=RARE, tri="nom"
    ),
    "family name": lambda one: found(nom=one.family_name),
    "given name": lambda one: found(nom=one.given_name),
    "full name": lambda one: found(nom=f"{one.given_name} {one.family_name}"),
    "first three letters": lambda one: found(nom=fold(one.family_name)[:3]),
    "« mar »": lambda _: found(nom="mar"),
    "last word of a name": lambda one: found(nom=fold(one.family_name).split()[-1]),
    "a name that nobody has": lambda one: found(nom=f"{one.family_name}zzz"),
    "family name, commune": lambda one: found(nom=one.family_name, commune=NAMES[one.commune]),
    "given name, EPCI": lambda one: found(nom=one.given_name, epci=one.epci),
    "given name, arrondissement": lambda one: found(nom=one.given_name, arrondissement=one.district),
    "given name, rare commitment": lambda one: found(nom=one.given_name, engagement=RARE),
    "« mar », rare commitment, role": lambda one: found(nom="mar", engagement=RARE, qualite=one.role.value),
    "page of a commune": lambda one: f"/communes/{one.commune}",
    "page of a commitment": lambda one: f"/engagements/{often(one)}",
    "page of the rare commitment": lambda _: f"/engagements/{RARE}",
    "page of a signature": lambda one: f"/signataires/{one.code}",
    "territory": lambda _: "/territoire",
    "feed": lambda _: "/signataires.atom",
}


# What answers


@dataclass
class Register:
    """An application whose register has been filled."""

    app: Flask
    url: URL
    size: int
    samples: list[Row] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        fill(self.app, self.size)
        with self.app.app_context():
            for engine in (db.engine, self.app.extensions["autocommit"]):
                event.listen(engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            self.statements.append(statement)

    def draw(self, many: int) -> None:
        """Choose so many of those who signed, always the same."""
        chosen = random.Random(many).choices(range(1, self.size + 1), k=many)
        columns = Entry.__table__.columns
        with self.app.app_context():
            rows = db.session.execute(select(*columns).where(columns.signature_id.in_(chosen))).all()
        by_id = {row.signature_id: row for row in rows}
        self.samples = [by_id[number] for number in chosen]

    def serves(self, path: str) -> bool:
        """Whether the application knows an address."""
        with self.app.test_request_context(path) as context:
            return context.request.url_rule is not None

    def ask(self, path: str) -> tuple[float, int]:
        """Open a page; return how many seconds and statements it took."""
        path, _, query = path.partition("?")
        environ = EnvironBuilder(path=path, query_string=query).get_environ()
        self.statements.clear()
        start = time.perf_counter()
        _, status, _ = run_wsgi_app(self.app, environ, buffered=True)
        seconds = time.perf_counter() - start
        if not status.startswith("200"):
            raise SystemExit(f"{path}?{query} answers {status}")
        return seconds, len(self.statements)


def registers(engine: str, sizes: tuple[int, int], keep: Path, stack: ExitStack) -> list[Register]:
    """Return the small and the large register of an engine, filled."""
    names = [f"signed_{size}" for size in sizes]
    if engine == "SQLite":
        urls = [URL.create("sqlite", database=str(keep / f"{name}.sqlite3")) for name in names]
    else:
        server = stack.enter_context(postgres.server(keep))
        with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
            there = set(connection.exec_driver_sql("SELECT datname FROM pg_database").scalars())
            for name in set(names) - there:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        urls = [server.set(database=name) for name in names]
    return [Register(application(keep, url), url, size) for url, size in zip(urls, sizes, strict=True)]


# What it came to


@dataclass(frozen=True)
class Cost:
    """What one page took, in the small register and in the large one."""

    seconds: tuple[list[float], list[float]]
    statements: int

    @property
    def p95(self) -> tuple[float, float]:
        """How long the slowest twentieth takes at least, in seconds."""
        small, large = (statistics.quantiles(some, n=20)[-1] for some in self.seconds)
        return small, large

    @property
    def times(self) -> float:
        """How many times longer the large register takes."""
        small, large = self.p95
        return large / small

    @property
    def is_good(self) -> bool:
        """Whether both limits are kept."""
        return self.times <= MOST_TIMES and self.statements <= MOST_STATEMENTS

    @property
    def cells(self) -> list[str]:
        """The cells of a table."""
        times = [
            f"{1000 * statistics.median(some):.1f} / {1000 * p95:.1f}"
            for some, p95 in zip(self.seconds, self.p95, strict=True)
        ]
        return [
            *times,
            f"{self.times:.2f}" if self.is_good else f"**{self.times:.2f}**",
            str(self.statements),
        ]


def measure(pair: list[Register], path: Callable[[Row], str], rounds: int) -> Cost:
    """Ask for one page in turns, for as many people."""
    for register in pair:
        for one in register.samples[:5]:
            register.ask(path(one))
    seconds: tuple[list[float], list[float]] = ([], [])
    statements = 0
    for index in range(rounds):
        for register, some in zip(pair, seconds, strict=True):
            took, many = register.ask(path(register.samples[index]))
            some.append(took)
            statements = max(statements, many)
    return Cost(seconds, statements)


def compare(engine: str, pair: list[Register], rounds: int, only: str) -> Iterator[str]:
    """Yield the lines of a table."""
    sizes = [f"{register.size:,}: median / p95 ms" for register in pair]
    yield f"| {engine} | {' | '.join(sizes)} | p95 by p95 | statements |"
    yield "|---|---|---|---|---|"
    for register in pair:
        register.draw(rounds)
    over = []
    for name, path in PAGES.items():
        if only not in name:
            continue
        if not pair[0].serves(path(pair[0].samples[0])):
            yield f"| {name} | not served | | | |"
        else:
            cost = measure(pair, path, rounds)
            over += [] if cost.is_good else [name]
            yield f"| {name} | {' | '.join(cost.cells)} |"
    yield ""
    yield f"Over {MOST_TIMES} times, or {MOST_STATEMENTS} statements: {', '.join(over) or 'none'}."


def main() -> None:
    """Measure, print, and save when asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--large", type=int, default=LARGE, help="how many have signed the large register")
    parser.add_argument("--rounds", type=int, default=200, help="how often each page is asked for")
    parser.add_argument("--only", default="", help="measure the pages whose name has this")
    parser.add_argument("--engine", choices=("SQLite", "PostgreSQL"), help="leave the other one out")
    parser.add_argument("--keep", type=Path, help="a folder for the databases, which are found again")
    parser.add_argument("--save", action="store_true", help="add the result to bench/RESULTS.md")
    options = parser.parse_args()
    lines = []

    def tell(line: str = "") -> None:
        print(line, flush=True)
        lines.append(line)

    with ExitStack() as stack:
        keep = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paraphe-")))
        keep.mkdir(parents=True, exist_ok=True)
        keep.chmod(0o711)  # the user that PostgreSQL runs as passes through
        machine = f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
        tell(f"## {date.today()}, the register, {machine}")
        tell()
        for engine in (options.engine,) if options.engine else ("SQLite", "PostgreSQL"):
            pair = registers(engine, (SMALL, options.large), keep.resolve(), stack)
            tell(f"{options.rounds} requests for each page and each size. {named(pair[0])}.")
            tell()
            for line in compare(engine, pair, options.rounds, options.only):
                tell(line)
            tell()
            files = [name for name, path in FILES.items() if options.only in name and pair[0].serves(path)]
            for line in judge_exports(engine, files, [register.url for register in pair], keep.resolve()):
                tell(line)
            tell()
    if options.save:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write("\n".join(["", *lines]))


def named(register: Register) -> str:
    """Return the engine and the libraries, with their versions."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("flask", "sqlalchemy"))
    if register.url.drivername == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}, {libraries}"
    with register.app.app_context():
        number = db.session.execute(select(db.func.current_setting("server_version"))).scalar()
    return f"PostgreSQL {number.split()[0]}, psycopg {version('psycopg')}, {libraries}"


if __name__ == "__main__":
    main()
