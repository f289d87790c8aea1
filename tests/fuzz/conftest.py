"""One site for all that is tried; how much that was is told at the end."""

from collections.abc import Iterator

import pytest

from tests.support.fuzzing import TRIED
from tests.support.world import World


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A site where somebody has signed, somebody waits for a letter, and somebody has begun."""
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was tried, and how it was answered."""
    if TRIED:
        terminalreporter.section("fuzzing")
        for outcome, times in sorted(TRIED.items()):
            terminalreporter.line(f"{times:8} × {outcome}")
