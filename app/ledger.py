"""The ledger of withdrawals: a file outside the database, so that restoring a backup brings nobody back.

One line each: the code of a signature, which is random, and when it was taken back. It names nobody.
"""

import os
import re
from collections.abc import Iterable
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
    """Return the code and the time of every withdrawal; torn lines are left out. Raises: OSError."""
    if not path.exists():
        return {}
    found = map(LINE.fullmatch, path.read_text(encoding="ascii", errors="replace").splitlines())
    return {line["code"]: datetime.fromisoformat(line["at"]) for line in found if line}
