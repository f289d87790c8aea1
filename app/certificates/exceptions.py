"""The errors and results of drawing, sealing and checking. Imports nothing heavy: views and worker use it."""

from dataclasses import dataclass
from enum import Enum


class CertificateError(Exception):
    """The document cannot be made whole, so nothing is sent. The message says why, for the log."""


class SealError(CertificateError):
    """The document cannot be sealed."""


class SealDelayed(SealError):
    """The timestamp authority failed: retry later."""


class Verdict(Enum):
    """What the bytes of a file say about its seal."""

    INTACT = "intact"  # sealed with a key of ours, unchanged
    BROKEN = "broken"  # bears our seal or claims to, and is not what we sealed
    NONE = "none"  # no seal of ours


@dataclass(frozen=True)
class SealCheck:
    """The result of checking a file. The numbers prove nothing unless the seal is intact."""

    verdict: Verdict
    numbers: tuple[str, ...]  # of certificates, as printed, in their order in the file
