"""What a certificate costs: ours, the engine under it as it is usually called, and four others.

    make bench-certificate              a table on the terminal
    make bench-certificate ARGS=--save  the same, added to bench/RESULTS.md

Each engine draws in a process of its own; they take turns, one page each, for the same people in the same
order. Times are of CPU, in all threads of that process: other programs disturb them little, but the speed of
a machine changes from one minute to the next, so compare the ratios.

Paraphe keeps the commitments that it drew, with their day: it warms up with WARM people, the others with 5.
What a certificate costs when nothing of it was kept is told apart.
"""

import argparse
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench/RESULTS.md"

#: Module of bench/peers → what it is called.
PEERS = {
    "paraphe": "Paraphe",
    "sealed": "Paraphe, sealed and verified",
    "pisa": "xhtml2pdf, plain `pisa.CreatePDF`",
    "canvas": "reportlab canvas by hand",
    "typst": "Typst",
    "fpdf2": "fpdf2",
    "weasyprint": "WeasyPrint",
}
#: These take a signature; the others what the page says, already measured.
OURS = {"paraphe", "sealed", "pisa"}
KEEPING = {"paraphe", "sealed"}
VERSIONS = ("xhtml2pdf", "reportlab", "typst", "fpdf2", "weasyprint")
WARM, MANY, THREADS = 200, 2000, 8


# In the process of one engine


def serve(peer: str) -> None:
    """Draw the people of the standard input, one a line, and answer what each took."""
    start = time.process_time()
    draw = importlib.import_module(f"bench.peers.{peer}").draw
    answer(imported=time.process_time() - start)
    if peer in OURS:
        from bench.people import application, person

        application().app_context().push()
    for line in sys.stdin:
        index, content = json.loads(line)
        given = person(index) if peer in OURS else content
        start = time.process_time()
        pdf = draw(given)
        answer(cpu=time.process_time() - start, size=len(pdf), peak=peak())


def endure() -> None:
    """Draw ours for the first time, with new days, many times and in threads; answer what that came to."""
    from bench.peers.paraphe import draw
    from bench.people import application, person

    def seconds(signature: Any) -> float:
        start = time.process_time()
        draw(signature)
        return time.process_time() - start

    app = application()
    with app.app_context():
        first = seconds(person(0))
        for index in range(WARM):
            draw(person(index))
        days = [{n: date(2031 + year, 1 + n, 1) for n in range(1, 11)} for year in range(20)]
        new = statistics.median(seconds(replace(person(0), taken=taken)) for taken in days)

        before = resident()
        for index in range(MANY):
            draw(person(index))
        growth = resident() - before

    def is_drawn(index: int) -> bool:
        with app.app_context():
            return draw(person(index)).startswith(b"%PDF")

    with ThreadPoolExecutor(THREADS) as pool:
        drawn = sum(pool.map(is_drawn, range(50 * THREADS)))
    answer(first=first, new=new, growth=growth, drawn=drawn)


def answer(**values: Any) -> None:
    """Write one line of JSON."""
    print(json.dumps(values), flush=True)


def peak() -> float:
    """Return the most memory that this process ever had, in MiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def resident() -> float:
    """Return the memory that this process has now, in MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


# In the process that compares


class Engine:
    """The process of one engine."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.certificate", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def draw(self, index: int, content: dict[str, Any]) -> dict[str, Any]:
        """Draw the certificate of one person; return what it took."""
        self.process.stdin.write(json.dumps([index, content]) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """Return the next answer."""
        if line := self.process.stdout.readline():
            return json.loads(line)
        raise SystemExit(f"{self.process.args} failed")

    def close(self) -> None:
        """Let it end."""
        self.process.stdin.close()
        self.process.wait()


def compare(rounds: int) -> list[str]:
    """Let the engines draw in turns; return the lines of a table."""
    from bench.people import application, content, person

    with application().app_context():
        contents = [content(person(index)) for index in range(WARM + rounds)]
    engines = {peer: Engine("--serve", peer) for peer in PEERS}
    imported = {peer: engine.hear()["imported"] for peer, engine in engines.items()}
    for peer, engine in engines.items():
        for index in range(WARM if peer in KEEPING else 5):
            engine.draw(index, contents[index])
    pages: dict[str, list[dict[str, Any]]] = {peer: [] for peer in PEERS}
    for index in range(WARM, WARM + rounds):
        for peer, engine in engines.items():
            pages[peer].append(engine.draw(index, contents[index]))
    for engine in engines.values():
        engine.close()

    cpu = {peer: statistics.median(page["cpu"] for page in pages[peer]) for peer in PEERS}
    lines = [
        "| engine, same page | median CPU ms | by canvas | by Paraphe | import CPU ms | peak MiB | kB |",
        "|---|---|---|---|---|---|---|",
    ]
    for peer, name in PEERS.items():
        cells = (
            name,
            f"{1000 * cpu[peer]:.1f}",
            f"{cpu[peer] / cpu['canvas']:.2f}",
            f"{cpu[peer] / cpu['paraphe']:.2f}",
            f"{1000 * imported[peer]:.0f}",
            f"{max(page['peak'] for page in pages[peer]):.0f}",
            f"{statistics.median(page['size'] for page in pages[peer]) / 1000:.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def judge_endurance() -> list[str]:
    """Return what `endure` came to, in words."""
    engine = Engine("--endure")
    came_to = engine.hear()
    engine.close()
    return [
        f"* {1000 * came_to['first']:.0f} ms for the first certificate of a process, after the import;"
        f" {1000 * came_to['new']:.0f} ms for one whose ten days were never drawn.",
        f"* {came_to['growth']:.1f} MiB more after {MANY:,} certificates.",
        f"* {came_to['drawn']} of {50 * THREADS} drawn by {THREADS} threads at once.",
    ]


def main() -> None:
    """Measure, print, and save when asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40, help="how many certificates each engine draws")
    parser.add_argument("--save", action="store_true", help="add the result to bench/RESULTS.md")
    parser.add_argument("--serve", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--endure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    elif options.endure:
        endure()
    else:
        machine = f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
        versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
        lines = [f"## {date.today()}, {machine}", "", f"{options.rounds} certificates each. {versions}.", ""]
        result = "\n".join([*lines, *compare(options.rounds), "", *judge_endurance(), ""])
        print(result)
        if options.save:
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(f"\n{result}")


if __name__ == "__main__":
    main()
