"""The register as files: one list of columns, and rows that are written as they are read.

A file of a million lines takes no more memory than one of a thousand: lines leave in batches, from a cursor
of the database, over a connection that is given back when the last one is sent or the client goes away.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, String, cast, type_coerce

from app.content.charter import Charter
from app.content.communes import NO_AREA
from app.database import read_snapshot
from app.extensions import communes, db
from app.french import paris_day, typeset
from app.models import Entry, Role
from app.register import queries
from app.register.queries import Search

#: The licence of the files, as a Table Schema names one.
LICENCE = {
    "name": "etalab-2.0",
    "title": "Licence Ouverte 2.0",
    "path": "https://www.etalab.gouv.fr/licence-ouverte-open-licence/",
}
#: Lines in one chunk of a file.
BATCH = 1000
#: Places, days and choices that a file remembers how it wrote.
REMEMBERED = 4096
#: What a spreadsheet computes instead of showing (OWASP, « CSV Injection »), also behind spaces,
#: or behind the semicolon at which French ones cut a line.
_FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@\t\r\n＝＋－＠])")
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


@dataclass(frozen=True)
class Column:
    """One column of the files, and one field of their Table Schema."""

    name: str
    title: str
    description: str
    example: str | int
    type: str = "string"
    format: str = "default"
    constraints: Mapping[str, Any] = field(default_factory=dict)

    @property
    def as_field(self) -> dict[str, Any]:
        """The column as a Table Schema tells it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "example": self.example,
            "type": self.type,
            "format": self.format,
            "constraints": dict(self.constraints),
        }


def columns(charter: Charter, page: str) -> list[Column]:
    """Return the columns, in their order; ``page`` is the address under which public pages are."""
    required: dict[str, Any] = {"required": True}
    insee = required | {"pattern": "[0-9][0-9AB][0-9]{3}"}
    code = "3f8a1c0d5e7b92460f1d"
    first = [
        Column(
            "code", "Code de la signature",
            "Nomme la signature, toujours la même : c’est la fin de l’adresse de sa page publique. Il ne dit "
            "rien de la personne.",
            code, constraints=required | {"unique": True, "pattern": "[0-9a-f]{20}"},
        ),
        Column("prenom", "Prénom", "Prénom, tel que la personne l’a écrit.", "Camille", constraints=required),
        Column("nom", "Nom", "Nom, tel que la personne l’a écrit.", "Exemple", constraints=required),
        Column(
            "qualite", "Qualité",
            "Ce que la personne est dans l’élection : tête de liste, colistier ou colistière, élu ou élue.",
            "tete-de-liste", constraints=required | {"enum": [role.value for role in Role]},
        ),
        Column("liste", "Liste", "Nom de la liste ; vide si la personne n’en a pas indiqué.", "Ensemble"),
        Column(
            "commune_insee", "Code INSEE de la commune",
            "Code officiel géographique de la commune. C’est un texte : il peut commencer par un zéro.",
            "24520", constraints=insee,
        ),
        Column(
            "commune", "Commune",
            "Nom de la commune ; son code INSEE, si elle n’est plus au fichier des communes.",
            "Sarlat-la-Canéda", constraints=required,
        ),
        Column(
            "epci_siren", "SIREN de l’intercommunalité",
            "Numéro SIREN de l’établissement public de coopération intercommunale (EPCI) de la commune.",
            "200027217", constraints={"pattern": "[0-9]{9}"},
        ),
        Column("epci", "Intercommunalité", "Nom de cet établissement.", "CC Sarlat-Périgord Noir"),
        Column(
            "arrondissement_insee", "Code INSEE de l’arrondissement",
            "Code officiel géographique de l’arrondissement de la commune.",
            "244", constraints={"pattern": "[0-9][0-9AB][0-9]{1,2}"},
        ),
        Column("arrondissement", "Arrondissement", "Nom de cet arrondissement.", "Sarlat-la-Canéda"),
        Column(
            "confirmee_le", "Date de confirmation",
            "Jour où la personne a confirmé sa signature, à l’heure de Paris.",
            "2026-02-03", "date", constraints=required,
        ),
        Column(
            "modifiee_le", "Dernier changement",
            "Moment où cette ligne du registre a changé pour la dernière fois, en temps universel (UTC).",
            "2026-02-10T17:20:05Z", "datetime", constraints=required,
        ),
        Column(
            "engagements", "Nombre d’engagements",
            "Combien d’engagements de la charte sont pris. Ce nombre ne classe personne.",
            1, "integer", constraints=required | {"minimum": 1, "maximum": len(charter.commitments)},
        ),
    ]  # fmt: skip
    commitments = [
        Column(
            f"engagement_{commitment.number}",
            f"Engagement {commitment.number}",
            f"« {commitment.label} » : jour où cet engagement a été pris, à l’heure de Paris. Vide s’il "
            "n’est pas pris, ce qui n’est pas un refus.",
            "2026-02-01" if commitment.number == 1 else "",
            "date",
        )
        for commitment in charter.commitments
    ]
    last = Column(
        "page",
        "Page publique",
        "Adresse de la page publique de la signature. Elle répond 404 dès que la signature est retirée.",
        f"{page}{code}",
        format="uri",
        constraints=required | {"unique": True},
    )
    return [
        replace(column, title=typeset(column.title), description=typeset(column.description))
        for column in (*first, *commitments, last)
    ]


def defuse(text: str) -> str:
    """Put an apostrophe (U+0027) before what a spreadsheet would take for a formula.

    No text of the register begins with that apostrophe: `app.text.clean_line` makes it « ’ ».
    """
    return _FORMULA.sub(r"\1'", text)


