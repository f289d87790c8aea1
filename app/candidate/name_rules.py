"""What a person's name, or a list's, may be: typing slips are mended, what misleads is refused."""

import re
import unicodedata

from app.text import fold

#: What keyboards and telephones write for a hyphen and an apostrophe; a comma between given names.
LOOK_ALIKES = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2015\u2212\ufe63\uff0d", "-")
    | dict.fromkeys("\u2018\u201b\u02bc\u2032\u00b4`\uff07", "’")
    | {"\u2014": "--", ",": " "}
)
SCRIPTS = {"LATIN": "latine", "GREEK": "grecque", "CYRILLIC": "cyrillique"}

TITLE = "m|mr|mme|mlle|monsieur|madame|mademoiselle|messieurs|mesdames"
FUNCTION = (
    "maires?|adjointe?|(?:sous |vice )?(?:prefete?|presidente?)|deputee?|senateur|senatrice"
    "|conseill(?:er|ere)|ministre"
)
#: « Monsieur le Maire », « Mme la préfète »; « Le Maire » and « Maire » are names of people.
TITLED = re.compile(rf"(?:{TITLE}) (?:(?:le|la|les|l) )?(?:{FUNCTION})\b")
#: « le maire de Sarlat », as a given name and a family name; the family name alone may be one.
OFFICE = re.compile(rf"(?:le|la|l) (?:{FUNCTION}) (?:de|du|des|d|delegue|delegee|municipale?)\b")

PHONE = re.compile(r"(?:\+33|\b0033|\b0)[\s.-]?[1-9](?:[\s.-]?\d\d){4}\b")
#: A web address, or what mail programs take for one: « exemple.fr ».
WEB = re.compile(r"https?:|www\.|\w\.[^\W\d_]{2}", re.IGNORECASE)


def plain_name(line: str) -> str:
    """Return a clean line with plain hyphens and apostrophes, and without ligatures and commas."""
    line = line.translate(LOOK_ALIKES)
    return " ".join(re.sub("[ﬀ-ﬆ]", lambda found: unicodedata.normalize("NFKC", found[0]), line).split())


def find_fault(name: str) -> str | None:
    """Return what is wrong with a given name or a family name, in French, or None."""
    if not any(c.isalpha() for c in name):
        return "Écrivez un nom en toutes lettres."
    if odd := next(
        (c for c in name if not (c.isalpha() or unicodedata.combining(c) or c in " -’.·()")), None
    ):
        return f"Le caractère « {odd} » ne va pas dans un nom."
    if re.search(r"\.\w\w", name):  # « evil.example » becomes a link in mail programs; « J.P. » does not
        return "Laissez une espace après le point."
    return _find_second_script(name)


def _find_second_script(name: str) -> str | None:
    """Return the sentence about a letter that is not of the script of the first one, or None."""
    first = None
    for c in filter(str.isalpha, name):
        script = unicodedata.name(c, "").partition(" ")[0]
        first = first or script
        if script != first and {first, script} <= SCRIPTS.keys():
            return f"La lettre « {c} » est {SCRIPTS[script]}, les autres non : gardez une seule écriture."
    return None


def is_office(given_name: str, family_name: str) -> bool:
    """Return True if a name is a title with a function, and no person's name."""
    whole = fold(f"{given_name} {family_name}")
    return bool(TITLED.match(whole) or TITLED.match(fold(family_name)) or OFFICE.match(whole))


def find_list_fault(name: str) -> str | None:
    """Return what the name of a list must not have, in French, or None."""
    if PHONE.search(name):
        return "Le nom d’une liste ne contient pas de numéro de téléphone."
    if re.search(r"\S@\S", name):
        return "Le nom d’une liste ne contient pas d’adresse électronique."
    if WEB.search(name):
        return "Le nom d’une liste ne contient pas d’adresse de site. Laissez une espace après chaque point."
    return None
