"""Issuing certificates: drawn, sealed and stored once, then served as they are."""

import hashlib

from flask import current_app

from app.certificates import current, draw_certificate, seal_certificate
from app.certificates.key import seal_key
from app.certificates.numbers import new_number
from app.clock import now
from app.extensions import charter, db
from app.models import Certificate, Event, Signature


class NotCertifiable(Exception):
    """There is nothing that a certificate could say: no commitment, or not of the charter as it reads now."""


def issue(signature: Signature) -> Certificate:
    """Return the certificate that says what the signature says now: the standing one, or a new one, stored.

    Drawing and sealing take their time, so no transaction is open meanwhile. What was drawn is stored if it
    still holds when the row is locked; if not, or if another was stored first, it is thrown away.
    Raises: NotCertifiable, CertificateError, SealError.
    """
    while True:
        if not is_certifiable(signature):
            raise NotCertifiable
        if standing := current.standing_certificate(signature):
            return standing
        moment, number = now(), new_number()
        snapshot = current.snapshot(signature, number, moment)
        db.session.commit()
        pdf = seal_certificate(
            draw_certificate(snapshot),
            seal_key,
            number=number,
            timestamp_url=current_app.config["TIMESTAMP_URL"],
        )
        db.session.refresh(signature, with_for_update=True)
        if (
            is_certifiable(signature)
            and current.standing_certificate(signature) is None
            and snapshot.says_the_same_as(current.snapshot(signature, number, moment))
        ):
            signature.certificates.append(
                Certificate(
                    number=number,
                    issued_at=moment,
                    content=snapshot.to_json(),
                    pdf=pdf,
                    sha256=hashlib.sha256(pdf).hexdigest(),
                )
            )
            db.session.add(Event("certified", moment, signature_id=signature.id))
            db.session.commit()


def is_certifiable(signature: Signature) -> bool:
    """Whether there is something to certify, and it is what the charter says."""
    return signature.is_confirmed and bool(signature.pledges) and signature.edition == charter.edition
