"""Files that appear whole or not at all, and that nobody else may read."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def keep(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what the file holds, made the first time.

    Processes that start together agree: the first one's content is everybody's. Raises: OSError.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = _write_beside(path, make())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was first: its content is the one
        finally:
            fresh.unlink()
    return path.read_bytes()


def replace(path: Path, content: bytes) -> None:
    """Put this content in the place of what the file holds. Raises: OSError."""
    _write_beside(path, content).replace(path)


@contextmanager
def fresh(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is to be, and appears under its name when it is whole.

    Raises: FileExistsError, where there is one by then; OSError.
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
    """Write a file of mode 0600 next to ``path``, down to the disk, and return its name."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return Path(name)
