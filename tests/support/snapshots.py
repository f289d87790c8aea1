"""Invented certificates, each the same for the same index."""

import random
from datetime import date, timedelta
from pathlib import Path

from app.certificates.numbers import ALPHABET
from app.certificates.snapshot import Snapshot
from app.content.charter import load_charter

CHARTER = load_charter(Path(__file__).parents[2] / "app/content/charter.toml")
GIVEN = ("Zoë", "Élodie", "Łukasz", "Nguyễn", "Jean-Baptiste", "Ana", "Œdipe", "Ελένη", "Ґанна")
FAMILIES = ("Martin", "Œuvrard-Łukasiewicz", "Vandenbroucke-Delahousse", "Lé", "Şahin", "D’Ornano")
LISTS = (
    None,
    "Le Printemps des communs",
    "Ensemble pour une commune vivante, solidaire et citoyenne avec nous",
)
COMMUNES = (
    ("Le Bugue", "au Bugue"),
    ("Sarlat-la-Canéda", "à Sarlat-la-Canéda"),
    ("Les Eyzies", "aux Eyzies"),
)


def random_snapshot(index: int) -> Snapshot:
    """Return the snapshot of an invented signature.

    Commitments are dated by the confirmation, on one of twenty days; one in ten was taken on another day.
    """
    chance = random.Random(index)
    number = "-".join("".join(chance.choices(ALPHABET, k=4)) for _ in range(3))
    commune, at = chance.choice(COMMUNES)
    numbers = sorted(chance.sample(range(1, 11), chance.choice((1, 4, 7, 10, 10))))
    day = chance.randrange(20)
    days = {n: chance.randrange(20) if chance.random() < 0.1 else day for n in numbers}
    return Snapshot(
        number=number,
        issued_on=date(2026, 3, 2),
        url=f"https://charte.example/verifier/{number}",
        edition=CHARTER.edition,
        campaign=CHARTER.campaign.name,
        title=CHARTER.title,
        organisation=CHARTER.organisation,
        commitments=CHARTER.commitments,
        full_name=f"{chance.choice(GIVEN)} {chance.choice(FAMILIES)}",
        role=chance.choice(("tête de liste", "colistier·ère")),
        list_name=chance.choice(LISTS),
        insee="24067",
        commune=commune,
        at=at,
        taken={number: date(2026, 2, 1) + timedelta(days=days[number]) for number in numbers},
    )
