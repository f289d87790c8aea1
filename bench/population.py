"""A population that signs: invented, realistic in number and spelling, the same for the same seed."""

import csv
import math
import random
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, product
from pathlib import Path
from typing import Any, NamedTuple

from app.models import Role

COMMUNES = Path(__file__).parents[1] / "app/content/communes.csv"

#: How many of a hundred take each commitment. The last is the rare one that a filter must find.
POPULARITY = (95, 88, 82, 75, 68, 62, 55, 45, 35, 1)
ROLES = {Role.HEAD_OF_LIST: 20, Role.LIST_MEMBER: 60, Role.ELECTED: 20}
#: Which part of them names a list.
LISTED = {Role.HEAD_OF_LIST: 1, Role.LIST_MEMBER: 0.95, Role.ELECTED: 0.4}

#: The most frequent first: so many of one, half as many of the second, a third… (Zipf).
FAMILIES = """
    Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux
    David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure
    André Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin Clément
    Morin Nicolas Henry Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire Noël Meyer
    Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud Martínez Gérard
    Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud Dumas Lacroix
    Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc Payet Rolland Leclercq Guillaume Lecomte López Jean
    Dupuy Guillot Hubert Berger Carpentier Sánchez Dupuis Moulin Louis Deschamps Huet Vasseur Pérez Boucher
    Fleury Royer Klein Jacquet Adam Paris Poirier Marty Aubry Guyot Carré Charles Renault Charpentier Ménard
    Maillard Baron Bertin Bailly Hervé Schneider Fernández Collet Léger Bouvier Julien Prévost Millet Perrot
    Daniel Cousin Germain Breton Besson Langlois Rémy Pelletier Lévêque Perez Lebrun Barré Lebon Œuvrard
    Nguyễn Kowalski N’Diaye Benali Da-Silva Şahin D’Ornano O’Connor
""".split()
ROOTS = """
    Bou Cha Del Font Lac Mon Vill Ber Cass Dor Gou Lag Mar Pey Roch Sal Tey Val Beau Bar Cour Dau Fau Gra Hau
    Lab Mau Nou Par Que Rab Sou Tour Ver Bor Cham Des Es Fra Gar Jou Lav Mer Pou Rou Sar Treil Vign Bug Cad
""".split()
ENDINGS = """
    ac ard at aud ault aux ay eau el elle enet er erie et ette eyrie eyrol ez iac iat ier ière igne in ines
    on onie ot ou oud our ousse oux uel uche ulié urel erac essac arie amy ande anges èves ois ène
""".split()
WOMEN = """
    Marie Nathalie Isabelle Sylvie Catherine Martine Christine Françoise Valérie Sandrine Stéphanie
    Véronique Sophie Céline Chantal Patricia Anne Brigitte Julie Monique Aurélie Laurence Nicole Annie
    Émilie Jacqueline Hélène Virginie Corinne Élodie Dominique Camille Caroline Laura Léa Sarah Pauline
    Manon Claire Florence Karine Mélanie Audrey Delphine Danielle Michèle Béatrice Agnès Évelyne Cécile
    Lucie Emma Chloé Zoé Maïwenn Inès Fatima Anaïs Geneviève Élisabeth Solène Noémie Gaëlle Agathe Odile
    Ghislaine Ana Yasmina Maëlle Éva
""".split()
MEN = """
    Jean Philippe Michel Alain Patrick Nicolas Christophe Pierre Christian Éric Frédéric Laurent Stéphane
    David Pascal Daniel Julien Thierry Olivier Bernard Thomas Alexandre Gérard Didier Dominique Vincent
    François Bruno Guillaume Jérôme Jacques Marc Maxime Romain Claude Antoine Franck Jean-Pierre Anthony
    Gilles Kévin Cédric Serge André Mathieu Benjamin Patrice Fabrice Joël Jérémy Clément Arnaud Denis Paul
    Lucas Hervé Jean-Claude Sylvain Yves Ludovic Guy Florian Damien Alexis Mickaël Quentin Emmanuel Louis
    Benoît Jean-Luc Fabien Loïc Francis Hugo Grégory Xavier Théo René Roger Raphaël Mohamed Gaël Łukasz Loïs
    Anaël Barthélemy Côme
""".split()
PARTICLES = ("de ", "du ", "d’", "de la ", "Le ", "La ", "Van den ", "El ", "Saint-")
LISTS = (
    "Ensemble pour {}",
    "{} en commun",
    "Agir pour {}",
    "{}, une commune vivante et solidaire",
    "Le Printemps de {}",
    "Bien vivre à {}",
    "{} autrement : écologie, coopération et services publics pour toutes et tous",
)

#: The campaign, its days weighed: it grows, Sundays are quiet, and five days see a burst.
OPENS = datetime(2026, 1, 12, tzinfo=UTC)
DAYS = 60
BURSTS = {1: 12, 17: 8, 31: 15, 45: 6, 58: 25}
HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 16, 14, 12, 14, 16, 15, 14, 16, 20, 22, 24, 20, 10, 4)

CHUNK = 10_000


class Person(NamedTuple):
    """Somebody who has signed and confirmed."""

    id: int
    code: str
    given_name: str
    family_name: str
    role: Role
    list_name: str | None
    commune: str
    email: str
    created_at: datetime
    confirmed_at: datetime
    #: Commitment → when it was taken.
    taken: dict[int, datetime]
    indexable: bool = True


