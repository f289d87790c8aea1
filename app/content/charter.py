"""The charter: content read once from a TOML file, never from code."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from click import ClickException

from app.french import paris_day, paris_midnight

#: The page, the certificate and the ten posters are drawn for one row of panels.
MAX_COMMITMENTS = 10


class CharterError(ClickException):
    """The charter file cannot be used. The message names line and field (and ``flask`` prints just that)."""


@dataclass(frozen=True)
class Commitment:
    """One numbered line of the charter, counted from 1."""

    number: int
    label: str
    text: str

    @property
    def rest(self) -> str:
        """What follows the label: ``label + rest == text``."""
        return self.text.removeprefix(self.label)


@dataclass(frozen=True)
class Contact:
    """Someone of the organisation whom a reader may write to."""

    name: str
    role: str
    email: str


@dataclass(frozen=True)
class Territory:
    """Where the charter is signed; the two paths lead to its communes."""

    name: str
    communes: Path
    former_names: Path


@dataclass(frozen=True)
class Campaign:
    """The election that the charter addresses."""

    name: str
    polling_days: tuple[date, ...]
    #: The first and the last day of each silence, both included (Code électoral, art. L. 49).
    silence: tuple[tuple[date, date], ...]
    mandate_ends: date

    def silence_until(self, moment: datetime) -> datetime | None:
        """Return the midnight that ends the silence of that moment, in Paris; None outside of any."""
        day = paris_day(moment)
        last = next((last for first, last in self.silence if first <= day <= last), None)
        return paris_midnight(last + timedelta(days=1)) if last else None

    def last_switch(self, moment: datetime) -> datetime | None:
        """Return when a silence last began or ended."""
        return max((switch for switch in self._switches if switch <= moment), default=None)

    @cached_property
    def _switches(self) -> list[datetime]:
        """When silences begin and end."""
        return [
            paris_midnight(day) for first, last in self.silence for day in (first, last + timedelta(days=1))
        ]


@dataclass(frozen=True)
class Charter:
    """The whole text, with all that belongs to one territory."""

    title: str
    short_title: str
    description: str
    organisation: str
    contact_by: str
    introduction: str
    preamble: str
    commitments_title: str
    purpose: str
    territory: Territory
    campaign: Campaign
    commitments: tuple[Commitment, ...]
    contacts: tuple[Contact, ...]

    def commitment(self, number: int) -> Commitment | None:
        """Return the commitment of that number, if there is one."""
        return self.commitments[number - 1] if 1 <= number <= len(self.commitments) else None

    @property
    def edition(self) -> str:
        """Name this exact wording: SHA-256, in hexadecimal, of what is signed."""
        signed = [self.title, self.preamble, [c.text for c in self.commitments], self.purpose]
        canonical = json.dumps(signed, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def load_charter(path: Path) -> Charter:
    """Read a charter file. Raises: CharterError."""
    try:
        source = path.read_text(encoding="utf-8")
        content = tomllib.loads(source)
    except OSError as error:
        raise CharterError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:  # not UTF-8, or not TOML: both messages give the place
        raise CharterError(f"{path}: is not valid TOML: {error}.") from error
    except RecursionError as error:
        raise CharterError(f"{path}: is not a charter: brackets are nested too deep.") from error
    return _Reader(path, source, content).charter()


def _is_span(value: Any) -> bool:
    """Whether this is a first and a last day, in that order."""
    days = isinstance(value, list) and len(value) == 2 and all(type(day) is date for day in value)
    return days and value[0] <= value[1]


class _Reader:
    """Turn parsed TOML into a Charter, and say where the file is wrong."""

    def __init__(self, path: Path, source: str, content: dict[str, Any]) -> None:
        self.path = path
        self.lines = source.splitlines()
        self.content = content

    def charter(self) -> Charter:
        texts = [name for name, kind in Charter.__annotations__.items() if kind is str]
        root = self.table(self.content, "", {*texts, "territory", "campaign", "commitments", "contacts"})
        return Charter(
            **{name: self.text(root, "", name) for name in texts},
            territory=self.territory(),
            campaign=self.campaign(),
            commitments=self.commitments(),
            contacts=tuple(
                Contact(**{key: self.text(entry, where, key) for key in ("name", "role", "email")})
                for where, entry in self.entries("contacts", {"name", "role", "email"})
            ),
        )

    def territory(self) -> Territory:
        table = self.table(self.content["territory"], "territory", {"name", "communes", "former_names"})
        files = {}
        for key in ("communes", "former_names"):
            files[key] = self.path.parent / self.text(table, "territory", key)
            if not files[key].is_file():
                self.fail("territory", key, f"there is no file {files[key]}")
        return Territory(name=self.text(table, "territory", "name"), **files)

    def campaign(self) -> Campaign:
        fields = {"name", "polling_days", "silence", "mandate_ends"}
        table = self.table(self.content["campaign"], "campaign", fields)
        days, silence, end = table["polling_days"], table["silence"], table["mandate_ends"]
        if not isinstance(days, list) or not days or not all(type(day) is date for day in days):
            self.fail("campaign", "polling_days", "must be a list of dates, as [2026-03-15]")
        if type(end) is not date:
            self.fail("campaign", "mandate_ends", "must be a date, as 2032-03-31")
        if not isinstance(silence, list) or not all(map(_is_span, silence)):
            self.fail("campaign", "silence", "must be a list as [[2026-03-14, 2026-03-15]]: first, last day")
        spans = tuple(sorted((first, last) for first, last in silence))
        return Campaign(self.text(table, "campaign", "name"), tuple(sorted(days)), spans, end)

    def commitments(self) -> tuple[Commitment, ...]:
        commitments = []
        for number, (where, entry) in enumerate(self.entries("commitments", {"label", "text"}), 1):
            label, text = self.text(entry, where, "label"), self.text(entry, where, "text")
            if not text.startswith(label):
                self.fail(where, "label", "must be the beginning of the text")
            if text.endswith((";", ".")):
                self.fail(where, "text", "must end without « ; » or « . »")
            commitments.append(Commitment(number, label, text))
        if len(commitments) > MAX_COMMITMENTS:
            self.fail("", "commitments", f"must be at most {MAX_COMMITMENTS}")
        return tuple(commitments)

    def entries(self, name: str, fields: set[str]) -> list[tuple[str, Mapping[str, Any]]]:
        entries = self.content[name]
        if not isinstance(entries, list) or not entries:
            self.fail("", name, f"must be written as [[{name}]], at least once")
        return [
            (where, self.table(entry, where, fields))
            for where, entry in ((f"{name}[{number}]", entry) for number, entry in enumerate(entries, 1))
        ]

    def table(self, value: Any, where: str, fields: set[str]) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self.fail("", where, "must be a table")
        for key in fields - value.keys():
            self.fail(where, key, "is missing")
        for key in value.keys() - fields:
            self.fail(where, key, "is not a field of a charter")
        return value

    def text(self, table: Mapping[str, Any], where: str, key: str) -> str:
        value = table[key]
        if not isinstance(value, str) or not value.strip():
            self.fail(where, key, "must be a text that is not empty")
        if value != " ".join(value.split(" ")).strip():
            self.fail(where, key, "must not begin or end with a space")
        return value

    def fail(self, where: str, key: str, problem: str) -> NoReturn:
        field = f"{where}.{key}" if where else key
        raise CharterError(f"{self.path}, line {self.line(where, key)}: {field} {problem}.")

    def line(self, where: str, key: str) -> int:
        """Find the line of a field, or of the table that lacks it; tomllib keeps no positions."""
        start, end = 0, len(self.lines)
        name, _, index = where.rstrip("]").partition("[")
        if name:
            header = rf"\[\[{name}\]\]" if index else rf"\[{name}\]"
            headers = [i for i, line in enumerate(self.lines) if re.match(rf"\s*{header}", line)]
            start = headers[int(index or 1) - 1] if headers else 0
        for i in range(start + bool(name), end):
            if re.match(rf"\s*(\[\[?)?{re.escape(key)}\b", self.lines[i]):
                return i + 1
            if re.match(r"\s*\[", self.lines[i]) and name:
                break
        return start + 1
