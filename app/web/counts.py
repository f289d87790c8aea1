"""Where one process counts what its clients ask: the store that « memory:// » names.

The library's own starts a thread for each hundredth of a second in which something is counted, to forget what
is over; whoever counts waits for it to start. Here whoever counts also forgets, once a minute.
"""

import threading
import time
from typing import Any

from limits.storage import Storage

#: Seconds between two times that what is over is forgotten.
SWEEP = 60.0
#: How many, and until when (seconds since 1970), where nothing was counted.
NOTHING = (0, 0.0)


class Counts(Storage):
    """Counts by key, each for as long as the first one of them said."""

    STORAGE_SCHEME = ["memory"]  # in the place of the library's

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, float]] = {}
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What a store that cannot be reached raises; this one always can."""
        return OSError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a count, which begins anew where it was over, and return it."""
        moment = time.time()
        with self._lock:
            if moment >= self._sweep_at:
                self._counts = {name: one for name, one in self._counts.items() if one[1] > moment}
                self._sweep_at = moment + SWEEP
            count, until = self._counts.get(key, NOTHING)
            if until <= moment:
                count, until = 0, moment + expiry
            self._counts[key] = count + amount, until
            return count + amount

    def get(self, key: str) -> int:
        """Return a count, 0 where it is over."""
        count, until = self._counts.get(key, NOTHING)
        return count if until > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when a count is over; now, where none goes on."""
        return max(self._counts.get(key, NOTHING)[1], time.time())

    def check(self) -> bool:
        """Whether it can be reached."""
        return True

    def reset(self) -> int:
        """Forget everything, and return how much that was."""
        with self._lock:
            forgotten = len(self._counts)
            self._counts.clear()
            return forgotten

    def clear(self, key: str) -> None:
        """Forget one count."""
        with self._lock:
            self._counts.pop(key, None)