def people(count: int, seed: int = 2026) -> Iterator[Person]:
    """Yield so many people, in the order in which they came."""
    chance = random.Random(seed)
    lists = {insee: _lists(name, size) for insee, name, size in communes()}
    draws = _Draws(chance)
    slots = list(accumulate(_weights_of_hours()))
    sizes = [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
    for start, size in zip(range(0, count, CHUNK), sizes, strict=True):
        drawn = zip(
            draws.given_names(size),
            draws.family_names(size),
            draws.roles(size),
            draws.homes(size),
            draws.numbers(size),
            strict=True,
        )
        for index, (given_name, family_name, role, insee, numbers) in enumerate(drawn, start):
            created_at = _moment(slots, (index + chance.random()) / count)
            # Most open the letter at once; some find it days later.
            minutes = chance.expovariate(1 / 8) if chance.random() < 0.9 else 6000 * chance.random()
            confirmed_at = created_at + timedelta(minutes=1 + minutes)
            taken = dict.fromkeys(numbers, confirmed_at)
            if chance.random() < 0.1:  # thought again
                taken[chance.choice(numbers)] = confirmed_at + timedelta(days=5 * chance.random())
            yield Person(
                id=index + 1,
                code=f"{chance.getrandbits(80):020x}",
                given_name=given_name,
                family_name=family_name,
                role=role,
                list_name=chance.choice(lists[insee]) if chance.random() < LISTED[role] else None,
                commune=insee,
                email=f"personne{index + 1}@exemple.fr",
                created_at=created_at,
                confirmed_at=confirmed_at,
                taken=taken,
            )


class _Draws:
    """Draws many of each thing at once: one at a time would take three times as long."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.women = _urn({name: 1 / (rank + 4) for rank, name in enumerate(WOMEN)})
        self.men = _urn({name: 1 / (rank + 4) for rank, name in enumerate(MEN)})
        self.families = _urn(_weights_of_families())
        self.insee = _urn({insee: size for insee, _, size in communes()})
        self.masks = _urn(_weights_of_sets())

    def draw(self, urn: tuple[list[Any], list[float]], size: int) -> list[Any]:
        """Draw, and put back, so many times."""
        things, weights = urn
        return self.chance.choices(things, cum_weights=weights, k=size)

    def homes(self, size: int) -> list[str]:
        """Draw where people live."""
        return self.draw(self.insee, size)

    def numbers(self, size: int) -> list[tuple[int, ...]]:
        """Draw the commitments taken, one at least."""
        return self.draw(self.masks, size)

    def roles(self, size: int) -> list[Role]:
        """Draw what people are in the election."""
        return self.chance.choices(list(ROLES), list(ROLES.values()), k=size)

    def given_names(self, size: int) -> list[str]:
        """Draw given names: one in twelve is made of two."""
        both = zip(self.draw(self.women, size), self.draw(self.men, size), strict=True)
        kinds = self.chance.choices(range(3), (48, 48, 4), k=size)
        second = self.draw(self.women, size)
        return [
            (woman, man, f"Marie-{other}" if len(woman) % 2 else f"Jean-{man}")[kind]
            for (woman, man), other, kind in zip(both, second, kinds, strict=True)
        ]

    def family_names(self, size: int) -> list[str]:
        """Draw family names: some have a particle, some are two, with or without a hyphen."""
        first, second = self.draw(self.families, size), self.draw(self.families, size)
        kinds = self.chance.choices(range(4), (92, 3, 3, 2), k=size)
        particles = self.chance.choices(PARTICLES, k=size)
        return [
            (one, particle + one, f"{one}-{other}", f"{one} {other}")[kind]
            for one, other, particle, kind in zip(first, second, particles, kinds, strict=True)
        ]


def _urn(weights: dict[Any, float]) -> tuple[list[Any], list[float]]:
    return list(weights), list(accumulate(weights.values()))


def _weights_of_families() -> dict[str, float]:
    """Give half of the people a name that everybody knows, and half one of two thousand others."""
    others = ["".join(parts) for parts in product(ROOTS, ENDINGS)]
    random.Random(0).shuffle(others)
    known = {name: 1 / (rank + 10) for rank, name in enumerate(FAMILIES)}
    rare = {name: 1 / (rank + 100) for rank, name in enumerate(others)}
    scale = sum(known.values()) / sum(rare.values())
    return {name: weight * scale for name, weight in rare.items()} | known


def _weights_of_sets() -> dict[tuple[int, ...], float]:
    """Return how often each set of commitments is taken, if each is taken whatever the others."""
    sets = {}
    for taken in product((True, False), repeat=len(POPULARITY)):
        chances = [p if t else 100 - p for t, p in zip(taken, POPULARITY, strict=True)]
        sets[tuple(n for n, t in enumerate(taken, 1) if t)] = math.prod(chances)
    del sets[()]
    return sets


def _weights_of_hours() -> list[float]:
    """Weigh each hour of the campaign, one after the other."""
    days = [(1 + day / 20) * (0.4 if day % 7 == 6 else 1) * BURSTS.get(day, 1) for day in range(DAYS)]
    return [day * hour for day, hour in product(days, HOURS)]


def _moment(slots: list[float], share: float) -> datetime:
    """Return when that share of all people had come."""
    reached = share * slots[-1]
    hour = bisect(slots, reached)
    before = slots[hour - 1] if hour else 0
    return OPENS + timedelta(hours=hour + (reached - before) / (slots[hour] - before))


def communes() -> list[tuple[str, str, int]]:
    """Return the code, the name and the population of each commune."""
    with COMMUNES.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [(row["code_insee"], row["nom"].replace("'", "’"), int(row["population"])) for row in rows]


def _lists(commune: str, size: int) -> list[str]:
    """Return the lists that stand in a commune: one in a village, seven in the largest towns."""
    many = 1 + sum(size >= step for step in (500, 1500, 3500, 7000, 15000, 25000))
    return [LISTS[(size + index) % len(LISTS)].format(commune)[:80] for index in range(many)]
