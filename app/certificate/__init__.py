"""Certificates: what they say, and the PDF that says it.

The PDF stack costs a second and 80 MB: it is imported here, when the first document is asked for, so that a
process that makes none does not pay for it.
"""

from functools import cache

from app.certificate.snapshot import Snapshot
from app.data.charter import Charter


def draw_certificate(snapshot: Snapshot) -> bytes:
    """Return the certificate as a PDF. Raises: CertificateError."""
    from app.certificate.pdf import certificate_pdf

    return certificate_pdf(snapshot)


@cache
def draw_charter(charter: Charter, url: str) -> bytes:
    """Return the blank charter as a PDF, drawn once; ``url`` is the site's. Raises: CertificateError."""
    from app.certificate.pdf import charter_pdf

    return charter_pdf(charter, url)
