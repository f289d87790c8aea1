"""The register as files: its rows in batches, and the CSV and JSON that are made of them.

A file of a million rows takes no more memory than one of a thousand. `templates/citizen/schema.json` has the
names of the columns, and describes them.
"""

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import String, type_coerce

from app.content.communes import Commune
from app.database import read_snapshot
from app.extensions import charter, communes, db
from app.french import paris_day
from app.models import Entry
from app.register.queries import Search, select_entries

#: Rows in one chunk of a file.
BATCH = 1000
#: What a spreadsheet computes instead of showing (OWASP, "CSV Injection"), also behind spaces, or behind the
#: semicolon at which French ones split a row.
_FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@\t\r\n＝＋－＠])")
_READ = (
    Entry.code, Entry.given_name, Entry.family_name, type_coerce(Entry.role, String), Entry.list_name,
    Entry.commune, Entry.confirmed_at, Entry.changed_at, Entry.taken_on,
)  # fmt: skip
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

Row = Sequence[str | int | None]


def read_rows(search: Search, page: str, text: Callable[[str], str] = str) -> Iterator[list[Row]]:
    """Yield the rows of a search in batches, in the order in which the signatures began: it never changes.

    ``page`` is the URL of a signatory's page up to the code; ``text`` converts free text.
    """
    numbers = [str(commitment.number) for commitment in charter.commitments]
    places = {commune.insee: _place(commune, text) for commune in communes}
    entries = select_entries(search).with_only_columns(*_READ).order_by(Entry.signature_id)
    with read_snapshot(db.engine) as connection:
        found = connection.execute(entries, execution_options={"yield_per": BATCH})
        for batch in found.partitions():
            yield [
                (
                    code,
                    text(given_name),
                    text(family_name),
                    role,
                    text(list_name) if list_name else None,
                    *(places.get(insee) or _place(communes.get_or_placeholder(insee), text)),
                    paris_day(confirmed).isoformat(),
                    f"{changed.isoformat()[:19]}Z",  # in UTC
                    len(days),
                    *map(days.get, numbers),
                    page + code,
                )
                for code, given_name, family_name, role, list_name, insee, confirmed, changed, days in batch
            ]


def _place(commune: Commune, text: Callable[[str], str]) -> Row:
    areas = (commune.epci, commune.district)
    cells = [(area.code, text(area.name)) if area.code else (None, None) for area in areas]
    return (commune.insee, text(commune.name), *itertools.chain(*cells))


def defuse(text: str) -> str:
    """Put an apostrophe (U+0027) before what a spreadsheet would take for a formula.

    No text of the register begins with that apostrophe: `app.text.clean_line` replaces it by "’".
    """
    if text[:1].isalpha() and ";" not in text:  # nearly all
        return text
    return _FORMULA.sub(r"\1'", text)


def write_csv(names: Row, batches: Iterable[Iterable[Row]]) -> Iterator[bytes]:
    """Yield a header, then a chunk for each batch of rows (RFC 4180, in UTF-8)."""
    for rows in itertools.chain([[names]], batches):
        file = io.StringIO(newline="")
        csv.writer(file).writerows(rows)
        yield file.getvalue().encode()


def write_json(head: Mapping[str, Any], names: Row, batches: Iterable[Iterable[Row]]) -> Iterator[bytes]:
    """Yield one object, its last member the rows, a chunk for each batch (RFC 8259)."""
    yield _encode(head)[:-1].encode() + b', "signataires": ['
    separator = ""
    for batch in batches:
        rows = [dict(zip(names, row, strict=True)) for row in batch]
        yield (separator + "\n" + _encode(rows)[1:-1]).encode()
        separator = ","
    yield b"\n]}\n"
