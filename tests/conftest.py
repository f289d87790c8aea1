"""What the tests share: a database, an application, a mini-browser, a real SMTP server, a real web server."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import URL

from app import clock, create_app
from app.extensions import db
from app.mail import outbox
from tests.support import postgresql as postgres
from tests.support.database import drop_database, empty_database, new_database
from tests.support.mailbox import Mailbox
from tests.support.site import Site, running_site, settings_for
from tests.support.tools import NEEDS
from tests.support.visitor import Visitor

#: The same templates in every application of a run: compiled once.
COMPILED = FileSystemBytecodeCache()
#: Begun before the others: whoever comes last to a file of minutes keeps the other processes waiting.
LONGEST = ("test_life.py",)
#: Marked long, or in need of a server of their own.
LONG = ("long", "postgresql", "caddy", "nginx", "redis", "systemd", "nss")
#: How many long tests of each file this run leaves out.
LEFT_TO_TEST_ALL: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `make test-all`: the long tests, and the other database engine."""
    parser.addoption("--engine", choices=("sqlite", "postgresql"), default="sqlite", help="what to run on")
    parser.addoption("--long", action="store_true", help="run the long tests, and no other")


def pytest_xdist_auto_num_workers() -> int:
    """Run three processes on two cores: for a third of the time, tests wait for a server or a browser."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, and say so, what this machine cannot run; in CI nothing may be. Long files first."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    only_long = config.getoption("long")
    chosen = [item for item in items if any(map(item.get_closest_marker, LONG)) == only_long]
    left = [item for item in items if item not in set(chosen)]
    config.hook.pytest_deselected(items=left)
    items[:] = chosen
    if not only_long:
        LEFT_TO_TEST_ALL.update(item.nodeid.partition("::")[0] for item in left)
    if config.getoption("engine") != "sqlite":
        # What opens no database is the same on every engine; what is about SQLite's file has none here.
        chosen = [item for item in items if _is_about_any_database(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen
    for marker, tool in NEEDS.items():
        left_out = [item for item in items if item.get_closest_marker(marker)] if not tool else []
        if left_out and os.environ.get("CI"):
            raise pytest.UsageError(f"{len(left_out)} tests need what is not installed here: {marker}")
        for item in left_out:
            item.add_marker(pytest.mark.skip(reason=f"left out: needs {marker}, which is not installed"))


def _is_about_any_database(item: pytest.Item) -> bool:
    opened = {"database_url", "module_database"}.intersection(getattr(item, "fixturenames", ()))
    return bool(opened) and item.get_closest_marker("sqlite") is None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that were left out, so that a green run is not taken for a whole one."""
    if LEFT_TO_TEST_ALL:
        terminalreporter.section("left to `make test-all`, with PostgreSQL and tests/faults")
        for path, count in sorted(LEFT_TO_TEST_ALL.items()):
            terminalreporter.line(f"{count:5} in {path}")
    left_out = [report.nodeid for report in terminalreporter.stats.get("skipped", [])]
    if left_out:
        terminalreporter.section("left out on this machine")
        for nodeid in left_out:
            terminalreporter.line(nodeid)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A real SMTP server that keeps what it receives."""
    box = Mailbox()
    box.start()
    yield box
    box.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[URL]:
    """A real PostgreSQL server. What tests put there is lost at the next power cut, so it need not wait."""
    with postgres.server(fsync="off") as url:
        yield url


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, for one test."""
    with empty_database(request, tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def module_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An empty database, for the tests of one file."""
    with empty_database(request, tmp_path_factory.mktemp("database")) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, database_url: str, mailbox: Mailbox) -> dict[str, object]:
    """The configuration of the application under test; a test may change it before asking for ``app``.

    Not ``TESTING``: errors are answered as visitors get them.
    """
    return settings_for(tmp_path, database_url, mailbox)


@pytest.fixture
def app(settings: dict[str, object]) -> Iterator[Flask]:
    """An application on a fresh database. No context is left open: requests must not share one."""
    app = create_app(settings)
    app.jinja_env.bytecode_cache = COMPILED
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def place(
    request: pytest.FixtureRequest, tmp_path: Path, mailbox: Mailbox
) -> Iterator[Callable[[str, str], Flask]]:
    """Make other installations, each on an empty database of either engine, its files in a folder."""
    made = []

    def make(name: str, engine: str, **changes: object) -> Flask:
        (tmp_path / name).mkdir()
        url = f"sqlite:///{tmp_path}/{name}/paraphe.sqlite3"
        if engine == "postgresql":
            url = new_database(request.getfixturevalue("postgresql"))
        app = create_app(settings_for(tmp_path / name, url, mailbox) | changes)
        app.instance_path = str(tmp_path / name)
        app.jinja_env.bytecode_cache = COMPILED
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()
            if db.engine.dialect.name == "postgresql":
                drop_database(app.config["SQLALCHEMY_DATABASE_URI"])


@pytest.fixture
def candidate(app: Flask) -> Visitor:
    """A candidate's browser."""
    return Visitor(app)


@pytest.fixture
def citizen(app: Flask) -> Visitor:
    """Another browser, that never signed anything."""
    return Visitor(app)


@pytest.fixture
def deliver(app: Flask):
    """Run the courier once, as cron does."""

    def run() -> int:
        with app.app_context():
            return outbox.deliver_due()

    return run


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch):
    """Move the clock forward."""
    offset = timedelta()

    def move(**span: float) -> None:
        nonlocal offset
        offset += timedelta(**span)
        monkeypatch.setattr(clock, "_time", lambda: datetime.now(UTC) + offset)

    return move


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, module_database: str) -> Iterator[Site]:
    """The site as the README says to run it for real, on a database made by its migrations."""
    with running_site(tmp_path_factory.mktemp("site"), module_database) as site:
        yield site
