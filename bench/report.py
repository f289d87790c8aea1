"""The report of a measurement: Markdown on the terminal, and in RESULTS.md with `--save`."""

import os
import platform
import statistics
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).parent / "RESULTS.md"


class Target(NamedTuple):
    """A value to reach, and the value measured."""

    wanted: str
    measured: str
    is_met: bool

    def __str__(self) -> str:
        return f"* {'ok' if self.is_met else '**MISSED**'}: {self.wanted}: {self.measured}"


def at_least(wanted: str, value: float, limit: float) -> Target:
    """Return a target met by the limit or more."""
    return Target(f"{wanted} ≥ {limit:g}", f"{value:.3g}", value >= limit)


def at_most(wanted: str, value: float, limit: float, unit: str = "") -> Target:
    """Return a target met by the limit or less."""
    return Target(f"{wanted} ≤ {limit:g}{unit}", f"{value:.3g}{unit}", value <= limit)


class Report:
    """Lines that are printed as they come."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.lines: list[str] = []
        machine = f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
        self.add(f"## {date.today()}, {title}, {machine}", "")

    def add(self, *lines: object) -> None:
        """Print lines and keep them."""
        for line in lines:
            print(line, flush=True)
            self.lines.append(str(line))

    def add_table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table, each row as it comes."""
        self.add(f"| {' | '.join(head)} |", f"|{'---|' * len(head)}")
        for row in rows:
            self.add(f"| {' | '.join(map(str, row))} |")
        self.add("")

    def finish(self, targets: Iterable[Target], *, save: bool) -> None:
        """Add the targets; ``save`` puts the report into RESULTS.md, in place of the one of that title."""
        self.add(*targets)
        if save:
            head, *reports = RESULTS.read_text(encoding="utf-8").split("\n## ")
            others = [report for report in reports if f", {self.title}, " not in report.partition("\n")[0]]
            own = "\n".join(self.lines).strip().removeprefix("## ") + "\n"
            RESULTS.write_text("\n## ".join([head, *others, own]), encoding="utf-8")


def new_parser(description: str) -> ArgumentParser:
    """Return a parser of a measurement's arguments."""
    parser = ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--save", action="store_true", help="put the report into bench/RESULTS.md")
    return parser


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of the values do not exceed."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
