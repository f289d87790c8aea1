"""The steps that many tests begin with, taken as a person takes them."""

from flask import Flask

from app.clock import now
from app.extensions import communes, db
from app.models import Pledge, Role
from tests.support import crowd
from tests.support.mailbox import Mailbox, link_in
from tests.support.visitor import Page, Visitor

ELODIE = {
    "given_name": "Élodie",
    "family_name": "Martin",
    "role": "tete-de-liste",
    "commune": "Sarlat-la-Canéda",
    "list_name": "Ensemble pour demain",
    "email": "elodie.martin@example.org",
    "publication": "y",
}


def tick(visitor: Visitor, *numbers: int, path: str = "/") -> Page:
    """Take commitments on the charter page, or on another page that lists them: those not taken yet."""
    page = visitor.open(path)
    for number in numbers:
        if page[f"#prendre-{number}"]["aria-checked"] == "false":
            page = page.submit(f"#prendre-{number}")
    return page


def change(visitor: Visitor, *numbers: int) -> Page:
    """Press on commitments of the signature that is open, one after the other; return « Ma signature »."""
    page = visitor.open("/ma-signature/engagements")
    for number in numbers:
        page = page.submit(f"#prendre-{number}")
    return visitor.open("/ma-signature")


def sign(visitor: Visitor, *numbers: int, **changes: str | None) -> Page:
    """Tick, then say who signs."""
    tick(visitor, *numbers or (1, 3, 4))
    return visitor.open("/signer").submit(".form", **{**ELODIE, **changes})


def confirm(visitor: Visitor, mailbox: Mailbox) -> Page:
    """Open the confirmation link of the last letter received, tick the box, press the button."""
    page = visitor.open(link_in(mailbox.letters[-1], "/confirmer/"))
    return page.submit(".form", agreed="y")


def come_back(visitor: Visitor, deliver, mailbox: Mailbox, email: str = ELODIE["email"]) -> Page:
    """Ask for an access link, receive it, use it."""
    visitor.open("/retrouver").submit(".form", email=email)
    deliver()
    return visitor.open(link_in(mailbox.letters[-1], "/acces/")).submit("main form")


def signed_and_confirmed(
    visitor: Visitor, deliver, mailbox: Mailbox, *numbers: int, **changes: str | None
) -> Page:
    """Go the whole way; both letters have arrived."""
    sign(visitor, *numbers, **changes)
    deliver()
    page = confirm(visitor, mailbox)
    assert page.url == "/ma-signature", page.text()
    deliver()
    return page


def withdraw(visitor: Visitor) -> Page:
    """Withdraw the signature that is open, and confirm it."""
    return visitor.open("/ma-signature").open_link("/ma-signature/retirer").submit("main form")


def listed(app: Flask, *numbers: int, **changes: str) -> str:
    """Put a confirmed signature where the whole way would have; return its code."""
    facts = {**ELODIE, **changes}
    with app.app_context():
        (commune,) = communes.search(facts["commune"])
        signature = crowd.person(
            0,
            given_name=facts["given_name"],
            family_name=facts["family_name"],
            role=Role(facts["role"]),
            commune=commune.insee,
            list_name=facts["list_name"],
            email=facts["email"],
            confirmed_at=now(),
            pledges={number: Pledge(number=number, taken_at=now()) for number in numbers},
        )
        db.session.add(signature)
        db.session.commit()
        return signature.code
