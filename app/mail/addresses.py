"""E-mail addresses: their one stored form, their form in SMTP, and corrections of likely typos."""

import unicodedata
from os.path import commonprefix

from email_validator import EmailNotValidError, validate_email

#: Common domains in France, and real domains that differ from one of those by a single letter.
KNOWN_DOMAINS = (
    "aliceadsl.fr", "aol.com", "bbox.fr", "cegetel.net", "club-internet.fr", "email.com", "free.fr",
    "gmail.com", "gmx.com", "gmx.fr", "googlemail.com", "hotmail.com", "hotmail.fr", "icloud.com",
    "laposte.fr", "laposte.net", "live.com", "live.fr", "mac.com", "mail.com", "mailo.com", "me.com",
    "msn.com", "neuf.fr", "nordnet.fr", "numericable.fr", "orange.com", "orange.fr", "outlook.com",
    "outlook.fr", "proton.me", "protonmail.com", "sfr.com", "sfr.fr", "wanadoo.fr", "yahoo.com",
    "yahoo.fr", "ymail.com",
)  # fmt: skip


class AddressError(ValueError):
    """The text is not one e-mail address, or it is one that SMTP without SMTPUTF8 cannot reach."""


def normalise_address(text: str) -> str:
    """Return the stored form of an e-mail address: lower case, its domain in Unicode.

    Raises: AddressError.
    """
    try:
        valid = validate_email(text.replace("’", "'"), allow_smtputf8=False, check_deliverability=False)
    except EmailNotValidError as error:
        raise AddressError from error
    if any(len(_scripts_of(label)) > 1 for label in valid.domain.split(".")):
        raise AddressError("a label in two scripts imitates another domain")
    return valid.normalized.lower()


def mailbox_of(address: str) -> str:
    """Return an address without its +tag (RFC 5233): what its owner reads in one place."""
    name, _, domain = address.rpartition("@")
    return f"{name.partition('+')[0] or name}@{domain}"


def _scripts_of(label: str) -> set[str]:
    return {unicodedata.name(c).split()[0] for c in label if c.isalpha()}


def encode_address(address: str) -> str:
    """Return an e-mail address with its domain in ASCII, by IDNA 2008 (RFC 5891), as SMTP sends it.

    Python's own codec is IDNA 2003, where `straße.de` is `strasse.de`: another domain, of another owner.
    """
    if address.isascii():
        return address
    return str(validate_email(address, allow_smtputf8=False, check_deliverability=False).ascii_email)


def suggest_address(address: str) -> str | None:
    """Return the address with a typo in a common domain corrected, or None if there is no typo."""
    name, _, domain = address.rpartition("@")
    if domain in KNOWN_DOMAINS:
        return None
    meant = [known for known in KNOWN_DOMAINS if _is_one_typo(domain, known)]
    if not meant and domain.count(".") == 1:  # another ending of a name that has only one: `gmail.fr`
        same = [known for known in KNOWN_DOMAINS if known.partition(".")[0] == domain.partition(".")[0]]
        meant = same if len(same) == 1 else []
    return f"{name}@{meant[0]}" if meant else None


def _is_one_typo(typed: str, meant: str) -> bool:
    """Return True if two words differ by one letter: missing, added, replaced, or swapped with the next."""
    start = len(commonprefix([typed, meant]))
    a, b = typed[start:], meant[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