def _csv_text(text: str) -> str:
    """Write a text between quotes, which need no look at what it has inside (RFC 4180, 2)."""
    if not text[:1].isalpha() or ";" in text:  # most are plainly words
        text = defuse(text)
    return '"' + text.replace('"', '""') + '"'


@dataclass(frozen=True)
class Format:
    """How cells are written and put together, by column names and %-formats."""

    #: Writes what somebody wrote.
    text: Callable[[str], str]
    #: Around a code, a date or an address, which have nothing to escape.
    plain: str
    nothing: str
    cell: str
    comma: str
    line: str

    def cells(self, names: Iterable[str], values: Iterable[str]) -> str:
        """Put written cells together."""
        cells = zip(names, values, strict=True)
        return self.comma.join(self.cell % {"name": name, "value": value} for name, value in cells)


CSV = Format(_csv_text, plain="%s", nothing="", cell="%(value)s", comma=",", line="%s\r\n")
JSON = Format(_encode, plain='"%s"', nothing="null", cell='"%(name)s": %(value)s', comma=", ", line="{%s}")


def read(search: Search, columns: Sequence[Column], page: str, form: Format) -> Iterator[list[str]]:
    """Yield the lines of a search as they are written, in batches.

    They come in the order in which signatures began, whatever order the search asks for: it never changes.
    ``page`` is the address under which public pages are.
    """
    write = _line_writer([column.name for column in columns], page, form)
    lines = queries.lines_of(search).with_only_columns(*_READ).order_by(Entry.signature_id)
    with (
        read_snapshot(db.engine) as connection,
        connection.execute(lines, execution_options={"yield_per": BATCH}) as found,
    ):
        for batch in found.partitions():
            yield list(itertools.starmap(write, batch))


#: Read as bare as the database has them: types that make objects of each cell take longer than all the rest.
_READ = (
    Entry.code, Entry.given_name, Entry.family_name, type_coerce(Entry.role, String), Entry.list_name,
    Entry.commune, Entry.epci, Entry.district, cast(Entry.taken_on, String),
    *(type_coerce(moment, DateTime(timezone=True)) for moment in (Entry.confirmed_at, Entry.changed_at)),
)  # fmt: skip
#: The columns of a person, of a place, and of dates; commitments and the page follow.
_PERSON, _PLACE, _DATES = slice(5), slice(5, 11), slice(11, 13)
_TAKEN = slice(13, -1)


def _line_writer(names: Sequence[str], page: str, form: Format) -> Callable[..., str]:
    """Return what writes a line. It runs a million times, so it writes places, days and choices once."""
    text, plain, nothing = form.text, form.plain, form.nothing
    numbers = [name.removeprefix("engagement_") for name in names[_TAKEN][1:]]

    @lru_cache(REMEMBERED)
    def place(insee: str, epci: str, district: str) -> str:
        commune = communes.get_or_placeholder(insee)
        cells = [plain % insee, text(commune.name)]
        for code, areas in ((epci, communes.epcis), (district, communes.districts)):
            area = areas.get(code, NO_AREA)
            cells += [plain % code if code else nothing, text(area.name) if area.name else nothing]
        return form.cells(names[_PLACE], cells)

    @lru_cache(REMEMBERED)
    def day(utc: date, hour: int) -> str:  # every hour of UTC lies within one day of Paris
        return paris_day(datetime(utc.year, utc.month, utc.day, hour, tzinfo=UTC)).isoformat()

    @lru_cache(REMEMBERED)
    def taken(taken_on: str) -> str:
        days = json.loads(taken_on)
        cells = [plain % days[number] if number in days else nothing for number in numbers]
        return form.cells(names[_TAKEN], [str(len(days)), *cells])

    person = form.cells(names[_PERSON], [plain, "%s", "%s", plain, "%s"])
    dates = form.cells(names[_DATES], [plain, plain])
    address = form.cells(names[-1:], [plain % (page.replace("%", "%%") + "%s")])
    line = form.line % form.comma.join([person, "%s", dates, "%s", address])

    def write(
        code: str, given_name: str, family_name: str, role: str, list_name: str | None,
        insee: str, epci: str, district: str, taken_on: str, confirmed_at: datetime, changed_at: datetime,
    ) -> str:  # fmt: skip
        if changed_at.tzinfo:  # SQLite gives UTC without saying so, others say in which zone they speak
            confirmed_at, changed_at = confirmed_at.astimezone(UTC), changed_at.astimezone(UTC)
        return line % (
            code,
            text(given_name),
            text(family_name),
            role,
            text(list_name) if list_name else nothing,
            place(insee, epci, district),
            day(confirmed_at.date(), confirmed_at.hour),
            changed_at.isoformat()[:19] + "Z",
            taken(taken_on),
            code,
        )

    return write


def as_csv(names: Iterable[str], batches: Iterable[Iterable[str]]) -> Iterator[bytes]:
    """Write comma-separated values, a chunk for each batch of lines (RFC 4180, in UTF-8)."""
    yield (CSV.line % ",".join(names)).encode()
    for batch in batches:
        yield "".join(batch).encode()


def as_json(head: Mapping[str, Any], batches: Iterable[Iterable[str]]) -> Iterator[bytes]:
    """Write one object, its last member the lines, a chunk for each batch (RFC 8259)."""
    yield _encode(head)[:-1].encode() + b', "signataires": ['
    comma = "\n"
    for batch in batches:
        yield (comma + ",\n".join(batch)).encode()
        comma = ",\n"
    yield b"\n]}\n"
