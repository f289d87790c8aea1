"""The store of limits in one process: counts, and forgets, without a thread."""

import threading
import time

import pytest
from limits import parse
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from app.web import counts
from app.web.counts import SWEEP, Counts


@pytest.fixture
def moment(monkeypatch):
    """The time, in seconds, which a test may move."""
    told = [1_000_000.0]
    monkeypatch.setattr(counts.time, "time", lambda: told[0])
    return told


def test_memory_is_ours():
    assert isinstance(storage_from_string("memory://"), Counts)


def test_a_count_lasts_as_long_as_its_first_said(moment):
    store = Counts()
    assert store.get("a") == 0
    assert store.get_expiry("a") == moment[0]
    assert [store.incr("a", 10) for _ in range(3)] == [1, 2, 3]
    moment[0] += 9
    assert store.incr("a", 10, amount=2) == 5
    assert store.incr("b", 10) == 1
    assert store.get("a") == 5
    assert store.get_expiry("a") == 1_000_010
    moment[0] += 1
    assert (store.get("a"), store.get("b")) == (0, 1)
    assert store.get_expiry("a") == moment[0]
    assert store.incr("a", 10) == 1
    assert store.get_expiry("a") == 1_000_020


def test_what_is_over_is_forgotten(moment):
    store = Counts()
    store.incr("short", 1)
    store.incr("long", 10 * SWEEP)
    moment[0] += SWEEP - 1
    store.incr("other", 1)  # over at the very moment of the next sweep
    assert set(store._counts) == {"short", "long", "other"}
    moment[0] += 1
    store.incr("new", 1)
    assert set(store._counts) == {"long", "new"}


def test_one_or_all_are_forgotten():
    store = Counts()
    for key in "abc":
        store.incr(key, 10)
    store.clear("a")
    store.clear("never")
    assert [store.get(key) for key in "abc"] == [0, 1, 1]
    assert store.reset() == 2
    assert store.get("b") == 0


def test_none_is_lost_among_threads_and_no_thread_is_begun():
    store, limit = storage_from_string("memory://"), parse("1000 per hour")
    assert store.check()
    limiter = FixedWindowRateLimiter(store)
    allowed = []
    before = threading.active_count()

    def press():
        allowed.extend([limiter.hit(limit, "somebody") for _ in range(300)])

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert threading.active_count() == before
    assert allowed.count(True) == 1000
    assert limiter.get_window_stats(limit, "somebody").reset_time == pytest.approx(time.time() + 3600, abs=60)
