"""What a certificate says: the values that its PDF and its HTML twin both show."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.data.charter import Commitment
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
