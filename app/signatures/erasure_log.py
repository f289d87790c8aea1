"""The erasure log: a file outside the database, so that a restored backup restores no withdrawn signature.

One line each: the random code of a signature, and the time of its withdrawal. It holds no name.
"""

import os
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

LINE = re.compile(r"(?P<code>[0-9a-f]{20}) (?P<at>\d{4}-\d\d-\d\dT[\d:.]+\+00:00)")


def add(path: Path, codes: Iterable[str], at: datetime) -> None:
    """Append one line for each code, down to the disk; ``at`` is in UTC. Raises: OSError.

    Each line brings the line break before it, so that what follows a torn line is whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"\n{code} {at.isoformat()}" for code in codes)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(lines.encode())
        file.flush()
        os.fsync(descriptor)


def read(path: Path) -> dict[str, datetime]:
    """Return the time of each withdrawal, by code; torn lines are left out. Raises: OSError."""
    return parse(path.read_bytes()) if path.exists() else {}


def parse(content: bytes) -> dict[str, datetime]:
    """Return the time of each withdrawal in the bytes of an erasure log, by code; torn lines are left out."""
    found = map(LINE.fullmatch, content.decode("ascii", errors="replace").splitlines())
    return {line["code"]: datetime.fromisoformat(line["at"]) for line in found if line}


def merge(path: Path, noted: Mapping[str, datetime]) -> None:
    """Append withdrawals that an erasure log lacks, or holds with an earlier time. Raises: OSError."""
    here = read(path)
    moments: dict[datetime, list[str]] = {}
    for code, at in noted.items():
        if code not in here or here[code] < at:
            moments.setdefault(at, []).append(code)
    for at, codes in moments.items():
        add(path, codes, at)
