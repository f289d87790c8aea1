"""Who the certificates of a measurement are for, and what these say."""

import random
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import StrictUndefined

from app.certificates.numbers import ALPHABET
from app.certificates.pdf import certificate_rows, certificate_values
from app.certificates.snapshot import Snapshot
from app.content.charter import load_charter

ROOT = Path(__file__).parents[1]
CHARTER = load_charter(ROOT / "app/content/charter.toml")

FIRST_NAMES = (
    "Zoë",
    "Élodie",
    "Łukasz",
    "Nguyễn",
    "Jean-Baptiste",
    "Ana",
    "Maïwenn",
    "Œdipe",
    "Ελένη",
    "Ґанна",
)
FAMILIES = ("Martin", "Œuvrard-Łukasiewicz", "Vandenbroucke-Delahousse", "Lé", "Şahin", "D’Ornano", "Petit")
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


def application() -> Flask:
    """Make a small application that has our templates."""
    app = Flask("app", template_folder=ROOT / "templates")
    app.jinja_env.undefined = StrictUndefined
    return app


def person(index: int) -> Snapshot:
    """Invent a signature, the same for the same index.

    Commitments are dated by the confirmation, on one of twenty days; one in ten was taken on another day.
    """
    chance = random.Random(index)
    number = "-".join("".join(chance.choices(ALPHABET, k=4)) for _ in range(3))
    commune, at = chance.choice(COMMUNES)
    numbers = sorted(chance.sample(range(1, 11), chance.choice((1, 4, 7, 10, 10))))
    day = chance.randrange(20)
    taken = {n: chance.randrange(20) if chance.random() < 0.1 else day for n in numbers}
    return Snapshot(
        number=number,
        issued_on=date(2026, 3, 2),
        url=f"https://charte.example/verifier/{number}",
        edition=CHARTER.edition,
        campaign=CHARTER.campaign.name,
        title=CHARTER.title,
        organisation=CHARTER.organisation,
        commitments=CHARTER.commitments,
        full_name=f"{chance.choice(FIRST_NAMES)} {chance.choice(FAMILIES)}",
        role=chance.choice(("tête de liste", "colistier·ère")),
        list_name=chance.choice(LISTS),
        insee="24067",
        commune=commune,
        at=at,
        taken={number: date(2026, 2, 1) + timedelta(days=days) for number, days in taken.items()},
    )


def content(snapshot: Snapshot) -> dict[str, Any]:
    """Return all that the page says, with the sizes that names are set in: the peers need not find them."""
    values = certificate_values(snapshot)
    return {
        "title": values["title"],
        "number": snapshot.number,
        "charter": snapshot.title,
        "organisation": snapshot.organisation,
        "campaign": asdict(values["campaign"]),
        "names": [asdict(line) for line in values["names"]],
        "role": values["role"],
        "list_name": asdict(values["list_name"]) if values["list_name"] else None,
        "preposition": values["preposition"],
        "commune": asdict(values["commune"]),
        "count": values["count"],
        "rows": [
            {
                "number": row.commitment.number,
                "label": row.commitment.label,
                "rest": row.commitment.rest,
                "taken_on": row.taken_on,
            }
            for row in certificate_rows(snapshot)
        ],
        "issued_on": values["issued_on"],
        "url": asdict(values["url"]),
    }
