"""What Python does behind the tests' back: files opened, sockets connected (PEP 578)."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_watching: list[tuple[str, str, object]] | None = None


@sys.addaudithook
def _note(event: str, arguments: tuple[object, ...]) -> None:
    """Note what happens while somebody watches. A hook cannot be removed."""
    if _watching is not None and event in ("open", "socket.connect", "socket.getaddrinfo"):
        _watching.append((event, str(arguments[0]), arguments[1] if event == "open" else None))


@contextmanager
def watched() -> Iterator[list[tuple[str, str, object]]]:
    """List, as (event, file or socket, mode), what happens meanwhile."""
    global _watching
    seen = _watching = []
    try:
        yield seen
    finally:
        _watching = None
