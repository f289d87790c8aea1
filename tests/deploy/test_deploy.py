"""What an operator copies and types agrees with the program: systemd units, cron, the guide."""

import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import pytest

from app import create_app
from app.config import DEFAULTS
from tests.support import proxies
from tests.support.mailbox import free_port
from tests.support.site import ROOT, SECRET
from tests.support.tools import NEEDS
from tests.support.visitor import check_typography

UNITS = ROOT / "deploy/systemd"
GUIDE = (ROOT / "docs/exploitation.md").read_text(encoding="utf-8")
#: Every file with commands to type or to run.
WITH_COMMANDS = [
    ROOT / "README.md",
    ROOT / "docs/exploitation.md",
    ROOT / "deploy/crontab",
    *UNITS.glob("*.service"),
]
JOBS = sorted(path.stem.removeprefix("paraphe-") for path in UNITS.glob("*.timer"))


def commands_in(text: str) -> list[list[str]]:
    """Return the words after each ``flask --app app``, up to the end of the command."""
    found = re.findall(r"flask --app app ((?:[^`\n;|&]|\\\n)+)", text)
    return [shlex.split(re.split(r" 2>&1| >|  # | \(|\)", words)[0], comments=True) for words in found]


@pytest.mark.parametrize("file", WITH_COMMANDS, ids=lambda path: path.name)
def test_every_command_exists_in_the_program(settings, file):
    app = create_app(settings)
    for words in commands_in(file.read_text(encoding="utf-8")):
        node: click.Command = app.cli
        left = list(words)
        while isinstance(node, click.Group) and left:
            name = left.pop(0)
            child = node.get_command(click.Context(node), name)
            assert child, f"{file.name}: flask {' '.join(words)}"
            node = child
        options = {option for parameter in node.params for option in parameter.opts} | {"--help"}
        assert {word for word in left if word.startswith("-")} <= options, words
        wanted = [p for p in node.params if isinstance(p, click.Argument) and p.required]
        arguments = [word for word in left if not word.startswith("-")]
        assert not arguments or len(arguments) >= len(wanted), words


def test_guide_names_settings_and_files_that_exist():
    settings = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", GUIDE))
    assert len(settings) > 10
    assert settings <= {*DEFAULTS, "PROMETHEUS_MULTIPROC_DIR"}, settings - set(DEFAULTS)
    for path in re.findall(r"\b((?:deploy|docs)/[\w./-]*\w)", GUIDE):
        assert (ROOT / path).exists(), path
    units = set(re.findall(r"\b(paraphe-\w+\.(?:service|timer))\b", GUIDE))
    assert units <= {path.name for path in UNITS.iterdir()}


def test_guide_follows_french_typography():
    prose = re.sub(r"^ *```.*?^ *```$", "", GUIDE, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"`[^`\n]*`", "", prose)
    prose = re.sub(r"^\|[-| ]+\|$", "", prose, flags=re.MULTILINE)
    check_typography(prose)


def test_guide_explains_each_alarm_of_health():
    reasons = set(
        re.findall(r'^    [A-Z_]+ = "([a-z-]+)"', (ROOT / "app/ops/health.py").read_text(), re.MULTILINE)
    )
    assert len(reasons) > 5
    assert reasons <= set(re.findall(r"^\| `([a-z-]+)`", GUIDE, re.MULTILINE))


def test_pages_of_the_proxy_are_french_without_styles_or_scripts():
    for file in (ROOT / "deploy/pages").iterdir():
        text = file.read_text(encoding="utf-8")
        check_typography(re.sub(r"<[^>]*>", "", text).replace("&nbsp;", "\u00a0"))
        assert not re.search(r"<(style|script|link|img)|style=", text)


