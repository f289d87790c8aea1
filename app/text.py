"""Normalization of typed text: clean lines, and keys to compare names (Unicode NFC and NFKD)."""

import re
import unicodedata

#: Control, format (bidirectional marks, zero width), surrogate, private, unassigned, separators.
_UNWANTED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_QUOTED = re.compile(r"[«“„\"]\s*([^«»“”„\"]*?)\s*[»”“\"]")
_EXTRA_MARKS = re.compile(r"([\u0300-\u036f])[\u0300-\u036f]+")


def clean_line(text: str) -> str:
    """Return one clean line: NFC, no control or format character, single spaces, French apostrophe.

    Of several combining marks on one letter, only the first stays: a name does not overflow its line.
    """
    text = unicodedata.normalize("NFC", text)
    text = "".join(" " if c.isspace() else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c) not in _UNWANTED)
    text = _EXTRA_MARKS.sub(r"\1", text)
    return " ".join(text.split()).replace("'", "’")


def without_quotes(line: str) -> str:
    """Return a clean line without quotation marks around it: the templates add « and »."""
    quoted = _QUOTED.fullmatch(line)
    return quoted[1] if quoted else line


def fold(text: str) -> str:
    """Return a key to compare spellings of a name: without case, accent, hyphen or apostrophe."""
    text = text.casefold()
    if not text.isascii():
        text = text.replace("œ", "oe").replace("æ", "ae").replace("ł", "l").replace("ø", "o")
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _BETWEEN_WORDS.sub(" ", text).strip()
