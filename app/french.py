"""French text: dates, durations, counts, typography."""

import re
import textwrap
from datetime import date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
#: Characters of a name in a letter.
SHORT_NAME = 40

_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


def paris_day(moment: datetime) -> date:
    """Return the date of an aware datetime in Paris."""
    return moment.astimezone(PARIS).date()


def paris_midnight(day: date) -> datetime:
    """Return the aware datetime at which a day begins in Paris."""
    return datetime(day.year, day.month, day.day, tzinfo=PARIS)


def long_date(day: date | datetime) -> str:
    """Format a date, with a no-break space after the day: « 1er mars 2026 »."""
    if isinstance(day, datetime):
        day = paris_day(day)
    return f"{'1er' if day.day == 1 else day.day}\N{NO-BREAK SPACE}{_MONTHS[day.month - 1]} {day.year}"


def clock_time(moment: datetime) -> str:
    """Format the time of day in Paris, with no-break spaces: « 9 h 05 »."""
    local = moment.astimezone(PARIS)
    return f"{local.hour}\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}{local.minute:02}"


def duration(seconds: int) -> str:
    """Format a duration in seconds, in the largest unit that divides it: « 7 jours », « 90 minutes »."""
    for unit, word in ((86400, "jour"), (3600, "heure"), (60, "minute")):
        if seconds >= unit and seconds % unit == 0:
            count = seconds // unit
            return f"{count} {word}{'s' if count > 1 else ''}"
    return f"{seconds} secondes"


def days(count: int) -> str:
    """Format a number of days, with a no-break space: « 8 jours »; whole years of 365 days: « 5 ans »."""
    years, rest = divmod(count, 365)
    if years and not rest:
        return f"{years}\N{NO-BREAK SPACE}an{'s' if years > 1 else ''}"
    return f"{count}\N{NO-BREAK SPACE}jour{'s' if count > 1 else ''}"


def thousands(count: int) -> str:
    """Format a number, with a narrow no-break space between thousands: « 12 345 »."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percentage(part: int, whole: int) -> str:
    """Format a percentage: « 12 % ». Only 0 of `whole` gives 0 %, and only all of it gives 100 %."""
    rounded = (200 * part + whole) // (2 * whole) if whole else 0
    if part and not rounded:
        return "moins de 1\N{NO-BREAK SPACE}%"
    if part < whole and rounded == 100:
        return "plus de 99\N{NO-BREAK SPACE}%"
    return f"{rounded}\N{NO-BREAK SPACE}%"


def commitments_of(count: int, total: int) -> str:
    """Format a count of commitments: « 7 engagements sur 10 »."""
    return f"{count} engagement{'s' if count > 1 else ''} sur {total}"


def before_list(role: str) -> str:
    """Return a role to put before the name of a list: « tête de liste », « colistier·ère, liste »."""
    return role if role.endswith("liste") else f"{role}, liste"


def typeset(text: str) -> str:
    """Replace spaces before high punctuation and inside quotation marks by no-break spaces."""
    text = re.sub(r"[ \u00a0\u202f]+([;!?])", "\N{NARROW NO-BREAK SPACE}\\1", text)
    text = re.sub(r"[ \u00a0\u202f]+([:»])", "\N{NO-BREAK SPACE}\\1", text)
    return re.sub(r"«[ \u00a0\u202f]+", "«\N{NO-BREAK SPACE}", text)


def short_name(name: str) -> str:
    """Return a name of 40 characters at most, cut between words: what a stranger typed reaches a mailbox."""
    short = textwrap.shorten(name, SHORT_NAME, placeholder="\N{NO-BREAK SPACE}…", break_long_words=False)
    return short if len(short) > 2 else f"{name[: SHORT_NAME - 1]}…"
