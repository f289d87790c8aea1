"""All that is held of somebody, downloaded by nobody else."""

import json
import re
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import pytest
from sqlalchemy import select

from app.clock import now
from app.extensions import db
from app.models import (
    Base,
    ConsentPurpose,
    Deed,
    Letter,
    LetterKind,
    LetterState,
    Signature,
    Status,
    UTCDateTime,
)
from app.signatures.personal_data import FRENCH, all_held
from tests.support.journeys import ELODIE, change, come_back, confirm, sign, signed_and_confirmed
from tests.support.mailbox import link_in
from tests.support.visitor import Visitor

#: The columns that the file leaves out, and why.
INTERNAL = "counts rows: it tells nothing about the person"
LEFT_OUT = {
    "signature.id": INTERNAL,
    "signature.merged_into_id": INTERNAL + "; the merged ones are in signatures_jointes",
    "signature.to_list": INTERNAL + ": whether its line in the register is to be written anew",
    "signature.name_key": "the name once more, without case and accents",
    "pledge.signature_id": INTERNAL,
    "consent.id": INTERNAL,
    "consent.signature_id": INTERNAL,
    "certificate.id": INTERNAL,
    "certificate.signature_id": INTERNAL,
    "certificate.pdf": "a file of its own, downloaded beside",
    "letter.id": INTERNAL,
    "letter.signature_id": INTERNAL,
    "letter.message_key": "would let somebody else's letter pass for a copy of ours",
    "event.id": INTERNAL,
    "event.signature_id": INTERNAL,
    "deed.id": INTERNAL,
    "deed.code": INTERNAL + ": the code of the signature once more",
    "deed.who": "the name of an organiser, who is another person",
}
HOLD_SOMETHING = {"signature", "pledge", "consent", "certificate", "letter", "event", "deed"}
#: Tables that hold nothing of somebody who signed, and why.
HOLD_NOTHING = {
    "entry": "what the register shows of a signature: its own columns once more",
    "spelling": "its name once more, to be searched",
    "tally": "counts of signatures",
    "revision": "when the register changed",
    "job": "the nightly jobs",
}
COLUMNS = [column for table in Base.metadata.sorted_tables for column in table.columns]
PATH = "/ma-signature/donnees.json"


@pytest.fixture
def own(app, candidate, deliver, mailbox, later):
    """Somebody of whom every table holds something, and who signed twice."""
    signed_and_confirmed(candidate, deliver, mailbox, contact="y").submit("#certificat form")
    again = Visitor(app)
    later(days=1)
    sign(again, 5)
    deliver()
    confirm(again, mailbox)
    deliver()
    come_back(candidate, deliver, mailbox)
    return change(candidate, 1)


def read(visitor):
    return json.loads(visitor.open(PATH).response.text)


def test_what_it_says(own, candidate, app):
    held = read(candidate)
    charter = app.extensions["charter"]
    assert (held["prenom"], held["nom"], held["liste"]) == ("Élodie", "Martin", "Ensemble pour demain")
    assert (held["qualite"], held["etat"]) == ("tête de liste", "confirmée")
    assert held["commune"] == {"insee": "24520", "nom": "Sarlat-la-Canéda"}
    assert held["adresse"] == ELODIE["email"]
    assert {e["numero"]: e["texte"] for e in held["engagements"]} == {
        n: charter.commitment(n).text for n in (3, 4, 5)
    }
    assert all(datetime.fromisoformat(e["pris_le"]).tzinfo for e in held["engagements"])
    consents = {consent["objet"]: consent for consent in held["consentements"]}
    assert consents.keys() == {"publication", "contact"}
    assert "publi" in consents["publication"]["termes"]
    assert consents["publication"]["edition"] == held["edition"] == charter.edition
    assert {letter["nature"] for letter in held["courriels"]} == {
        "demande de confirmation",
        "confirmée",
        "lien d’accès",
    }
    assert {letter["etat"] for letter in held["courriels"]} == {"envoyé"}
    assert {letter["adresse"] for letter in held["courriels"]} == {ELODIE["email"]}
    certificate, after = held["certificats"]
    assert after["contenu"]["taken"].keys() == {"1", "3", "4", "5"}
    assert re.fullmatch(r"\w{4}-\w{4}-\w{4}", certificate["numero"])
    assert len(certificate["sha256"]) == 64
    assert certificate["contenu"]["taken"].keys() == {"1", "3", "4"}
    done = [(event["quoi"], event["engagement"]) for event in held["journal"]]
    assert ("engagement rendu", 1) in done
    assert ("engagement pris", 5) in done
    (merged,) = held["signatures_jointes"]
    assert (merged["etat"], [e["numero"] for e in merged["engagements"]]) == ("jointe à une autre", [5])


def test_it_is_a_file_that_no_cache_keeps(own, candidate):
    response = candidate.open(PATH).response
    assert response.mimetype == "application/json"
    assert response.headers["Content-Disposition"] == "attachment; filename=ma-signature.json"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "Élodie" in response.text, "to be read by people too"


