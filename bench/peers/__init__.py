"""The same charter page and the same tick in other frameworks, each written as its documentation writes it.

A tick is the same work everywhere: the signed session cookie holds the numbers taken, the CSRF token of the
form is checked, the number is set, and the commitment is rendered with the progress. Nothing is stored on
the server. The templates are one set of files that Jinja, Django and Nunjucks read alike, as long as the
templates of Paraphe (`python -m bench.load --check`). Where a choice was open, the peer has the quicker one.
"""

import json
import os
from pathlib import Path
from typing import Any

#: Of the peers; and of Paraphe, for the drawing of the posters.
TEMPLATES = (Path(__file__).parent / "templates", Path(__file__).parents[2] / "templates")
SECRET = "a-secret-for-a-bench-that-is-long-enough"  # noqa: S105  # it protects nothing


def read_charter() -> dict[str, Any]:
    """Return the charter and its commitments, the same for all peers."""
    return json.loads(Path(os.environ["BENCH_CHARTER"]).read_text())


def set_number(numbers: list[int], number: int, value: str) -> list[int]:
    """Return the numbers with one number taken ("yes") or given back ("no")."""
    others = {other for other in numbers if other != number}
    return sorted(others | {number} if value == "yes" else others)
