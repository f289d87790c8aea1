"""Servers to throw away: the site as the README runs it, and others; each in processes of its own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = (sys.executable, "-m")
#: As the README says, but for the address.
GUNICORN = (
    *PYTHON, "gunicorn", "--workers", "2", "--threads", "4", "--no-control-socket", "--forwarder-headers", "",
    "--log-level", "warning", "--bind", "127.0.0.1:{port}",
)  # fmt: skip
#: The same code in two processes of four threads.
GRANIAN = (
    *PYTHON, "granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "4", "--no-ws",
    "--log-level", "warning", "--host", "127.0.0.1", "--port", "{port}",
)  # fmt: skip
UVICORN = (
    *PYTHON, "uvicorn", "--workers", "2", "--no-access-log", "--log-level", "warning", "--host", "127.0.0.1",
    "--port", "{port}",
)  # fmt: skip


@dataclass(frozen=True)
class Server:
    """Something that answers on a port of this machine."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def processes(self) -> list[int]:
        """Return the numbers of its processes, the first one first (Linux)."""
        found = [self.process.pid]
        for number in found:
            children = Path(f"/proc/{number}/task/{number}/children")
            found += [int(child) for child in children.read_text().split()]
        return found

    def memory(self) -> dict[int, float]:
        """Return the resident memory of each of its processes, in MB (Linux)."""
        return {number: _resident(number) for number in self.processes()}

    def settle(self, seconds: float = 10) -> None:
        """Wait until its processes rest: what was asked and not waited for is still answered."""
        deadline = time.monotonic() + seconds
        before, rested = -1, 0
        while rested < 3 and time.monotonic() < deadline:
            used = sum(map(_used, self.processes()))
            rested = rested + 1 if used == before else 0
            before = used
            time.sleep(0.05)


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, port: int | None = None
) -> Iterator[Server]:
    """Run a server, in whose command « {port} » stands for its port, once it answers. Raises: SystemExit."""
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
        wait_for(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def end_when_told() -> None:
    """Let SIGTERM end this program as Ctrl+C does: with the servers that it has started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def wait_for(server: Server, seconds: float = 60) -> None:
    """Wait until it answers. Raises: SystemExit."""
    deadline = time.monotonic() + seconds
    while server.process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(server.address, timeout=10)
        try:
            connection.request("GET", "/")
            if connection.getresponse().status == 200:
                return
            break
        except OSError:
            time.sleep(0.005)
        finally:
            connection.close()
    said = server.log.read_text(errors="replace")[-4000:]
    raise SystemExit(f"{' '.join(map(str, server.process.args))} does not answer as it should:\n{said}")


def free_port() -> int:
    """Return a TCP port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """Return the environment without settings of anybody's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "DJANGO_"))}


def _used(number: int) -> int:
    """Return the time of processors that a process has used, in ticks of the kernel (proc(5), stat)."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident(number: int) -> float:
    status = Path(f"/proc/{number}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


# The site


@dataclass(frozen=True)
class Site:
    """The site in a folder of its own, whatever serves it."""

    folder: Path
    database: str  # URL
    port: int
    mail_port: int = 9  # where nobody listens: letters wait

    @property
    def environment(self) -> dict[str, str]:
        """Its settings."""
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

    def migrate(self) -> None:
        """Make its database, or bring it up to date."""
        self.run("flask", "--app", "app", "db", "upgrade")

    def run(self, *command: str) -> str:
        """Run a command with its settings; return what it prints. Raises: SystemExit."""
        done = subprocess.run(
            [*PYTHON, *command],
            cwd=ROOT,
            env=clean_environment() | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}")
        return done.stdout

    @contextmanager
    def served(self, command: Sequence[str] = GUNICORN) -> Iterator[Server]:
        """Serve it, by gunicorn unless told otherwise."""
        log = self.folder / "server.log"
        with running([*command, "wsgi:app"], self.environment, log, self.port) as server:
            yield server


def new_site(folder: Path, database: str | None = None, mail_port: int = 9) -> Site:
    """Make a site with an empty database: SQLite, unless an URL is given."""
    folder.mkdir(parents=True, exist_ok=True)
    site = Site(folder, database or f"sqlite:///{folder}/paraphe.sqlite3", free_port(), mail_port)
    site.migrate()
    return site