def test_it_is_for_its_owner_alone(own, candidate, citizen, deliver, mailbox, later):
    signed_and_confirmed(citizen, deliver, mailbox, given_name="Marc", email="marc@example.org")
    assert read(citizen)["prenom"] == "Marc"
    assert ELODIE["email"] not in citizen.open(PATH).response.text
    later(minutes=31)
    for visitor in (candidate, citizen):
        assert visitor.open(PATH).url == "/retrouver"


def test_a_draft_opens_nothing(candidate):
    sign(candidate)
    assert candidate.open(PATH).url == "/retrouver"


def test_no_secret_in_it(own, app, candidate, mailbox):
    text = candidate.open(PATH).response.text
    for letter in mailbox.letters:
        for kind in ("/confirmer/", "/acces/"):
            if kind in str(letter):
                assert link_in(letter, kind).rpartition("/")[2] not in text
    with app.app_context():
        for key in db.session.scalars(select(Letter.message_key)):
            assert key not in text


def another(value, column):
    """Return another value that the column may have."""
    kind = column.type.python_type
    if isinstance(column.type, UTCDateTime):
        return datetime(1999, 12, 31, tzinfo=UTC)
    if issubclass(kind, Enum):
        return next(member for member in kind if member is not value)
    if column.key == "commune":
        return "24067"
    return {str: "Autre", int: 99, bytes: b"autre"}.get(kind, {"autre": 1})


def test_no_column_is_forgotten(own, app):
    """What is held changes: so does the file, but for what is left out above."""
    with app.app_context(), db.session.no_autoflush:
        (signature,) = db.session.scalars(select(Signature).where(Signature.status == Status.CONFIRMED))
        deed = Deed(
            at=signature.created_at, who="anne", what="hide", code=signature.code, words="Une erreur."
        )
        db.session.add(deed)
        db.session.flush()
        rows = {
            "deed": deed,
            "signature": signature,
            "pledge": signature.pledges[3],
            "consent": signature.consents[0],
            "certificate": signature.certificates[0],
            "letter": signature.letters[0],
            "event": signature.events[-1],
        }
        assert rows.keys() == HOLD_SOMETHING
        before = json.dumps(all_held(signature))
        told = set()
        for column in COLUMNS:
            if column.table.name in HOLD_NOTHING or LEFT_OUT.get(str(column), "").startswith(INTERNAL):
                continue
            row, value = rows[column.table.name], getattr(rows[column.table.name], column.key)
            setattr(row, column.key, another(value, column))
            if str(column) == "pledge.number":
                signature.pledges[row.number] = signature.pledges.pop(value)
            if json.dumps(all_held(signature)) != before:
                told.add(str(column))
            setattr(row, column.key, value)
            if str(column) == "pledge.number":
                signature.pledges[value] = signature.pledges.pop(99)
        assert json.dumps(all_held(signature)) == before
        db.session.rollback()
    held = {str(column) for column in COLUMNS if column.table.name not in HOLD_NOTHING}
    assert told == held - LEFT_OUT.keys()


def test_every_table_is_told_of_or_left_out():
    assert LEFT_OUT.keys() <= {str(column) for column in COLUMNS}
    assert HOLD_SOMETHING | HOLD_NOTHING.keys() == Base.metadata.tables.keys()


@pytest.mark.parametrize("kind", [Status, LetterKind, LetterState, ConsentPurpose])
def test_every_code_is_said_in_french(kind):
    assert {member.value for member in kind} <= FRENCH.keys()


def test_every_event_is_said_in_french(own, app):
    written = set()
    for path in (Path(__file__).parents[2] / "app").rglob("*.py"):
        written |= set(re.findall(r'Event\(\s*"([a-z-]+)"', path.read_text()))
        written |= set(re.findall(r'Event\("[a-z-]+" if \w+ else "([a-z-]+)"', path.read_text()))
    nobodys = {"access-asked", "denied"}
    assert len(written) >= 5
    assert written - nobodys <= FRENCH.keys()


def test_the_document_tells_every_word(own, app, candidate):
    with app.app_context():
        code = db.session.scalar(select(Signature.code).where(Signature.status == Status.CONFIRMED))
        db.session.add(Deed(at=now(), who="anne", what="hide", code=code, words="Une erreur."))
        db.session.commit()

    def words(value):
        if isinstance(value, dict):
            yield from value
            yield from words([inside for key, inside in value.items() if key != "contenu"])
        elif isinstance(value, list):
            for inside in value:
                yield from words(inside)

    text = (Path(__file__).parents[2] / "docs/donnees.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z0-9_]+)`", text.replace("ma-signature.json", "")))
    assert told - {"null"} == set(words(read(candidate)))


def test_the_page_leads_to_it(own, candidate):
    assert own["#contact a[href$='.json']"]["href"] == PATH
