"""Our certificate, sealed and verified as it is when somebody downloads it."""

from app.certificate.fast import certificate_pdf
from app.certificate.seal import seal
from app.certificate.snapshot import Snapshot
from app.clock import now
from app.sealkey import new_key

KEY = new_key("charte.example", "Organisation", now())


def draw(signature: Snapshot) -> bytes:
    """Draw the certificate, and seal it."""
    return seal(certificate_pdf(signature), KEY, number=signature.number)
