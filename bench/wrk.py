"""The load: wrk, told what to send by `wrk.lua`."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from bench.servers import Server
from bench.visiting import Session

SCRIPT = Path(__file__).parent / "wrk.lua"
THREADS = 2


@dataclass(frozen=True)
class Run:
    """What came of a few seconds of load."""

    rate: float  # answers a second
    p50: float  # ms
    p99: float
    #: Answers that refuse, or are not what was asked for; connections that broke, or waited for a minute; no
    #: answer at all.
    errors: int
    #: Requests sent while another one of the same session was under way.
    together: int
    ran_out: bool
    #: The ticks that were acknowledged: the code of the draft, the number of the commitment.
    taken: frozenset[tuple[str, int]] = frozenset()


def program() -> str:
    """Return where wrk is. Raises: SystemExit."""
    return shutil.which("wrk") or _missing()


def _missing() -> str:
    raise SystemExit("wrk is not installed here (Debian: apt install wrk).")


def load(
    server: Server,
    requests: Iterable[tuple[str, bytes]],
    clients: int,
    seconds: float,
    folder: Path,
    *,
    ticks: bool,
) -> Run:
    """Let so many clients ask for what is in the list for some seconds. Raises: SystemExit."""
    listed, report = folder / "requests", folder / "report"
    with listed.open("wb") as file:
        for session, request in requests:
            file.write(b"%d %s\n%s" % (len(request), session.encode(), request))
    done = subprocess.run(
        [
            program(), "--threads", str(THREADS), "--connections", str(clients),
            "--duration", f"{seconds:.0f}s", "--timeout", "60s", "--script", str(SCRIPT), f"http://{server.address}",
            "--", str(listed), str(report), str(THREADS), "ticks" if ticks else "pages",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    server.settle()
    if done.returncode or not report.exists():
        raise SystemExit(f"wrk failed:\n{done.stdout}")
    told = json.loads(report.read_text())
    report.unlink()
    lines = Path(f"{report}.ticks").read_text().splitlines()
    taken = [(code, int(number)) for code, number in map(str.split, lines)]
    return Run(
        rate=told["requests"] / told["seconds"],
        p50=told["p50"],
        p99=told["p99"],
        errors=(told["requests"] == 0)
        + told["broken"]
        + max(told["refused"], told["odd"])
        + len(taken)
        - len(set(taken)),
        together=told["together"],
        ran_out=bool(told["ran_out"]),
        taken=frozenset(taken),
    )


def get(address: str, path: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """Return the request of a page."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {address}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


def tick(address: str, session: Session, number: int) -> bytes:
    """Return the request that takes a commitment, as htmx sends it."""
    body = urlencode({session.token_name: session.token, "signature": session.code, "taken": "yes"})
    lines = (
        f"POST /engagements/{number} HTTP/1.1",
        f"Host: {address}",
        f"Cookie: {session.cookie}",
        "HX-Request: true",
        "HX-Request-Type: partial",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join([*lines, "", body]).encode()
