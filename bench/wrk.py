"""HTTP load by wrk, with requests that Python writes and `wrk.lua` sends."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from bench.servers import Server

SCRIPT = Path(__file__).parent / "wrk.lua"


@dataclass(frozen=True)
class Run:
    """Result of one load of some seconds."""

    rate: float  # answers a second
    p50: float  # ms
    p99: float  # ms
    cpu: float  # ms of the server's CPU time for one answer
    #: Statuses above 399, answers without the expected text, broken connections; 1 if there was no answer.
    errors: int


def send_load(
    server: Server, requests: Sequence[bytes], expected: str, clients: int, seconds: int, folder: Path
) -> Run:
    """Send the requests in turn over some connections, and count the answers. Raises: SystemExit."""
    file = folder / "requests"
    file.write_bytes(b"".join(b"%d\n%s" % (len(request), request) for request in requests))
    before = server.cpu_seconds()
    done = subprocess.run(
        [
            "wrk", "--threads", "2", "--connections", str(clients), "--duration", f"{seconds}s",
            "--timeout", "60s", "--script", str(SCRIPT), f"http://{server.address}",
            "--", str(file), expected,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    server.wait_until_idle()
    if done.returncode:
        raise SystemExit(f"wrk failed:\n{done.stdout}")
    result = json.loads(done.stdout.splitlines()[-1])
    requests_answered = max(1, result.pop("requests"))
    return Run(cpu=1000 * (server.cpu_seconds() - before) / requests_answered, **result)


def request_bytes(
    address: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> bytes:
    """Return one HTTP request: a POST where there is a form, a GET elsewhere."""
    body = urlencode(form or {})
    sent = {"Host": address, **(headers or {})}
    if form:
        sent |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in sent.items()]
    return "\r\n".join([f"{'POST' if form else 'GET'} {path} HTTP/1.1", *lines, "", body]).encode()
