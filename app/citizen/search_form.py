"""What is asked of the register, as an address says it: the same words for pages and for files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flask import url_for
from werkzeug.datastructures import MultiDict

from app.content.communes import MAX_CHOICES, Commune
from app.extensions import charter, communes
from app.french import typeset
from app.models import Role
from app.register.queries import Cursor, Order, Search
from app.text import clean_line
from app.web.template_filters import public_url

#: What may follow « qualite= », as it is offered.
ROLES = {
    "candidat": ("Candidates et candidats", {Role.HEAD_OF_LIST, Role.LIST_MEMBER}),
    "tete-de-liste": ("Têtes de liste", {Role.HEAD_OF_LIST}),
    "colistier": ("Colistières et colistiers", {Role.LIST_MEMBER}),
    "elu": ("Élues et élus", {Role.ELECTED}),
}
FIELDS = ("nom", "commune", "epci", "arrondissement", "qualite", "engagement", "tri")
#: The longest text that a field takes.
LONGEST = 80


@dataclass(frozen=True)
class Asked:
    """A search, with the words it was typed in."""

    typed: Mapping[str, str]
    search: Search
    commune: Commune | None = None
    #: The communes that may have been meant, where it was none or several.
    choices: Sequence[Commune] = ()
    #: Why nothing can be listed, in French.
    problem: str | None = None
    #: Whether an address asks for what is not there: no page of ours leads to it.
    lost: bool = False

    @cached_property
    def words(self) -> str:
        """What is asked for, as a title says it."""
        told = [f"« {clean_line(self.typed['nom'])} »"] if self.typed["nom"] else []
        told += [self.commune.name] if self.commune else []
        for choice in choices():
            told += [words for key, words in choice.options if key == self.criteria.get(choice.name)]
        return typeset(", ".join(told))

    @property
    def is_detailed(self) -> bool:
        """Whether more than a name and a commune is asked for."""
        return any(self.typed[name] for name in FIELDS[2:])

    @property
    def is_narrow(self) -> bool:
        """Whether less than the whole register is asked for."""
        return bool(self.criteria)

    @property
    def canonical(self) -> str:
        """The address by which search engines know this page: a commune and a commitment have their own."""
        asked = self.criteria.keys()
        if asked == {"commune"} and self.commune:
            return public_url("citizen.commune", insee=self.commune.insee)
        if asked == {"engagement"} and self.search.commitment:
            return public_url("citizen.commitment", number=self.search.commitment)
        return public_url("citizen.signatories")

    @property
    def is_indexable(self) -> bool:
        """Whether search engines may show this page: not where people are picked out by name or by list."""
        return not self.is_narrow or self.canonical != public_url("citizen.signatories")

    @property
    def criteria(self) -> dict[str, str]:
        """What is asked for, but its order: files and feeds have their own."""
        return {name: value for name, value in self.typed.items() if value and name != "tri"}

    def link(self, endpoint: str = "citizen.signatories", **others: Any) -> str:
        """Return the address of this search, or of another one beside it."""
        typed = {name: value for name, value in self.typed.items() if value}
        return url_for(endpoint, **{**typed, **others})


@dataclass(frozen=True)
class Choice:
    """One list to choose from."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]


@dataclass
class _Reader:
    typed: Mapping[str, str]
    wanted: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def read(self, name: str, attribute: str, known: Mapping[str, Any]) -> None:
        if value := self.typed[name]:
            self.wanted[attribute] = known.get(value)
            if value not in known:
                self.unknown.append(name)


def read_search(args: MultiDict[str, str]) -> Asked:
    """Read what an address asks for. Nothing is listed that was not asked for."""
    typed = {name: args.get(name, "").strip()[:LONGEST] for name in FIELDS}
    reader = _Reader(typed)
    reader.read("epci", "epci", {code: code for code in communes.epcis})
    reader.read("arrondissement", "district", {code: code for code in communes.districts})
    reader.read("engagement", "commitment", {str(c.number): c.number for c in charter.commitments})
    reader.read("qualite", "roles", {name: frozenset(roles) for name, (_, roles) in ROLES.items()})
    reader.read("tri", "order", {order.value: order for order in Order})
    if reader.unknown:
        return Asked(typed, Search(), problem="Cette recherche n’existe pas ici.", lost=True)
    search = Search(**reader.wanted, name=typed["nom"])
    if typed["nom"] and not search.key:
        return Asked(typed, search, problem="Écrivez au moins une lettre du nom.")
    if not typed["commune"]:
        return Asked(typed, search)
    found = communes.search(typed["commune"])
    if len(found) == 1:
        return Asked(typed, Search(**reader.wanted, name=typed["nom"], commune=found[0].insee), found[0])
    if len(found) > MAX_CHOICES:
        return Asked(typed, search, problem="Trop de communes correspondent : écrivez le nom en entier.")
    if found:
        return Asked(typed, search, choices=found, problem="Quelle commune cherchez-vous ?")
    problem = (
        f"Aucune commune de ce nom ici ({charter.territory.name}). "
        "Essayez son nom complet ou son code postal."
    )
    return Asked(typed, search, choices=communes.suggest(typed["commune"]), problem=problem)


def choices() -> list[Choice]:
    """Return what a search is narrowed by, as it is offered."""
    areas = (communes.epcis.values(), communes.districts.values())
    epcis, districts = ([(area.code, area.name) for area in each] for each in areas)
    roles = [(value, words) for value, (words, _) in ROLES.items()]
    commitments = [(str(c.number), f"{c.number}. {c.label}") for c in charter.commitments]
    return [
        Choice("epci", "Intercommunalité", [("", "Toutes"), *epcis]),
        Choice("arrondissement", "Arrondissement", [("", "Tous"), *districts]),
        Choice("qualite", "Qualité", [("", "Toutes"), *roles]),
        Choice("engagement", "Engagement pris", [("", "Tous"), *commitments]),
        Choice("tri", "Ordre", [("", "Par date"), ("nom", "Par nom")]),
    ]


def read_cursor(args: MultiDict[str, str]) -> Cursor | None:
    """Read the place from which a list goes on, or back. Raises: ValueError."""
    for name in ("apres", "avant"):
        if name in args:
            return Cursor.read(args[name], backwards=name == "avant")
    return None
