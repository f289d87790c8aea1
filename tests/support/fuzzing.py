"""How many cases Hypothesis tries, and the count of what it tried."""

import os
import time
from collections import Counter

from hypothesis import HealthCheck, settings

#: Seconds since the epoch after which nothing more is tried; none in `make test`.
UNTIL = float(os.environ.get("FUZZ_UNTIL", "inf"))
LONG = "FUZZ_UNTIL" in os.environ
#: What was tried, by kind and outcome.
TRIED: Counter[str] = Counter()


def cases(number: int) -> settings:
    """Try so many cases, ten times as many in `make fuzz`; no case is judged by the time that it takes."""
    return settings(
        max_examples=10 * number if LONG else number,
        derandomize=not LONG,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


def over() -> bool:
    """Whether the time asked for has passed."""
    return time.time() > UNTIL
