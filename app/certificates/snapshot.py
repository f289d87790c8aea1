"""What a certificate says: the values that its PDF and its HTML page both show."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, NamedTuple, Self

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
        """The number of commitments taken."""
        return len(self.taken)

    @property
    def filename(self) -> str:
        """The name of the PDF, in ASCII: ``certificat-ELODIE-MARTIN-SARLAT-LA-CANEDA.pdf``."""
        words = fold(f"{self.full_name} {self.commune}").encode("ascii", "ignore").decode().upper().split()
        return "-".join(["certificat", *words]) + ".pdf"

    def matches(self, other: Self) -> bool:
        """Return True if both say that the same person took the same commitments on the same days."""
        facts = ("edition", "full_name", "role", "list_name", "insee", "taken")
        return all(getattr(self, fact) == getattr(other, fact) for fact in facts)

    def to_json(self) -> dict[str, Any]:
        """Return the content to store: all fields but number, day and URL, which the row has."""
        content = asdict(self)
        for stored in ("number", "issued_on", "url"):
            del content[stored]
        content["taken"] = {str(number): day.isoformat() for number, day in self.taken.items()}
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any], *, number: str, issued_on: date, url: str) -> Self:
        """Return the snapshot that `to_json` stored."""
        values = {
            **content,
            "commitments": tuple(Commitment(**commitment) for commitment in content["commitments"]),
            "taken": {int(n): date.fromisoformat(day) for n, day in content["taken"].items()},
        }
        return cls(number=number, issued_on=issued_on, url=url, **values)


class Change(NamedTuple):
    """One difference between two snapshots; all three texts are in French."""

    what: str
    before: str
    after: str


def list_changes(former: Snapshot, present: Snapshot) -> list[Change]:
    """Return what has changed since a former certificate, in the order of its lines."""
    changes = [
        Change("Nom", former.full_name, present.full_name),
        Change("Qualité", former.role, present.role),
        Change("Liste", former.list_name or "sans liste", present.list_name or "sans liste"),
        Change("Commune", former.commune, present.commune),
    ]
    for commitment in former.commitments:
        number = commitment.number
        changes.append(Change(f"Engagement {number}", _answer(former, number), _answer(present, number)))
    return [change for change in changes if change.before != change.after]


def _answer(snapshot: Snapshot, number: int) -> str:
    taken_on = snapshot.taken.get(number)
    return f"pris le {long_date(taken_on)}" if taken_on else "non pris"
