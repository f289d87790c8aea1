"""Atomic writes of private files: a file appears whole, with mode 0600, or not at all."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the content of a file; create it with the bytes that `make` returns if it does not exist.

    When several processes start together, the first one creates the file and all read it. Raises: OSError.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _write_beside(path, make())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process created it first
        finally:
            temporary.unlink()
    return path.read_bytes()


def describe_refusal(path: Path, error: OSError) -> str:
    """Return a sentence about a file that cannot be read or made: what was refused, its owner and mode."""
    # Not `Path.exists`, which raises for what is inside a folder that this process may not enter.
    place = next(place for place in (path, *path.parents) if os.access(place, os.F_OK))
    status = place.stat()
    return (
        f"{path}: {error.strerror}. {place} is of the user {status.st_uid}, mode {status.st_mode & 0o777:o}, "
        f"and this process runs as the user {os.geteuid()}: give them to one user (chown)."
    )


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the content of a file, or create it. Raises: OSError."""
    _write_beside(path, content).replace(path)


@contextmanager
def create_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for writing; it gets its name when the block has written all of it.

    Raises: FileExistsError, if the path exists before or after the block; OSError.
    """
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.link(name, path)
    finally:
        Path(name).unlink()


def _write_beside(path: Path, content: bytes) -> Path:
    """Write a file of mode 0600 next to ``path``, sync it to disk, and return its path."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return Path(name)
