"""E-mail addresses: one form to keep, one to send to, and what a slip may have meant."""

import unicodedata
from os.path import commonprefix

from email_validator import EmailNotValidError, validate_email

#: Where most people here have their mailbox, and real neighbours that nobody should be asked about.
WELL_KNOWN = (
    "aliceadsl.fr", "aol.com", "bbox.fr", "cegetel.net", "club-internet.fr", "email.com", "free.fr",
    "gmail.com", "gmx.com", "gmx.fr", "googlemail.com", "hotmail.com", "hotmail.fr", "icloud.com",
    "laposte.fr", "laposte.net", "live.com", "live.fr", "mac.com", "mail.com", "mailo.com", "me.com",
    "msn.com", "neuf.fr", "nordnet.fr", "numericable.fr", "orange.com", "orange.fr", "outlook.com",
    "outlook.fr", "proton.me", "protonmail.com", "sfr.com", "sfr.fr", "wanadoo.fr", "yahoo.com",
    "yahoo.fr", "ymail.com",
)  # fmt: skip


class AddressError(ValueError):
    """It is not one address, or not one that a letter can be sent to."""


def parse(typed: str) -> str:
    """Return the one form under which an address is kept: lower case, its domain in Unicode.

    Raises: AddressError.
    """
    try:
        valid = validate_email(typed.replace("’", "'"), allow_smtputf8=False, check_deliverability=False)
    except EmailNotValidError as error:
        raise AddressError from error
    if any(len(_scripts(label)) > 1 for label in valid.domain.split(".")):
        raise AddressError("a label in two scripts is made to look like another")
    return valid.normalized.lower()


def _scripts(label: str) -> set[str]:
    return {unicodedata.name(c).split()[0] for c in label if c.isalpha()}


def wire(address: str) -> str:
    """Return what a relay is told: the domain in ASCII, by IDNA 2008.

    Python's own codec knows IDNA 2003 only, to which « straße.de » is « strasse.de », somebody else's.
    """
    return str(validate_email(address, allow_smtputf8=False, check_deliverability=False).ascii_email)


def suggest(address: str) -> str | None:
    """Return the address that a slip in a well-known domain may have meant."""
    name, _, domain = address.rpartition("@")
    if domain in WELL_KNOWN:
        return None
    meant = [known for known in WELL_KNOWN if _is_one_slip(domain, known)] or _other_ending(domain)
    return f"{name}@{meant[0]}" if meant else None


def _other_ending(domain: str) -> list[str]:
    """Return the domain of that name, where the name has one ending only: « gmail.fr » is nobody's."""
    same = [known for known in WELL_KNOWN if known.partition(".")[0] == domain.partition(".")[0]]
    return same if len(same) == 1 and domain.count(".") == 1 else []


def _is_one_slip(typed: str, meant: str) -> bool:
    """Whether two words differ by one letter: left out, added, replaced, or swapped with the next."""
    start = len(commonprefix([typed, meant]))
    a, b = typed[start:], meant[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
