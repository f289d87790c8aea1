"""An application under test: its settings, and the running site with its SMTP server."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.mailbox import Mailbox, free_port

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-for-tests-that-is-long-enough"


@dataclass
class Site:
    """A running site: gunicorn, its database, its workers, and the SMTP server that they send to."""

    url: str
    mailbox: Mailbox
    database: str
    folder: Path
    process: subprocess.Popen[bytes]
    log: Path
    environment: dict[str, str]


def settings_for(folder: Path, database: str, mailbox: Mailbox) -> dict[str, object]:
    """Return the settings of an application whose files are in a folder."""
    return {
        "SECRET_KEY": SECRET,
        "SERVER_NAME": "localhost",
        "PREFERRED_URL_SCHEME": "http",
        "SQLALCHEMY_DATABASE_URI": database,
        "SEAL_FILE": f"{folder}/seal.p12",
        "ERASURE_LEDGER": f"{folder}/erased.txt",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": mailbox.port,
        "MAIL_USE_TLS": False,
        "MAIL_TIMEOUT": 2,
        "MAIL_DEFAULT_SENDER": "charte@example.org",
        "FORM_MIN_SECONDS": 0,  # tests fill in forms faster than people
        "RATELIMIT_ENABLED": False,  # all visitors are 127.0.0.1; tests/web/test_rate_limits.py turns it on
    }


@contextmanager
def running_site(
    folder: Path, database: str, workers: int = 2, *, upgrade: bool = True, **settings: str
) -> Iterator[Site]:
    """Run the site for real on an empty database (its URL), or one that is ready; its files in a folder."""
    port, box = free_port(), Mailbox()
    box.start()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FLASK_")},
        "FLASK_SECRET_KEY": SECRET,
        "FLASK_SERVER_NAME": f"127.0.0.1:{port}",
        "FLASK_PREFERRED_URL_SCHEME": "http",
        "FLASK_SQLALCHEMY_DATABASE_URI": database,
        "FLASK_SEAL_FILE": f"{folder}/seal.p12",
        "FLASK_ERASURE_LEDGER": f"{folder}/erased.txt",
        "FLASK_MAIL_SERVER": "127.0.0.1",
        "FLASK_MAIL_PORT": str(box.port),
        "FLASK_MAIL_USE_TLS": "false",
        "FLASK_MAIL_DEFAULT_SENDER": "charte@example.org",
        "FLASK_FORM_MIN_SECONDS": "0",
        "FLASK_RATELIMIT_ENABLED": "false",
        **{f"FLASK_{name}": value for name, value in settings.items()},
    }
    python = [sys.executable, "-m"]
    if upgrade:
        subprocess.run([*python, "flask", "--app", "app", "upgrade"], cwd=ROOT, env=environment, check=True)
    gunicorn = [*python, "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    log = folder / "gunicorn.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*gunicorn, "wsgi:app"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, environment["FLASK_SERVER_NAME"], process, log)
        yield Site(url, box, database, folder, process, log, environment)
    finally:
        process.terminate()
        process.wait(60)  # gunicorn kills after 30 what does not stop by itself
        box.stop()


def _wait_for(url: str, host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    request = urllib.request.Request(f"{url}/mentions-legales", headers={"Host": host})
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the site did not start: {log.read_text()}")


def start_flask(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start a `flask` command in a process."""
    command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
