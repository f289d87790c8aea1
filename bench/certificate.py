"""CPU time of one certificate: Paraphe, the same sealed, xhtml2pdf called plainly, and Typst.

    make bench-certificate ARGS=--save

Each engine draws in its own process; they take turns, one certificate each, with the same signatures in the
same order. Paraphe caches the commitments that it has drawn, with their day: the signatures have twenty days.
"""

import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask

from app.certificates.snapshot import Snapshot
from bench.report import Report, new_parser
from tests.support.snapshots import random_snapshot

ROOT = Path(__file__).parents[1]
VERSIONS = ("xhtml2pdf", "reportlab", "pyhanko", "typst")
#: Certificates that each engine draws before it is measured.
WARM_UP = 50
Draw = Callable[[Snapshot], bytes]


def load_paraphe() -> Draw:
    """Return our drawing."""
    from app.certificates.fast_pdf import draw_certificate

    return draw_certificate


def load_sealed() -> Draw:
    """Return our drawing, sealed and verified as in a download."""
    from app.certificates.fast_pdf import draw_certificate
    from app.certificates.key import generate_key
    from app.certificates.seal import seal_pdf
    from app.clock import now

    key = generate_key("charte.example", "Organisation", now())
    return lambda snapshot: seal_pdf(draw_certificate(snapshot), key, number=snapshot.number)


def load_xhtml2pdf() -> Draw:
    """Return `pisa.CreatePDF` on the same template."""
    from tests.support.plain_certificate import draw_plain_certificate

    return draw_plain_certificate


def load_typst() -> Draw:
    """Return Typst on a template of the same page."""
    import typst

    from app.certificates.pdf import ASSETS, INK, certificate_rows, certificate_values, qr_code

    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[ASSETS / "fonts"]
    )
    compiler = typst.Compiler(input=ROOT / "bench/certificate.typ", root=ROOT, font_paths=fonts)

    def choose(thing: object, *names: str) -> dict[str, Any]:
        return {name: getattr(thing, name) for name in names}

    def draw(snapshot: Snapshot) -> bytes:
        svg = BytesIO()
        qr_code(snapshot.url).save(svg, kind="svg", border=0, dark=INK)
        content = certificate_values(snapshot) | {
            "snapshot": choose(snapshot, "number", "organisation", "title"),
            "rows": [
                choose(row.commitment, "number", "label", "rest") | {"taken_on": row.taken_on}
                for row in certificate_rows(snapshot)
            ],
            "qr": svg.getvalue().decode(),
        }
        given = json.dumps(content, default=asdict)
        return compiler.compile(format="pdf", pdf_tags=False, sys_inputs={"content": given})

    return draw


ENGINES: dict[str, Callable[[], Draw]] = {
    "Paraphe": load_paraphe,
    "Paraphe, sealed and verified": load_sealed,
    "xhtml2pdf, plain `pisa.CreatePDF`": load_xhtml2pdf,
    "Typst": load_typst,
}


class Drawing(NamedTuple):
    """What one certificate took."""

    seconds: float  # of CPU, in all threads
    size: int  # bytes
    peak: float  # MiB that the process ever had


@cache
def load_engine(name: str) -> Draw:
    """Return the drawing of an engine, in the process of that engine."""
    app = Flask("app", template_folder=ROOT / "templates")
    app.app_context().push()
    return ENGINES[name]()


def draw_one(name: str, index: int) -> Drawing:
    """Draw one certificate; the first one of a process includes the imports."""
    snapshot = random_snapshot(index)
    start = time.process_time()
    pdf = load_engine(name)(snapshot)
    seconds = time.process_time() - start
    status = Path("/proc/self/status").read_text()
    return Drawing(seconds, len(pdf), int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def main() -> None:
    """Measure, print, and save where that is asked for."""
    parser = new_parser(str(__doc__))
    parser.add_argument("--rounds", type=int, default=40, help="how many certificates each engine draws")
    options = parser.parse_args()
    report = Report("the certificate")
    libraries = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    report.add(f"{options.rounds} certificates each, after {WARM_UP} to warm up. {libraries}.", "")
    drawings: dict[str, list[Drawing]] = {name: [] for name in ENGINES}
    with ExitStack() as stack:
        pools = {
            name: stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
            for name in ENGINES
        }
        for index in range(WARM_UP + options.rounds):
            for name, pool in pools.items():
                drawings[name].append(pool.submit(draw_one, name, index).result())
    medians = {
        name: statistics.median(one.seconds for one in some[WARM_UP:]) for name, some in drawings.items()
    }
    rows = (
        (
            name,
            f"{1000 * median:.1f}",
            f"{median / medians['Paraphe']:.2f}",
            f"{1000 * drawings[name][0].seconds:.0f}",
            f"{drawings[name][-1].peak:.0f}",
            f"{statistics.median(one.size for one in drawings[name]) / 1000:.0f}",
        )
        for name, median in medians.items()
    )
    head = (
        "engine, same page",
        "median CPU ms",
        "by Paraphe",
        "first, with imports, CPU ms",
        "peak MiB",
        "kB",
    )
    report.add_table(head, rows)
    report.finish([], save=options.save)


if __name__ == "__main__":
    main()
