"""The search form of the register: the same parameters for pages and for files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from flask import url_for
from werkzeug.datastructures import MultiDict

from app.content.communes import MAX_CHOICES, Commune
from app.extensions import charter, communes
from app.french import typeset
from app.models import Role
from app.register.queries import Order, Search
from app.text import clean_line
from app.web.template_filters import public_url

#: The values of "qualite", with their labels.
ROLES = {
    "candidat": ("Candidates et candidats", {Role.HEAD_OF_LIST, Role.LIST_MEMBER}),
    "tete-de-liste": ("Têtes de liste", {Role.HEAD_OF_LIST}),
    "colistier": ("Colistières et colistiers", {Role.LIST_MEMBER}),
    "elu": ("Élues et élus", {Role.ELECTED}),
}
FIELDS = ("nom", "commune", "epci", "arrondissement", "qualite", "engagement", "tri")
#: The most characters of a field.
MAX_CHARACTERS = 80


@dataclass(frozen=True)
class SearchForm:
    """The search form as a URL fills it."""

    #: The fields that are filled.
    typed: Mapping[str, str]
    search: Search = Search()
    commune: Commune | None = None
    #: The communes that the text may mean, if it is the name of none or of several.
    choices: Sequence[Commune] = ()
    #: Why there is no result, in French.
    problem: str | None = None
    #: Whether a parameter has a value that the form does not offer.
    is_unknown: bool = False

    @cached_property
    def words(self) -> str:
        """The criteria, in French, for a title."""
        words = [f"« {clean_line(self.typed['nom'])} »"] if "nom" in self.typed else []
        words += [self.commune.name] if self.commune else []
        words += [labels.get(self.typed.get(name, ""), "") for name, labels in read_options().items()]
        return typeset(", ".join(filter(None, words)))

    @property
    def is_detailed(self) -> bool:
        """Whether there are other criteria than a name and a commune."""
        return bool(self.typed.keys() - {"nom", "commune"})

    @property
    def canonical(self) -> str:
        """The canonical URL of the results: a commune and a commitment have a page of their own."""
        asked = self.criteria.keys()
        if asked == {"commune"} and self.commune:
            return public_url("citizen.commune", insee=self.commune.insee)
        if asked == {"engagement"} and self.search.commitment:
            return public_url("citizen.commitment", number=self.search.commitment)
        return public_url("citizen.signatories")

    @property
    def is_indexable(self) -> bool:
        """Whether search engines may show the results: not a selection of persons by name or by list."""
        return not self.criteria or self.canonical != public_url("citizen.signatories")

    @property
    def criteria(self) -> dict[str, str]:
        """The fields that are filled, except the order: files and feeds have their own."""
        return {name: value for name, value in self.typed.items() if name != "tri"}

    def link(self, **others: Any) -> str:
        """Return the URL of this search, with other parameters."""
        return url_for("citizen.signatories", **{**self.typed, **others})


def read_options() -> dict[str, dict[str, str]]:
    """Return the values and labels of each <select> of the form, except the order."""
    return {
        "epci": {area.code: area.name for area in communes.epcis.values()},
        "arrondissement": {area.code: area.name for area in communes.districts.values()},
        "qualite": {value: label for value, (label, _) in ROLES.items()},
        "engagement": {str(c.number): f"{c.number}. {c.label}" for c in charter.commitments},
    }


def read_search(args: MultiDict[str, str]) -> SearchForm:
    """Read the search form from the query parameters of a URL."""
    filled = ((name, args.get(name, "").strip()[:MAX_CHARACTERS]) for name in FIELDS)
    typed = {name: value for name, value in filled if value}
    options = {**read_options(), "tri": [order.value for order in Order]}
    if any(name in typed and typed[name] not in values for name, values in options.items()):
        return SearchForm(typed, problem="Cette recherche n’existe pas ici.", is_unknown=True)
    search = Search(
        name=typed.get("nom", ""),
        epci=typed.get("epci"),
        district=typed.get("arrondissement"),
        roles=frozenset(ROLES[typed["qualite"]][1] if "qualite" in typed else ()),
        commitment=int(typed["engagement"]) if "engagement" in typed else None,
        order=Order(typed.get("tri", Order.DATE)),
    )
    if "nom" in typed and not search.key:
        return SearchForm(typed, search, problem="Écrivez au moins une lettre du nom.")
    if "commune" not in typed:
        return SearchForm(typed, search)
    found = communes.search(typed["commune"])
    if len(found) == 1:
        return SearchForm(typed, replace(search, commune=found[0].insee), found[0])
    if len(found) > MAX_CHOICES:
        problem = "Trop de communes correspondent : écrivez le nom en entier."
        return SearchForm(typed, search, problem=problem)
    if found:
        return SearchForm(typed, search, choices=found, problem="Quelle commune cherchez-vous ?")
    problem = (
        f"Aucune commune de ce nom ici ({charter.territory.name}). "
        "Essayez son nom complet ou son code postal."
    )
    return SearchForm(typed, search, choices=communes.suggest(typed["commune"]), problem=problem)
