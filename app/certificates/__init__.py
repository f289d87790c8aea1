"""Certificates: what they say, the PDF that says it, and its seal.

The PDF stack costs a second and 80 MB, pyHanko as much: they are imported here, when the first document is
asked for, so that a process that makes none does not pay for them.
"""

from collections.abc import Iterable
from functools import cache

from cryptography.x509 import Certificate

from app.certificates.exceptions import Finding
from app.certificates.key import SealKey
from app.certificates.snapshot import Snapshot
from app.content.charter import Charter


def draw_certificate(snapshot: Snapshot) -> bytes:
    """Return the certificate as a PDF. Raises: CertificateError."""
    from app.certificates.fast_pdf import certificate_pdf

    return certificate_pdf(snapshot)


@cache
def draw_charter(charter: Charter, url: str) -> bytes:
    """Return the blank charter as a PDF, drawn once; ``url`` is the site's. Raises: CertificateError."""
    from app.certificates.pdf import charter_pdf

    return charter_pdf(charter, url)


def seal_certificate(pdf: bytes, key: SealKey, *, number: str, timestamp_url: str = "") -> bytes:
    """Return the certificate of that number, sealed and verified. Raises: SealDelayed, SealError."""
    from app.certificates.seal import seal

    return seal(pdf, key, number=number, timestamp_url=timestamp_url)


def examine_file(file: bytes, certificates: Iterable[Certificate]) -> Finding:
    """Say whether somebody's file is one that these certificates sealed. Never raises."""
    from app.certificates.seal import examine

    return examine(file, certificates)
