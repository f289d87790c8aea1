"""The site behind nginx and behind Caddy, each run from its file in ``deploy/``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import proxies
from tests.support.mailbox import free_port
from tests.support.proxies import Front
from tests.support.site import Site, running_site

PROXIES = [
    pytest.param("nginx", marks=pytest.mark.nginx),
    pytest.param("caddy", marks=pytest.mark.caddy),
]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site as a proxy that speaks HTTPS finds it."""
    folder = tmp_path_factory.mktemp("served")
    settings = {
        "SERVER_NAME": proxies.NAME,
        "PREFERRED_URL_SCHEME": "https",
        "TRUSTED_PROXIES": "1",
        "RATELIMIT_ENABLED": "true",
        "RATELIMIT_FILES": "2 per hour",
        "LOG_FORMAT": "json",  # a line for each request
    }
    database = f"sqlite:///{folder}/paraphe.sqlite3"
    with running_site(folder, database, workers=1, **settings) as site:  # one: each counts in its own memory
        yield site


@pytest.fixture(scope="session", params=PROXIES)
def front(request, served: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A proxy in front of the site."""
    port = int(served.url.rpartition(":")[2])
    with proxies.running(request.param, tmp_path_factory.mktemp(request.param), port) as front:
        yield front


@pytest.fixture(params=PROXIES)
def front_without_site(request, tmp_path: Path) -> Iterator[Front]:
    """A proxy in front of a port where no server listens."""
    with proxies.running(request.param, tmp_path, free_port()) as front:
        yield front
