"""Certificates as rows: which one is current, and how the next one is drawn, sealed and stored."""

import hashlib
from datetime import datetime

from flask import current_app, url_for
from sqlalchemy import select

from app.certificates.key import seal_key
from app.certificates.numbers import generate_number
from app.certificates.snapshot import Snapshot
from app.clock import now
from app.extensions import charter, communes, db
from app.french import paris_day
from app.models import Certificate, Event, Signature


class NotCertifiable(Exception):
    """The signature has no commitment, or its edition is not the current one."""


def find_certificate(number: str) -> Certificate | None:
    """Return the certificate of that number."""
    return db.session.scalar(select(Certificate).where(Certificate.number == number))


def find_certificate_by_hash(sha256: str) -> Certificate | None:
    """Return the certificate whose PDF has that SHA-256, in hexadecimal."""
    return db.session.scalar(select(Certificate).where(Certificate.sha256 == sha256))


def take_snapshot(signature: Signature, number: str, issued_at: datetime) -> Snapshot:
    """Return what a certificate of that number, issued at that moment, says of a confirmed signature."""
    assert signature.role is not None
    commune = communes.get_or_placeholder(str(signature.commune))
    return Snapshot(
        number=number,
        issued_on=paris_day(issued_at),
        url=_verification_url(number),
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


def load_snapshot(certificate: Certificate) -> Snapshot:
    """Return what an issued certificate says; its signature must not be withdrawn, which erases that."""
    assert certificate.content is not None
    return Snapshot.from_json(
        certificate.content,
        number=certificate.number,
        issued_on=paris_day(certificate.issued_at),
        url=_verification_url(certificate.number),
    )


def current_certificate(signature: Signature) -> Certificate | None:
    """Return the certificate that says what the signature says now, if one was issued."""
    return next((c for c in reversed(signature.certificates) if is_current(c)), None)


def is_current(certificate: Certificate) -> bool:
    """Return True if the certificate says what its signature says now."""
    present = take_snapshot(certificate.signature, certificate.number, certificate.issued_at)
    return load_snapshot(certificate).matches(present)


def replaced_at(certificate: Certificate) -> datetime:
    """Return when the next certificate replaced this one, or else when the signature last changed."""
    later = [c.issued_at for c in certificate.signature.certificates if c.id > certificate.id]
    return later[0] if later else certificate.signature.touched_at


def is_certifiable(signature: Signature) -> bool:
    """Return True if the signature is confirmed, has commitments, and is of the current edition."""
    return signature.is_confirmed and bool(signature.pledges) and signature.edition == charter.edition


def issue_certificate(signature: Signature) -> Certificate:
    """Return the current certificate of a signature; draw, seal and store it if there is none.

    Drawing and sealing take up to a second, so no transaction is open meanwhile. The PDF is stored only if
    the signature, once its row is locked, still says the same and has no other current certificate.
    Raises: NotCertifiable, CertificateError, SealError.
    """
    from app.certificates.fast_pdf import draw_certificate
    from app.certificates.seal import seal_pdf

    timestamp_url = current_app.config["TIMESTAMP_URL"]
    while is_certifiable(signature):
        if certificate := current_certificate(signature):
            return certificate
        number, issued_at = generate_number(), now()
        snapshot = take_snapshot(signature, number, issued_at)
        db.session.commit()
        pdf = seal_pdf(draw_certificate(snapshot), seal_key, number=number, timestamp_url=timestamp_url)
        db.session.refresh(signature, with_for_update=True)
        if (
            is_certifiable(signature)
            and not current_certificate(signature)
            and snapshot.matches(take_snapshot(signature, number, issued_at))
        ):
            content, sha256 = snapshot.to_json(), hashlib.sha256(pdf).hexdigest()
            certificate = Certificate(
                number=number, issued_at=issued_at, content=content, pdf=pdf, sha256=sha256
            )
            signature.certificates.append(certificate)
            db.session.add(Event("certified", issued_at, signature_id=signature.id))
            db.session.commit()
    raise NotCertifiable


def _verification_url(number: str) -> str:
    return url_for("citizen.certificate", number=number, _external=True)
