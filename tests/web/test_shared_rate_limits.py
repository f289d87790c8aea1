"""What one client may do, counted in a Redis server that several share."""

import os
import signal
import subprocess
import time
from contextlib import ExitStack

import pytest
import redis

from app import create_app
from app.extensions import db
from tests.support.mailbox import free_port
from tests.support.remote import Remote
from tests.support.site import running_site
from tests.support.visitor import Visitor

pytestmark = pytest.mark.redis
ADDRESS = "203.0.113.77"
FORM = {"email": "elodie@example.org"}


class Store:
    """A Redis server that keeps nothing on the disk."""

    def __init__(self):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port)
        self.start()

    def start(self):
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        self.process = subprocess.Popen([*command, "--appendonly", "no"], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.client.ping()
            except redis.ConnectionError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("redis-server did not start")

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(20)
        self.client.close()


@pytest.fixture
def store():
    store = Store()
    yield store
    store.stop()


@pytest.fixture
def asks(settings, store):
    """Send the form of coming back from one address, with three an hour allowed."""
    limits = {"RATELIMIT_ENABLED": True, "RATELIMIT_FORMS": "3 per hour", "TRUSTED_PROXIES": 1}
    app = create_app(settings | limits | {"RATELIMIT_STORAGE_URI": store.url})
    with app.app_context():
        db.create_all()
    visitor = Visitor(app)
    token = visitor.open("/retrouver")["[name=csrf_token]"]["value"]

    def ask(address=ADDRESS):
        headers = {"X-Forwarded-For": address}
        return visitor.client.post(
            "/retrouver", data=FORM | {"csrf_token": token}, headers=headers
        ).status_code

    yield ask
    with app.app_context():
        db.engine.dispose()


def test_two_servers_count_together(tmp_path, settings, store):
    limits = {
        "RATELIMIT_ENABLED": "true",
        "RATELIMIT_FORMS": "3 per hour",
        "RATELIMIT_STORAGE_URI": store.url,
    }
    with ExitStack() as stack:
        codes = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            database = f"sqlite:///{tmp_path}/{name}/paraphe.sqlite3"
            site = stack.enter_context(running_site(tmp_path / name, database, TRUSTED_PROXIES="1", **limits))
            visitor = Visitor(Remote(site, X_Forwarded_For=ADDRESS))
            page = visitor.open("/retrouver")
            codes += [page.submit(".form", **FORM).status for _ in range(2)]
    assert codes == [200, 200, 200, 429]


def test_no_address_is_in_the_store_and_nothing_stays(asks, store):
    asks()
    asks("2001:db8:1:2:3::4")
    keys = store.client.keys()
    assert len(keys) == 2
    for key in keys:
        assert not any(part in key.decode() for part in ("203.0.113", "2001:db8"))
        assert 0 < store.client.ttl(key) <= 3600
        assert ADDRESS not in str(store.client.get(key))


def test_a_store_that_goes_and_comes_back(asks, store):
    assert asks() == 303
    store.stop()
    assert [asks() for _ in range(4)] == [303, 303, 303, 429], "memory counts from nothing"
    store.start()
    for _ in range(600):
        asks("198.51.100.1")
        if store.client.keys():
            break
        time.sleep(0.1)
    assert len(store.client.keys()) == 1
    assert [asks() for _ in range(4)] == [303, 303, 303, 429], "and the store again, where they were lost"
    assert len(store.client.keys()) == 2


def test_a_store_that_does_not_answer_keeps_nobody_waiting(asks, store):
    """It took the connection, and says nothing: the worst that a store can do."""
    assert asks() == 303
    os.kill(store.process.pid, signal.SIGSTOP)
    assert [asks() for _ in range(4)] == [303, 303, 303, 429]
