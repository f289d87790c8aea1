"""Servers for one measurement: Paraphe as the README runs it, and its peers; each in its own processes."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.mailbox import free_port

ROOT = Path(__file__).parents[1]
EXPRESS = ROOT / "bench/peers/express"
PYTHON = (sys.executable, "-m")
#: `gunicorn.conf.py` has the rest: two workers of four threads.
GUNICORN = (*PYTHON, "gunicorn", "--log-level", "warning", "--bind", "127.0.0.1:{port}")
UVICORN = (
    *PYTHON, "uvicorn", "--workers", "2", "--no-access-log", "--log-level", "warning", "--port", "{port}",
)  # fmt: skip
NODE = ("node", "--no-warnings", str(EXPRESS / "server.js"), "{port}")
BARE = "bare server"


@dataclass(frozen=True)
class Server:
    """A server that answers on a port of 127.0.0.1."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def processes(self) -> list[int]:
        """Return the ids of its processes, the parent first (Linux)."""
        found = [self.process.pid]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            found += map(int, children.split())
        return found

    def worker_memory(self) -> float:
        """Return the resident memory of its largest worker, in MB (Linux)."""
        return max(map(_resident_memory, self.processes()[1:]))

    def wait_until_idle(self, seconds: float = 10) -> None:
        """Wait until its processes use no CPU: requests that wrk abandoned are still answered."""
        deadline = time.monotonic() + seconds
        before, rested = -1.0, 0
        while rested < 3 and time.monotonic() < deadline:
            used = self.cpu_seconds()
            rested = rested + 1 if used == before else 0
            before = used
            time.sleep(0.05)

    def cpu_seconds(self) -> float:
        """Return the CPU time that its processes have used (Linux)."""
        return sum(map(_cpu_ticks, self.processes())) / os.sysconf("SC_CLK_TCK")


def _cpu_ticks(pid: int) -> int:
    """Return the CPU time of a process, in clock ticks (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident_memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


@contextmanager
def run_server(
    command: Sequence[str], environment: Mapping[str, str], log: Path, port: int | None = None
) -> Iterator[Server]:
    """Run a command that serves on "{port}" and yield its server once `/` answers 200. Raises: SystemExit."""
    port = port or free_port()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [word.replace("{port}", str(port)) for word in command],
            cwd=ROOT,
            env=clean_environment() | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"127.0.0.1:{port}", process, log)
    try:
        _wait_for(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(server: Server, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while server.process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(server.address, timeout=10)
        try:
            connection.request("GET", "/")
            if connection.getresponse().status == 200:
                return
            break
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    output = server.log.read_text(errors="replace")[-4000:]
    raise SystemExit(f"{' '.join(map(str, server.process.args))} does not answer 200:\n{output}")


def clean_environment() -> dict[str, str]:
    """Return the environment without the settings of another site."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "DJANGO_"))}


def exit_on_sigterm() -> None:
    """Stop the servers on SIGTERM as on Ctrl+C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@dataclass(frozen=True)
class Site:
    """Paraphe with its database and its files in one folder."""

    folder: Path
    port: int
    mail_port: int

    @property
    def database(self) -> str:
        """The URL of its database."""
        return f"sqlite:///{self.folder}/paraphe.sqlite3"

    @property
    def environment(self) -> dict[str, str]:
        """Its settings: no rate limit, no minimal time for a form."""
        settings = {
            "SECRET_KEY": "a-secret-for-a-bench-that-is-long-enough",
            "SERVER_NAME": f"127.0.0.1:{self.port}",
            "PREFERRED_URL_SCHEME": "http",
            "SQLALCHEMY_DATABASE_URI": self.database,
            "SEAL_FILE": f"{self.folder}/seal.p12",
            "ERASURE_LEDGER": f"{self.folder}/erased.txt",
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(self.mail_port),
            "MAIL_USE_TLS": "false",
            "MAIL_DEFAULT_SENDER": "charte@example.org",
            "FORM_MIN_SECONDS": "0",
            "RATELIMIT_ENABLED": "false",
        }
        return {f"FLASK_{name}": value for name, value in settings.items()}

    @contextmanager
    def serve(self) -> Iterator[Server]:
        """Serve it with gunicorn."""
        command = (*GUNICORN, "wsgi:app")
        with run_server(command, self.environment, self.folder / "server.log", self.port) as server:
            yield server


def new_site(folder: Path, mail_port: int = 9) -> Site:
    """Return a site with an empty SQLite database; no mail server listens on port 9."""
    folder.mkdir(parents=True, exist_ok=True)
    site = Site(folder, free_port(), mail_port)
    subprocess.run(
        [*PYTHON, "flask", "--app", "app", "db", "upgrade"],
        cwd=ROOT,
        env=clean_environment() | site.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a log of each migration
        check=True,
    )
    return site


def start_peers(folder: Path, stack: ExitStack) -> dict[str, Server]:
    """Start the bare server and the peers: the same page and the same tick in other frameworks."""
    charter = tomllib.loads((ROOT / "app/content/charter.toml").read_text(encoding="utf-8"))
    commitments = [
        {"number": number, "label": line["label"], "rest": line["text"].removeprefix(line["label"])}
        for number, line in enumerate(charter["commitments"], 1)
    ]
    file = folder / "charter.json"
    file.write_text(json.dumps({"charter": charter, "commitments": commitments}, default=str))
    commands = {
        BARE: (*GUNICORN, "bench.peers.bare:app"),
        "Django": (*GUNICORN, "bench.peers.django_site:app"),
        "FastAPI": (*UVICORN, "bench.peers.fastapi_site:app"),
        "Express": NODE,
    }
    environment = {"BENCH_CHARTER": str(file), "NODE_ENV": "production"}
    return {
        name: stack.enter_context(run_server(command, environment, folder / f"{name}.log"))
        for name, command in commands.items()
    }
