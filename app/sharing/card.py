"""The public facts of a signature that badge, picture and poster show."""

from dataclasses import dataclass

from flask import url_for

from app.content.charter import Commitment
from app.extensions import charter, communes
from app.french import commitments_of
from app.models import Entry


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
    def taken_commitments(self) -> list[Commitment]:
        """The commitments that were taken, in their order."""
        return [commitment for commitment in self.commitments if commitment.number in self.taken]


def site_name() -> str:
    """Return the name of the site: « Charte ESS Dordogne »."""
    return f"{charter.short_title} {charter.territory.name}"


def make_card(entry: Entry) -> Card:
    """Return the card of a register entry."""
    return Card(
        site=site_name(),
        campaign=charter.campaign.name,
        title=charter.title,
        organisation=charter.organisation,
        commitments=charter.commitments,
        full_name=entry.full_name,
        role=entry.role.label,
        list_name=entry.list_name,
        at=communes.get_or_placeholder(entry.commune).at,
        taken=frozenset(entry.taken),
        url=url_for("citizen.signatory", code=entry.code, _external=True),
    )
