"""What drawing, sealing and examining come to. Imports nothing heavy: pages and couriers ask it."""

from dataclasses import dataclass
from enum import Enum


class CertificateError(Exception):
    """The document cannot be made whole, so nothing leaves. The message says why, for the log."""


class SealError(CertificateError):
    """The document could not be sealed."""


class SealDelayed(SealError):
    """The timestamp authority did not answer, or not well: try again later."""


class Verdict(Enum):
    """What the bytes of a file say of our seal."""

    INTACT = "intact"  # sealed by us, and nothing of it differs
    BROKEN = "broken"  # bears our seal or claims to, and is not what we sealed
    NONE = "none"  # nothing of ours


@dataclass(frozen=True)
class Finding:
    """What was found in a file; the numbers prove nothing unless it is intact."""

    verdict: Verdict
    numbers: tuple[str, ...]  # of certificates, as printed, in the order they come
