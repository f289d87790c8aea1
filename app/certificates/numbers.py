"""Certificate numbers: unguessable, readable aloud, and self-checking.

Twelve characters of a 31-letter alphabet (without 0 O, 1 I and Z), printed ``XXXX-XXXX-XXXX``. Eleven are
random (54 bits). The last makes the weighted sum a multiple of 31; since 31 is prime and the weights differ,
any one wrong character and any two swapped ones are detected (the scheme of ISBN-10, in another base).
"""

import re
import secrets
import unicodedata

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXY"
_RANDOM = 11


def generate_number() -> str:
    """Return a new random number."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM))
    return _print(body + _check_character(body))


def parse_number(typed: str) -> str | None:
    """Return the number as printed, or None if it cannot be one: a typing mistake.

    The text before it on the certificate may be copied too: « n° », or the URL that ends with it.
    """
    copied = re.split(r"[/№]|[nN]\s?[°º]", typed.strip(" /"))[-1]
    number = "".join(c for c in unicodedata.normalize("NFKC", copied).upper() if c.isalnum())
    if len(number) != _RANDOM + 1 or any(c not in ALPHABET for c in number):
        return None
    return _print(number) if number[-1] == _check_character(number[:-1]) else None


def _check_character(body: str) -> str:
    """Return c such that 12·b₁ + 11·b₂ + … + 2·b₁₁ + c ≡ 0 (mod 31)."""
    total = sum(weight * ALPHABET.index(c) for weight, c in zip(range(_RANDOM + 1, 1, -1), body, strict=True))
    return ALPHABET[-total % len(ALPHABET)]


def _print(number: str) -> str:
    return "-".join(number[i : i + 4] for i in range(0, len(number), 4))
