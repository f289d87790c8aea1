"""The words that badge, picture and poster share."""

from dataclasses import dataclass

from app.content.charter import Commitment
from app.french import commitments_of


@dataclass(frozen=True)
class Card:
    """One public signature, as it stands."""

    site: str  # e.g. "Charte ESS Dordogne"
    campaign: str
    title: str  # of the charter
    organisation: str
    commitments: tuple[Commitment, ...]

    full_name: str
    role: str  # in French, e.g. "tête de liste"
    list_name: str | None
    at: str  # the commune with its preposition, e.g. "au Bugue"
    taken: frozenset[int]
    url: str  # of the public page

    @property
    def count(self) -> str:
        """How many commitments were taken: « 7 engagements sur 10 »."""
        return commitments_of(len(self.taken), len(self.commitments))

    @property
    def held(self) -> list[Commitment]:
        """The commitments that were taken, in their order."""
        return [commitment for commitment in self.commitments if commitment.number in self.taken]
