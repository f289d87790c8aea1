"""A PostgreSQL server to throw away, with the settings that Debian gives it, durable ones, unless told."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

USER = "paraphe"


@contextmanager
def server(folder: Path | None = None, **settings: str) -> Iterator[URL]:
    """Run a server on a socket of its own, and yield the URL of its first database.

    With a folder, what it holds is kept there, and found again. PostgreSQL refuses to be run by root, so
    root lends it to the user ``postgres``, who must be able to reach the folder. Raises: SystemExit.
    """
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="paraphe-pg-") as temporary:
        socket = Path(temporary)
        data = (folder or socket) / "postgres"
        for place in (socket, data):
            _give(place)
        if not (data / "PG_VERSION").exists():
            _run(programs / "initdb", "--pgdata", data, "--username", USER, "--auth", "trust",
                 "--encoding", "UTF8", "--locale", "C.UTF-8")  # fmt: skip
        settings = {"listen_addresses": "", "unix_socket_directories": str(socket), **settings}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        control = (programs / "pg_ctl", "--pgdata", data)
        _run(*control, "start", "--wait", "--log", socket / "log", "--options", options)
        try:
            yield URL.create(
                "postgresql+psycopg", username=USER, database="postgres", query={"host": str(socket)}
            )
        finally:
            _run(*control, "stop", "--wait", "--mode", "fast")


def crash_and_start(data: str) -> None:
    """Have a server drop everything at once, as at a power cut, and start again on the folder of its data."""
    _run(_programs() / "pg_ctl", "--pgdata", data, "restart", "--wait", "--mode", "immediate",
         "--log", Path(data).parent / "log")  # fmt: skip


def _programs() -> Path:
    """Return the folder of the newest server: Debian keeps them out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise SystemExit("PostgreSQL is not installed here (Debian: apt install postgresql).")
    return found[-1].parent if found else Path(str(on_path)).parent


def _give(place: Path) -> None:
    """Make a folder that the server may write to, and nobody else."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(place, "postgres", "postgres")


def _run(*command: object) -> None:
    """Run one of its programs, quietly unless it fails. Raises: SystemExit."""
    lent = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    # Its output goes to a file: the server keeps what it was started with open.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [*lent, *map(str, command)], cwd="/", stdout=output, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            output.seek(0)
            raise SystemExit(f"{Path(str(command[0])).name} failed:\n{output.read()}")
