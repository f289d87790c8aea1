"""French as it is printed: dates, counts, typography."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")

_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


def paris_day(moment: datetime) -> date:
    """Return the day of an aware datetime, as a calendar in France shows it."""
    return moment.astimezone(PARIS).date()


def paris_midnight(day: date) -> datetime:
    """Return the moment at which a day begins in Paris."""
    return datetime(day.year, day.month, day.day, tzinfo=PARIS)


def long_date(day: date | datetime) -> str:
    """Write a day in full, its number tied to the month: « 1er mars 2026 »."""
    if isinstance(day, datetime):
        day = paris_day(day)
    return f"{'1er' if day.day == 1 else day.day}\N{NO-BREAK SPACE}{_MONTHS[day.month - 1]} {day.year}"


def clock_time(moment: datetime) -> str:
    """Write the time of day in Paris: « 9 h 05 », with no-break spaces."""
    local = moment.astimezone(PARIS)
    return f"{local.hour}\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}{local.minute:02}"


def duration(seconds: int) -> str:
    """Write how long something lasts, in the largest unit that is whole: « 7 jours », « 90 minutes »."""
    for unit, word in ((86400, "jour"), (3600, "heure"), (60, "minute")):
        if seconds >= unit and seconds % unit == 0:
            count = seconds // unit
            return f"{count} {word}{'s' if count > 1 else ''}"
    return f"{seconds} secondes"


def days(count: int) -> str:
    """Write a term given in days, its number tied to its unit: « 8 jours », « 5 ans »."""
    years, rest = divmod(count, 365)
    if years and not rest:
        return f"{years}\N{NO-BREAK SPACE}an{'s' if years > 1 else ''}"
    return f"{count}\N{NO-BREAK SPACE}jour{'s' if count > 1 else ''}"


def thousands(count: int) -> str:
    """Write a count, its thousands set apart: « 12 345 »."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percentage(part: int, whole: int) -> str:
    """Write a share: « 12 % ». What is not none is never written 0, nor 100 what is not all."""
    rounded = (200 * part + whole) // (2 * whole) if whole else 0
    if part and not rounded:
        return "moins de 1\N{NO-BREAK SPACE}%"
    if part < whole and rounded == 100:
        return "plus de 99\N{NO-BREAK SPACE}%"
    return f"{rounded}\N{NO-BREAK SPACE}%"


def commitments_of(count: int, total: int) -> str:
    """Write how many commitments were taken: « 7 engagements sur 10 »."""
    return f"{count} engagement{'s' if count > 1 else ''} sur {total}"


def before_list(role: str) -> str:
    """Write a role as it leads to a list: « tête de liste « X » », « colistier·ère, liste « X » »."""
    return role if role.endswith("liste") else f"{role}, liste"


def typeset(text: str) -> str:
    """Put the no-break spaces of French typography before high punctuation and inside quotes."""
    text = re.sub(r"[ \u00a0\u202f]+([;!?])", "\N{NARROW NO-BREAK SPACE}\\1", text)
    text = re.sub(r"[ \u00a0\u202f]+([:»])", "\N{NO-BREAK SPACE}\\1", text)
    return re.sub(r"«[ \u00a0\u202f]+", "«\N{NO-BREAK SPACE}", text)
