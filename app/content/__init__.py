"""The charter, the communes and their outlines: files, loaded once at startup."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager

from app.config import ConfigError


@contextmanager
def file_errors(file: str, form: str) -> Iterator[None]:
    """Raise ConfigError, which names the file, if it cannot be read or does not have that form."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError, csv.Error) as error:
        raise ConfigError(f"{file} is not {form}: {error}.") from error
