"""The same charter page and the same tick, in programs of other makers and in other manners.

* ``hello``: no framework at all; what the server itself can do.
* ``naive``: Flask and Flask-SQLAlchemy as their tutorials write it, SQLite as it comes.
* ``careful``: the same ORM by somebody who has read its documentation; WAL, FULL, the write lock taken first.
* ``djangosite``: Django, as its documentation writes it for SQLite in production.
* ``fastapi``: FastAPI and SQLAlchemy, on uvicorn with its ``standard`` extra, as theirs does.

A tick is the same work everywhere: a signed cookie tells the draft, a CSRF token is checked, the draft is
looked up (and made at its first tick), the commitment is kept or taken back, the transaction is committed,
and the line is rendered with the count. Both pages are in ``templates/``, as long as ours to a twentieth, and
written so that Jinja and Django read the same files. All but ``naive`` have SQLite in WAL with
``synchronous=FULL``, as ours has: what they acknowledge is on the disk.

Where a choice was open, the quicker one is theirs: no table of sessions and no users in Django, connections
kept open, no headers of security, no limit of rate, no letter to send.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[3]
TEMPLATES = Path(__file__).parent / "templates"
#: Ours, for the drawing that both pages begin with.
POSTERS = ROOT / "templates"
SECRET = "a-secret-for-a-bench-that-is-long-enough"  # noqa: S105  # it protects nothing
CHARTER: dict[str, Any] = tomllib.loads((ROOT / "app/content/charter.toml").read_text(encoding="utf-8"))


class Commitment(NamedTuple):
    """One line of the charter."""

    number: int
    label: str
    rest: str


COMMITMENTS = [
    Commitment(number, line["label"], line["text"].removeprefix(line["label"]))
    for number, line in enumerate(CHARTER["commitments"], 1)
]


def database() -> str:
    """Return the SQLite file that this process was told to use."""
    return os.environ["BENCH_DATABASE"]
