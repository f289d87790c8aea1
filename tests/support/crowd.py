"""Many people who signed, put into the database at once: the letters are tested elsewhere."""

import random
from datetime import UTC, datetime, timedelta

from flask import Flask

from app import create_app
from app.extensions import charter, communes, db
from app.models import Pledge, Role, Signature, Status, new_code
from app.text import fold

GIVEN = ("Élodie", "Jean-Pierre", "Marie", "Anne-Laure", "Karim", "Zoë", "Luc", "Maïwenn")
FAMILIES = (
    "Martin",
    "Dupont de La Roche",
    "N’Diaye",
    "Łukasiewicz",
    "Le Goff",
    "Petit",
    "Marie",
    "Faure-Roux",
)
LISTS = (None, "Ensemble pour demain", "Le printemps des communs", "Vivre au village")
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def person(index: int, **facts: object) -> Signature:
    """Invent a confirmed signature, the same for the same index; ``facts`` have the last word."""
    chance = random.Random(index)
    at = START + timedelta(minutes=index)
    signature = Signature(
        code=new_code(),
        status=Status.CONFIRMED,
        edition=charter.edition,
        given_name=chance.choice(GIVEN),
        family_name=chance.choice(FAMILIES),
        role=chance.choice(list(Role)),
        commune=chance.choice(list(communes)).insee,
        list_name=chance.choice(LISTS),
        email=f"person{index}@example.org",
        created_at=at,
        touched_at=at,
        confirmed_at=at,
        access_count=0,
        closed_count=0,
        indexable=True,
    )
    for name, value in facts.items():
        setattr(signature, name, value)
    signature.name_key = fold(signature.full_name)
    numbers = chance.sample(range(1, 11), chance.choice((1, 4, 7, 10)))
    for number in numbers if "pledges" not in facts else ():
        signature.pledges[number] = Pledge(number=number, taken_at=signature.confirmed_at)
    return signature


def app_on(database: str) -> Flask:
    """Make an application on the database of another one."""
    return create_app(
        {
            "SECRET_KEY": "a-secret-for-tests-that-is-long-enough",
            "SERVER_NAME": "localhost",
            "PREFERRED_URL_SCHEME": "http",
            "SQLALCHEMY_DATABASE_URI": database,
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_DEFAULT_SENDER": "charte@example.org",
            "RATELIMIT_ENABLED": False,
        }
    )


def fill(app: Flask, count: int, **facts: object) -> list[str]:
    """Have so many people sign, one a minute, and return their codes, the newest first."""
    with app.app_context():
        people = [person(index, **facts) for index in range(count)]
        db.session.add_all(people)
        db.session.commit()
        return [signature.code for signature in reversed(people)]
