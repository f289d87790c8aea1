"""How a measurement is told: on the terminal, and at the end of RESULTS.md where that is asked for."""

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).parent / "RESULTS.md"


class Target(NamedTuple):
    """What is to be reached, and what was."""

    wanted: str
    measured: str
    met: bool

    def __str__(self) -> str:
        return f"* {'met' if self.met else '**not met**'}: {self.wanted}: {self.measured}."


def least(wanted: str, value: float, limit: float, unit: str = "") -> Target:
    """Say whether a value reaches its limit."""
    return Target(f"{wanted} ≥ {limit:g}{unit}", f"{value:.3g}{unit}", value >= limit)


def most(wanted: str, value: float, limit: float, unit: str = "") -> Target:
    """Say whether a value stays within its limit."""
    return Target(f"{wanted} ≤ {limit:g}{unit}", f"{value:.3g}{unit}", value <= limit)


class Report:
    """Lines, printed as they come."""

    def __init__(self, what: str) -> None:
        self.lines: list[str] = []
        machine = f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
        self.tell(f"## {date.today()}, {what}, {machine}", "")

    def tell(self, *lines: object) -> None:
        """Print some lines and keep them."""
        for line in lines:
            print(line, flush=True)
            self.lines.append(str(line))

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Tell a table."""
        self.tell(f"| {' | '.join(head)} |", f"|{'---|' * len(head)}")
        for row in rows:
            self.tell(f"| {' | '.join(map(str, row))} |")
        self.tell("")

    def save(self) -> None:
        """Add it to RESULTS.md."""
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write("\n".join(["", *self.lines]).rstrip("\n") + "\n")


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent do not exceed."""
    return (
        statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]
    )
