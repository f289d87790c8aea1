"""All that is held of one person, for themselves to read and take elsewhere (RGPD, art. 15 and 20).

`docs/donnees.md` tells each word of it, in French. A column that is left out has its reason in
``tests/signatures/test_personal_data.py``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import select

from app.certificates.issue import load_snapshot
from app.extensions import charter, communes, db
from app.models import Certificate, Consent, Deed, Event, Letter, Signature

#: What the codes of the database say; a code that is not here is given as it is.
FRENCH = {
    # status
    "pending": "à confirmer",
    "confirmed": "confirmée",
    "merged": "jointe à une autre",
    "withdrawn": "retirée",
    # letters: kind, then state
    "confirm": "demande de confirmation",
    "access": "lien d’accès",
    "move": "demande de changement d’adresse",
    "moving": "annonce de changement d’adresse",
    "hidden": "signature masquée",
    "hide": "signature masquée",
    "restore": "signature publiée de nouveau",
    "withdraw": "signature retirée",
    "restored": "signature publiée de nouveau",
    "seal": "échéance du sceau",
    "job": "tâche en échec",
    "waiting": "en attente",
    "sent": "envoyé",
    "refused": "refusé",
    "void": "sans objet",
    "denied": "refus du destinataire",
    # consents
    "contact": "contact",
    "publication": "publication",
    # the journal
    "signed": "signature demandée",
    "corrected": "signature corrigée",
    "taken": "engagement pris",
    "released": "engagement rendu",
    "move-asked": "changement d’adresse demandé",
    "moved": "adresse changée",
    "move-refused": "changement d’adresse refusé",
    "contact-agreed": "contact accepté",
    "contact-refused": "contact refusé",
    "indexing-agreed": "moteurs de recherche acceptés",
    "indexing-refused": "moteurs de recherche refusés",
    "opened": "lien d’accès utilisé",
    "certified": "certificat établi",
}


def all_held(signature: Signature) -> dict[str, Any]:
    """Return all that is held of the person who signed, ready for JSON; times are in UTC, ISO 8601."""
    texts = _texts(signature)
    commune = communes.get_or_placeholder(str(signature.commune))
    return {
        "code": signature.code,
        "etat": _french(signature.status),
        "edition": signature.edition,
        "prenom": signature.given_name,
        "nom": signature.family_name,
        "qualite": signature.role.label if signature.role else None,
        "commune": {"insee": signature.commune, "nom": commune.name},
        "liste": signature.list_name,
        "adresse": signature.email,
        "nouvelle_adresse": signature.new_email,
        "ancienne_adresse": signature.former_email,
        "commencee_le": _time(signature.created_at),
        "changee_le": _time(signature.touched_at),
        "confirmee_le": _time(signature.confirmed_at),
        "retiree_le": _time(signature.withdrawn_at),
        "moteurs_de_recherche": signature.indexable,
        "sessions_fermees": signature.closed_count,
        "masquee_le": _time(signature.hidden_at),
        "masquee_parce_que": signature.hidden_reason,
        "demandes_de_confirmation": signature.confirm_count,
        "liens_utilises": signature.access_count,
        "engagements": [
            {"numero": number, "texte": texts.get(number), "pris_le": _time(pledge.taken_at)}
            for number, pledge in sorted(signature.pledges.items())
        ],
        "consentements": [_consent(consent) for consent in signature.consents],
        "courriels": [_letter(letter) for letter in signature.letters],
        "certificats": [_certificate(certificate) for certificate in signature.certificates],
        "actes_de_l_organisation": [_deed(deed) for deed in _find_deeds(signature)],
        "journal": [_event(event) for event in signature.events],
        "signatures_jointes": [all_held(merged) for merged in signature.merged],
    }


def _texts(signature: Signature) -> Mapping[int, str]:
    """Return the words that were signed: the charter's, or those of a certificate of a former edition."""
    if signature.edition in (None, charter.edition):
        return {c.number: c.text for c in charter.commitments}
    former = (load_snapshot(certificate) for certificate in signature.certificates if certificate.content)
    said = next((snapshot for snapshot in former if snapshot.edition == signature.edition), None)
    return {c.number: c.text for c in said.commitments} if said else {}


def _consent(consent: Consent) -> dict[str, Any]:
    return {
        "objet": _french(consent.purpose),
        "termes": consent.wording,
        "edition": consent.edition,
        "donne_le": _time(consent.given_at),
    }


def _letter(letter: Letter) -> dict[str, Any]:
    return {
        "nature": _french(letter.kind),
        "etat": _french(letter.state),
        "adresse": letter.address,
        "ecrit_le": _time(letter.created_at),
        "a_envoyer_le": _time(letter.due_at),
        "envoye_le": _time(letter.sent_at),
        "essais": letter.attempts,
        "reponse": letter.trouble,
    }


def _certificate(certificate: Certificate) -> dict[str, Any]:
    return {
        "numero": certificate.number,
        "delivre_le": _time(certificate.issued_at),
        "sha256": certificate.sha256,
        "contenu": certificate.content,
    }


def _find_deeds(signature: Signature) -> Iterable[Deed]:
    return db.session.scalars(select(Deed).where(Deed.code == signature.code).order_by(Deed.id))


def _deed(deed: Deed) -> dict[str, Any]:
    return {"le": _time(deed.at), "quoi": FRENCH.get(deed.what, deed.what), "motif": deed.words}


def _event(event: Event) -> dict[str, Any]:
    return {"le": _time(event.at), "quoi": FRENCH.get(event.what, event.what), "engagement": event.number}


def _french(code: Enum) -> str:
    return FRENCH.get(code.value, str(code.value))


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
