"""What a certificate says: the values that its PDF and its HTML twin both show."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Self

from app.content.charter import Commitment
from app.french import long_date
from app.text import fold


@dataclass(frozen=True)
class Snapshot:
    """One confirmed signature as it stood on ``issued_on`` (a day in Europe/Paris)."""

    number: str  # as printed, e.g. "7K4M-92XQ-PTB3"
    issued_on: date
    url: str  # of the verification page

    edition: str
    campaign: str
    title: str  # of the charter
    organisation: str
    commitments: tuple[Commitment, ...]

    full_name: str
    role: str  # in French, e.g. "tête de liste"
    list_name: str | None
    insee: str
    commune: str
    at: str  # the commune with its preposition, e.g. "au Bugue"
    taken: Mapping[int, date]  # commitment number → the day it was taken

    @property
    def count(self) -> int:
        """How many commitments were taken."""
        return len(self.taken)

    @property
    def filename(self) -> str:
        """The name of the PDF, in ASCII: ``certificat-ELODIE-MARTIN-SARLAT-LA-CANEDA.pdf``."""
        words = fold(f"{self.full_name} {self.commune}").encode("ascii", "ignore").decode().split()
        return "-".join(["certificat", *(word.upper() for word in words)]) + ".pdf"

    def says_the_same_as(self, other: Self) -> bool:
        """Whether both say that the same person took the same commitments, on the same days."""
        return self._facts == other._facts

    @property
    def _facts(self) -> tuple[object, ...]:
        return (self.edition, self.full_name, self.role, self.list_name, self.insee, dict(self.taken))

    def to_json(self) -> dict[str, Any]:
        """Return what it says, without what makes it this one: number, day and address."""
        said = asdict(self)
        for own in ("number", "issued_on", "url"):
            del said[own]
        said["taken"] = {str(number): day.isoformat() for number, day in self.taken.items()}
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any], *, number: str, issued_on: date, url: str) -> Self:
        """Read again what `to_json` wrote."""
        values = {
            **said,
            "commitments": tuple(Commitment(**commitment) for commitment in said["commitments"]),
            "taken": {int(n): date.fromisoformat(day) for n, day in said["taken"].items()},
        }
        return cls(number=number, issued_on=issued_on, url=url, **values)


@dataclass(frozen=True)
class Change:
    """One thing that a former certificate says otherwise; all three in French."""

    what: str
    before: str
    after: str


def changes(former: Snapshot, present: Snapshot) -> list[Change]:
    """List what has changed since a former certificate, in the order of its lines."""
    lines = [
        ("Nom", former.full_name, present.full_name),
        ("Qualité", former.role, present.role),
        ("Liste", former.list_name or "sans liste", present.list_name or "sans liste"),
        ("Commune", former.commune, present.commune),
        *(
            (f"Engagement {c.number}", _answer(former, c.number), _answer(present, c.number))
            for c in former.commitments
        ),
    ]
    return [Change(*line) for line in lines if line[1] != line[2]]


def _answer(snapshot: Snapshot, number: int) -> str:
    taken_on = snapshot.taken.get(number)
    return f"pris le {long_date(taken_on)}" if taken_on else "non pris"
