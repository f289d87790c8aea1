"""The bare server: one WSGI function, one short answer."""

from collections.abc import Iterable
from typing import Any


def app(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer every request with the same ten bytes."""
    body = b"Bonjour !\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
