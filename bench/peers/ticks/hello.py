"""The bare server: one function, one short answer."""

from collections.abc import Iterable
from typing import Any


def app(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Greet."""
    body = b"Bonjour !\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
