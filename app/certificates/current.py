"""A confirmed signature, as certificates and public pages show it."""

from datetime import datetime

from flask import url_for

from app.certificates.snapshot import Snapshot
from app.content.communes import Commune
from app.extensions import charter, communes
from app.french import paris_day
from app.models import Certificate, Entry, Signature


def commune_of(signature: Signature | Entry) -> Commune:
    """Return the commune; one that has left the file keeps its INSEE code for a name."""
    return communes.get_or_placeholder(str(signature.commune))


def snapshot(signature: Signature, number: str, at: datetime) -> Snapshot:
    """Return what a certificate of that number, issued at that moment, says of a confirmed signature."""
    assert signature.role is not None
    commune = commune_of(signature)
    return Snapshot(
        number=number,
        issued_on=paris_day(at),
        url=_address(number),
        edition=str(signature.edition),
        campaign=charter.campaign.name,
        title=charter.title,
        organisation=charter.organisation,
        commitments=charter.commitments,
        full_name=signature.full_name,
        role=signature.role.label,
        list_name=signature.list_name,
        insee=commune.insee,
        commune=commune.name,
        at=commune.at,
        taken={n: paris_day(pledge.taken_at) for n, pledge in signature.pledges.items()},
    )


def snapshot_of(certificate: Certificate) -> Snapshot:
    """Return what a certificate says, whatever has changed since; its signature must not be withdrawn."""
    assert certificate.content is not None
    return Snapshot.from_json(
        certificate.content,
        number=certificate.number,
        issued_on=paris_day(certificate.issued_at),
        url=_address(certificate.number),
    )


def standing_certificate(signature: Signature) -> Certificate | None:
    """Return the certificate that says what the signature says now, if one was issued."""
    return next((c for c in reversed(signature.certificates) if is_current(c)), None)


def is_current(certificate: Certificate) -> bool:
    """Whether a certificate says what its signature says now."""
    present = snapshot(certificate.signature, certificate.number, certificate.issued_at)
    return snapshot_of(certificate).says_the_same_as(present)


def changed_at(certificate: Certificate) -> datetime:
    """Return when a certificate was replaced: by the next one, else by the last change of the signature."""
    later = [c.issued_at for c in certificate.signature.certificates if c.id > certificate.id]
    return later[0] if later else certificate.signature.touched_at


def _address(number: str) -> str:
    return url_for("citizen.certificate", number=number, _external=True)
