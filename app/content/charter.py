"""The charter: a TOML file, checked and loaded at startup."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from app.config import ConfigError
from app.content import file_errors
from app.french import paris_day, paris_midnight

#: Ten posters are drawn (`panel-1` to `panel-10`), and an eleventh commitment does not fit the page of the
#: certificate. Beyond that, the register has room for 31: bits of `Entry.mask`, an INTEGER in PostgreSQL.
MAX_COMMITMENTS = 10


@dataclass(frozen=True)
class Commitment:
    """One numbered line of the charter, counted from 1."""

    number: int
    label: str
    text: str

    @property
    def rest(self) -> str:
        """What follows the label: `label + rest == text`."""
        return self.text.removeprefix(self.label)


@dataclass(frozen=True)
class Contact:
    """A person of the organisation who answers questions about the charter."""

    name: str
    role: str
    email: str


@dataclass(frozen=True)
class Territory:
    """Where the charter is signed, and the two CSV files of its communes."""

    name: str
    communes: Path
    former_names: Path


@dataclass(frozen=True)
class Campaign:
    """The election that the charter addresses."""

    name: str
    polling_days: tuple[date, ...]
    #: The first and the last day of each electoral silence, both included (Code électoral, art. L. 49).
    silence: tuple[tuple[date, date], ...]
    mandate_ends: date

    def silence_until(self, moment: datetime) -> datetime | None:
        """Return the midnight in Paris at which the electoral silence of a moment ends, or None."""
        day = paris_day(moment)
        last = next((last for first, last in self.silence if first <= day <= last), None)
        return paris_midnight(last + timedelta(days=1)) if last else None

    def last_switch(self, moment: datetime) -> datetime | None:
        """Return when an electoral silence last began or ended before a moment, or None if none did."""
        days = [day for first, last in self.silence for day in (first, last + timedelta(days=1))]
        return max((switch for switch in map(paris_midnight, days) if switch <= moment), default=None)


@dataclass(frozen=True)
class Charter:
    """The whole text, with its territory, its campaign and its contacts."""

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
        """Return the commitment of a number, or None if there is none."""
        return self.commitments[number - 1] if 1 <= number <= len(self.commitments) else None

    @property
    def edition(self) -> str:
        """The SHA-256, in hexadecimal, of the wording that is signed."""
        signed = [self.title, self.preamble, [c.text for c in self.commitments], self.purpose]
        canonical = json.dumps(signed, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class _FieldError(Exception):
    """A field is wrong: its table (as `commitments[2]`, or empty), its name, the problem."""


def load_charter(path: Path) -> Charter:
    """Load a charter file. Raises: ConfigError, with the line and the field that is wrong."""
    with file_errors(str(path), "valid TOML"):
        source = path.read_text(encoding="utf-8")
        content = tomllib.loads(source)
    try:
        return _read_charter(content, path.parent)
    except _FieldError as error:
        table, field, problem = error.args
        name = f"{table}.{field}" if table else field
        raise ConfigError(f"{path}, line {_find_line(source, table, field)}: {name} {problem}.") from error


def _require(condition: object, table: str, field: str, problem: str) -> None:
    if not condition:
        raise _FieldError(table, field, problem)


def _read_charter(content: dict[str, Any], folder: Path) -> Charter:
    texts = [field.name for field in fields(Charter) if field.type is str]
    root = _read_table(content, "", texts, "territory", "campaign", "commitments", "contacts")
    root["territory"] = _read_territory(root["territory"], folder)
    root["campaign"] = _read_campaign(root["campaign"])
    root["commitments"] = tuple(_read_commitments(root["commitments"]))
    contacts = _read_tables(root["contacts"], "contacts", "name", "role", "email")
    root["contacts"] = tuple(Contact(**table) for table in contacts)
    return Charter(**root)


def _read_territory(content: Any, folder: Path) -> Territory:
    table = _read_table(content, "territory", ["name", "communes", "former_names"])
    for field in ("communes", "former_names"):
        table[field] = folder / table[field]
        _require(table[field].is_file(), "territory", field, f"there is no file {table[field]}")
    return Territory(**table)


def _read_campaign(content: Any) -> Campaign:
    table = _read_table(content, "campaign", ["name"], "polling_days", "silence", "mandate_ends")
    days, silence, end = table["polling_days"], table["silence"], table["mandate_ends"]
    _require(days and _is_dates(days), "campaign", "polling_days", "must be a list of dates, as [2026-03-15]")
    _require(_is_dates([end]), "campaign", "mandate_ends", "must be a date, as 2032-03-31")
    spans = isinstance(silence, list) and all(
        _is_dates(span) and len(span) == 2 and span[0] <= span[1] for span in silence
    )
    problem = "must be a list as [[2026-03-14, 2026-03-15]]: first, last day"
    _require(spans, "campaign", "silence", problem)
    return Campaign(table["name"], tuple(sorted(days)), tuple(sorted(map(tuple, silence))), end)


def _is_dates(value: Any) -> bool:
    return isinstance(value, list) and all(type(day) is date for day in value)


def _read_commitments(content: Any) -> Iterator[Commitment]:
    for number, table in enumerate(_read_tables(content, "commitments", "label", "text"), 1):
        name, label, text = f"commitments[{number}]", table["label"], table["text"]
        _require(text.startswith(label), name, "label", "must be the beginning of the text")
        _require(not text.endswith((";", ".")), name, "text", "must end without « ; » or « . »")
        _require(number <= MAX_COMMITMENTS, name, "label", f"is one too many: at most {MAX_COMMITMENTS}")
        yield Commitment(number, label, text)


def _read_tables(content: Any, name: str, *texts: str) -> list[dict[str, Any]]:
    is_list = isinstance(content, list) and content
    _require(is_list, "", name, f"must be written as [[{name}]], at least once")
    return [_read_table(table, f"{name}[{number}]", texts) for number, table in enumerate(content, 1)]


def _read_table(content: Any, name: str, texts: Iterable[str], *others: str) -> dict[str, Any]:
    """Return a copy of a table with exactly these fields, those of `texts` checked. Raises: _FieldError."""
    _require(isinstance(content, dict), "", name, "must be a table")
    for field in sorted(content.keys() ^ {*texts, *others}):
        raise _FieldError(name, field, "is not a field of a charter" if field in content else "is missing")
    for field in texts:
        text = content[field]
        is_text = isinstance(text, str) and text.strip()
        _require(is_text, name, field, "must be a text that is not empty")
        _require(text == text.strip(), name, field, "must not begin or end with a space")
    return dict(content)


def _find_line(source: str, table: str, field: str) -> int:
    """Return the line of a field, or of its table if the field is missing. tomllib gives no positions."""
    name, _, index = table.rstrip("]").partition("[")
    lines, start = source.splitlines(), 0
    if name:
        headers = [i for i, line in enumerate(lines) if re.match(rf"\s*\[\[?{name}\]", line)]
        start = headers[int(index or 1) - 1] if headers else 0
    for number, line in enumerate(lines[start:], start + 1):
        if re.match(rf"\s*(\[\[?)?{re.escape(field)}\b", line):
            return number
        if name and number > start + 1 and re.match(r"\s*\[", line):
            break
    return start + 1