@pytest.mark.systemd
def test_systemd_accepts_the_units_without_a_warning(tmp_path):
    for file in UNITS.rglob("*.*"):
        if file.is_file():  # without the programs that they start
            copy = tmp_path / file.relative_to(UNITS)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(re.sub(r"/srv/paraphe/\.venv/bin/\w+", "/bin/true", file.read_text()))
    units = [str(path) for path in tmp_path.glob("paraphe-*.*") if path.is_file()]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    verify = [NEEDS["systemd"], "verify", "--man=no", *units]
    done = subprocess.run(verify, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for unit in (unit for unit in units if unit.endswith(".service")):
        shut = [NEEDS["systemd"], "security", "--offline=true", "--no-pager", "--threshold=15", unit]
        done = subprocess.run(shut, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_systemd_stops_the_site_later_than_gunicorn_stops_requests():
    settings: dict[str, object] = {}
    exec((ROOT / "gunicorn.conf.py").read_text(), settings)  # noqa: S102  # gunicorn does the same
    unit = (UNITS / "paraphe-web.service").read_text()
    assert int(re.search(r"TimeoutStopSec=(\d+)", unit)[1]) > settings["graceful_timeout"]


def test_each_timer_has_a_service_and_a_time_of_its_own():
    times = [re.search(r"OnCalendar=(\S+)", (UNITS / f"paraphe-{job}.timer").read_text())[1] for job in JOBS]
    assert len(set(times)) == len(JOBS) >= 4
    assert all((UNITS / f"paraphe-{job}.service").exists() for job in JOBS)


@pytest.fixture
def environment(tmp_path, mailbox):
    """The environment of the commands, and a migrated database."""
    settings = {
        "SECRET_KEY": SECRET,
        "SERVER_NAME": proxies.NAME,
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/paraphe.sqlite3",
        "SEAL_FILE": f"{tmp_path}/seal.p12",
        "ERASURE_LEDGER": f"{tmp_path}/erased.txt",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(mailbox.port),
        "MAIL_USE_TLS": "false",
        "MAIL_DEFAULT_SENDER": "charte@example.org",
        "PUBLISHER": "CRESS",
        "PUBLICATION_DIRECTOR": "Élodie Martin",
        "HOST": "Hébergeur",
        "PRIVACY_CONTACT": "donnees@example.org",
        "ACCESS_LOG_DAYS": "0",
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    environment |= {f"FLASK_{name}": value for name, value in settings.items()}
    upgrade = [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"]
    subprocess.run(upgrade, cwd=ROOT, env=environment, check=True, capture_output=True)
    return environment


def with_local_paths(line: str, tmp_path: Path) -> str:
    """Return a shell command with the Python and the folders of this machine."""
    line = re.sub(r"(/srv/paraphe/)?\.venv/bin/(\w+)", rf"{sys.executable} -m \2", line)
    return line.replace("/srv/paraphe", str(ROOT)).replace("/var/backups/paraphe", str(tmp_path))


def test_each_cron_job_succeeds_and_prints_nothing(environment, tmp_path):
    lines = (ROOT / "deploy/crontab").read_text().splitlines()
    jobs = [line for line in lines if re.match(r"[\d*]", line)]
    assert len(jobs) == len(JOBS) + 1  # the letters, which a thread of the site sends under systemd
    for job in jobs:
        *when, command = job.split(None, 5)
        assert all(re.fullmatch(r"\d+|\*", field) for field in when)
        assert not re.search(r"(?<!\\)%", command), "cron replaces it by a line break"
        shell = with_local_paths(command.replace("\\%", "%"), tmp_path)
        done = subprocess.run(["/bin/sh", "-c", shell], env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), command
    (archive,) = tmp_path.glob("paraphe-*.zip")
    assert archive.stat().st_mode & 0o777 == 0o600


def test_cron_deletes_old_archives_after_a_successful_backup_only(environment, tmp_path):
    (line,) = re.findall(r"cd .* backup .*", (ROOT / "deploy/crontab").read_text())
    shell = with_local_paths(line.replace("\\%", "%"), tmp_path)
    for target, succeeds in (("nowhere/paraphe-", False), ("paraphe-", True)):
        old = tmp_path / "paraphe-old.zip"
        old.touch()
        os.utime(old, (0, 0))
        command = shell.replace(f"{tmp_path}/paraphe-", f"{tmp_path}/{target}")
        done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True)
        assert (done.stdout == "", not old.exists()) == (succeeds, succeeds), done.stdout


def test_cron_prints_the_output_of_a_failure(environment, tmp_path):
    (line,) = re.findall(r"cd .* check 2>&1.*", (ROOT / "deploy/crontab").read_text())[-1:]
    environment["FLASK_PUBLISHER"] = ""
    shell = with_local_paths(line, tmp_path)
    done = subprocess.run(["/bin/sh", "-c", shell], env=environment, capture_output=True, text=True)
    assert "set PUBLISHER" in done.stdout


@pytest.mark.parametrize("job", JOBS)
def test_each_systemd_job_succeeds(environment, tmp_path, job):
    unit = (UNITS / f"paraphe-{job}.service").read_text()
    for line in re.findall(r"^ExecStart=(.*)", unit, re.MULTILINE):
        command = shlex.split(with_local_paths(line.replace("$$", "$").replace("%%", "%"), tmp_path))
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_passenger_imports_the_application(environment):
    environment["PYTHONPATH"] = f"{ROOT}:{ROOT}/deploy"
    probe = [sys.executable, "-c", "import passenger_wsgi; print(callable(passenger_wsgi.application))"]
    done = subprocess.run(probe, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


def unit_command(key: str) -> list[str]:
    unit = (UNITS / "paraphe-web.service").read_text()
    (line,) = re.findall(rf"^{key}=/srv/paraphe/\.venv/bin/(gunicorn .*)", unit, re.MULTILINE)
    return [sys.executable, "-m", *shlex.split(line)]


def test_reload_loses_no_request_and_refuses_wrong_settings(environment, tmp_path):
    """Reload as the unit does: first a check of the configuration, then SIGHUP."""
    port = free_port()
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(str(tmp_path / "notify"))
    notified.settimeout(60)
    environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
    log = tmp_path / "gunicorn.log"
    with log.open("wb") as output:
        command = [*unit_command("ExecStart"), "--bind", f"127.0.0.1:{port}"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        assert notified.recv(1000).startswith(b"READY=1"), "Type=notify"
        proxies.wait_for(port, process, log)
        read = Reader(port)
        read.start()
        check = unit_command("ExecReload")
        wrong = {**environment, "FLASK_SERVER_NAME": ""}
        assert subprocess.run(check, cwd=ROOT, env=wrong, capture_output=True).returncode != 0
        assert subprocess.run(check, cwd=ROOT, env=environment, capture_output=True).returncode == 0
        before = workers_of(process.pid)
        process.send_signal(1)  # HUP
        deadline = time.monotonic() + 60
        while workers_of(process.pid) & before or len(workers_of(process.pid)) < 2:
            assert time.monotonic() < deadline, "the old workers are still there"
            time.sleep(0.1)
        assert read.stop() > 10
        assert read.failures == []
    finally:
        process.terminate()
        assert process.wait(60) == 0
        notified.close()


def workers_of(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


class Reader(threading.Thread):
    """A client that requests a page again and again, each over a new connection."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port, self.failures, self.pages, self.over = port, [], 0, threading.Event()

    def run(self) -> None:
        request = f"GET /mentions-legales HTTP/1.1\r\nHost: {proxies.NAME}\r\nConnection: close\r\n\r\n"
        while not self.over.wait(0.01):
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
                    connection.sendall(request.encode())
                    if not connection.recv(100).startswith(b"HTTP/1.1 200"):
                        self.failures.append("no page")
            except OSError as error:
                self.failures.append(repr(error))
            self.pages += 1

    def stop(self) -> int:
        self.over.set()
        self.join()
        return self.pages
