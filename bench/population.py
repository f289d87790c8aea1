"""An invented population of signatories, realistic in number and spelling, the same in each run."""

import csv
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import accumulate, product
from pathlib import Path
from typing import NamedTuple

from app.models import Role

with (Path(__file__).parents[1] / "app/content/communes.csv").open(encoding="utf-8", newline="") as file:
    _communes = list(csv.DictReader(file))
#: INSEE code of a commune → its name, as the application typesets it.
COMMUNE_NAMES = {row["code_insee"]: row["nom"].replace("'", "’") for row in _communes}
INHABITANTS = {row["code_insee"]: float(row["population"]) for row in _communes}

#: How many of a hundred signatories take each commitment. The last one is rare: a filter must still be fast.
POPULARITY = (95, 88, 82, 75, 68, 62, 55, 45, 35, 1)
ROLES = {Role.HEAD_OF_LIST: 20, Role.LIST_MEMBER: 60, Role.ELECTED: 20}

#: The most frequent first (Zipf's law).
FAMILIES = """
    Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux
    David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure
    André Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin Clément
    Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud Dumas Lacroix
    Nguyễn Kowalski N’Diaye Benali Da-Silva Şahin D’Ornano O’Connor Œuvrard Lévêque Noël Marie Pérez Breton
""".split()
#: Together, two thousand rarer names.
ROOTS = """
    Bou Cha Del Font Lac Mon Vill Ber Cass Dor Gou Lag Mar Pey Roch Sal Tey Val Beau Bar Cour Dau Fau Gra Hau
    Lab Mau Nou Par Que Rab Sou Tour Ver Bor Cham Des Es Fra Gar Jou Lav Mer Pou Rou Sar Treil Vign Bug Cad
""".split()
ENDINGS = """
    ac ard at aud ault aux ay eau el elle enet er erie et ette eyrie eyrol ez iac iat ier ière igne in ines
    on onie ot ou oud our ousse oux uel uche ulié urel erac essac arie amy ande anges èves ois ène
""".split()
GIVEN = """
    Marie Jean Nathalie Philippe Isabelle Michel Sylvie Alain Catherine Patrick Martine Nicolas Christine
    Christophe Françoise Pierre Valérie Christian Sandrine Éric Stéphanie Frédéric Véronique Laurent Sophie
    Stéphane Céline David Chantal Pascal Anne Daniel Julie Julien Émilie Thierry Hélène Olivier Élodie Bernard
    Camille Thomas Léa Alexandre Zoé Gérard Maïwenn Łukasz Inès Mohamed Anaïs Jean-Pierre Solène Loïc Gaëlle
    Jean-Luc Agathe Hugo Odile Théo Marie-Christine Côme Éva Raphaël Noémie Jérôme Manon Maxime Claire Claude
""".split()
LISTS = ("Ensemble pour {}", "{} en commun", "Agir pour {}", "Le Printemps de {}", "Bien vivre à {}")
OPENS, DAYS = datetime(2026, 1, 12, tzinfo=UTC), 60


class Person(NamedTuple):
    """A signatory whose signature is confirmed; its names are those of `app.models.Signature`."""

    id: int
    code: str
    given_name: str
    family_name: str
    role: Role
    list_name: str | None
    commune: str  # INSEE code
    email: str
    confirmed_at: datetime
    #: Commitment → when it was taken.
    taken: dict[int, datetime]
    indexable: bool = True


class Urn:
    """Things drawn by their weights."""

    def __init__(self, chance: random.Random, weights: Mapping[str, float]) -> None:
        self.chance, self.things = chance, list(weights)
        self.weights = list(accumulate(weights.values()))

    def draw(self) -> str:
        """Return one thing, which stays in."""
        return self.chance.choices(self.things, cum_weights=self.weights)[0]


def people(count: int) -> Iterator[Person]:
    """Yield so many signatories, in the order of their confirmations."""
    chance = random.Random(2026)
    rare = ["".join(parts) for parts in product(ROOTS, ENDINGS)]
    chance.shuffle(rare)
    families = Urn(chance, _zipf(rare, 100) | _zipf(FAMILIES, 10))
    given = Urn(chance, _zipf(GIVEN, 10))
    homes = Urn(chance, INHABITANTS)
    roles, weights = list(ROLES), list(accumulate(ROLES.values()))
    for index in range(count):
        family_name = families.draw()
        if chance.random() < 0.08:  # a double name
            family_name += chance.choice("- ") + families.draw()
        insee = homes.draw()
        confirmed_at = OPENS + timedelta(days=DAYS * index / count)
        numbers = [n for n, percent in enumerate(POPULARITY, 1) if 100 * chance.random() < percent] or [1]
        yield Person(
            id=index + 1,
            code=f"{chance.getrandbits(80):020x}",
            given_name=given.draw(),
            family_name=family_name,
            role=chance.choices(roles, cum_weights=weights)[0],
            list_name=chance.choice(LISTS).format(COMMUNE_NAMES[insee])[:80]
            if chance.random() < 0.9
            else None,
            commune=insee,
            email=f"personne{index + 1}@exemple.fr",
            confirmed_at=confirmed_at,
            taken=dict.fromkeys(numbers, confirmed_at),
        )


def _zipf(names: list[str], offset: int) -> dict[str, float]:
    """Return the weights of names by their rank; those of all names together are 1."""
    weights = {name: 1 / (rank + offset) for rank, name in enumerate(names)}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
