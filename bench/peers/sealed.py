"""Our certificate, sealed and verified as it is when somebody downloads it."""

from app.certificates.fast_pdf import certificate_pdf
from app.certificates.key import new_key
from app.certificates.seal import seal
from app.certificates.snapshot import Snapshot
from app.clock import now

KEY = new_key("charte.example", "Organisation", now())


def draw(signature: Snapshot) -> bytes:
    """Draw the certificate, and seal it."""
    return seal(certificate_pdf(signature), KEY, number=signature.number)
