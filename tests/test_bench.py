"""What the bench compares us with: served as we are, and keeping what is ticked."""

import subprocess
from contextlib import closing

import pytest

from bench import servers, stored
from bench.visiting import Visitor, take

PEERS = "bench.peers.ticks"


def test_the_bare_server_greets(tmp_path):
    command = [*servers.GUNICORN, f"{PEERS}.hello:app"]
    with servers.running(command, {}, tmp_path / "log") as bare, closing(Visitor(bare.address)) as visitor:
        assert visitor.open("/").text == "Bonjour !\n"


@pytest.mark.parametrize("name", ["naive", "careful"])
def test_a_peer_keeps_what_is_ticked(name, tmp_path):
    file = tmp_path / "ticks.sqlite3"
    settings, program = {"BENCH_DATABASE": str(file)}, f"{PEERS}.{name}"
    environment = servers.clean_environment() | settings
    subprocess.run([*servers.PYTHON, program], cwd=servers.ROOT, env=environment, check=True)
    command = [*servers.GUNICORN, f"{program}:app"]
    with (
        servers.running(command, settings, tmp_path / "log") as server,
        closing(Visitor(server.address)) as visitor,
    ):
        visitor.open("/")
        for number in (3, 7):
            take(visitor, number)
        take(visitor, 3, taken=False)
    assert {number for _, number in stored.ticks(f"sqlite:///{file}", "")} == {7}
