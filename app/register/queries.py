"""The register as it is read: filtered, in order, a page at a time. What several pages share."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.extensions import communes, db
from app.models import Entry, Revision, Role, Spelling, Tally
from app.text import fold

PAGE_SIZE = 25
#: Comes after every text that begins in the same way.
_END = "\U0010ffff"


class Order(Enum):
    """By date, the newest first; or by name. Never by how much was taken."""

    DATE = "date"
    NAME = "nom"


@dataclass(frozen=True)
class Search:
    """What is asked of the register: nothing, the whole of it."""

    commune: str | None = None  # INSEE code
    epci: str | None = None  # SIREN
    district: str | None = None  # INSEE code of the arrondissement
    commitment: int | None = None
    roles: frozenset[Role] = frozenset()  # none: all
    name: str = ""  # as it was typed
    order: Order = Order.DATE

    @property
    def key(self) -> str:
        """The beginning of a spelling that is looked up: the longest word, which the fewest bear."""
        return max(fold(self.name).split(), key=len, default="")

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """What a line must be, or a spelling, where a name is looked up: an index has all that this asks."""
        row = Spelling if self.key else Entry
        places = ((row.commune, self.commune), (row.epci, self.epci), (row.district, self.district))
        conditions = [column == place for column, place in places if place is not None]
        if self.commitment is not None:
            conditions.append(row.mask.bitwise_and(1 << (self.commitment - 1)) != 0)
        if self.roles:
            conditions.append(row.role.in_(self.roles))
        if self.key:
            # Whoever bears the name in two ways is found by the first one alone.
            conditions += [*_begins(Spelling.key, self.key), Spelling.known < len(self.key)]
            # The other words begin some word too: a spelling has them all, and folded texts no wildcard.
            others = fold(self.name).split()
            others.remove(self.key)
            conditions += [(" " + Spelling.key).like(f"% {word}%") for word in others]
        return conditions


@dataclass(frozen=True)
class Cursor:
    """A place between two lines, which stays where it is while people sign and withdraw."""

    value: str  # of what the lines are in the order of
    code: str  # of the line beside
    backwards: bool = False  # whether what is wanted comes before

    def __str__(self) -> str:
        written = json.dumps([self.value, self.code], ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, *, backwards: bool) -> "Cursor":
        """Read a cursor from an address. Raises: ValueError."""
        try:
            value, code = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (TypeError, RecursionError) as error:  # a number, or brackets without end
            raise ValueError(text) from error
        if not isinstance(value, str) or not isinstance(code, str) or "\0" in value + code:
            raise ValueError(text)
        return cls(value, code, backwards)

    @property
    def moment(self) -> datetime:
        """The value, where lines are in the order of their dates. Raises: ValueError."""
        moment = datetime.fromisoformat(self.value)
        if moment.utcoffset() != timedelta(0):
            raise ValueError(self.value)
        return moment

    @property
    def name(self) -> str:
        """The value, where lines are in the order of their names. Raises: ValueError."""
        if fold(self.value) != self.value:
            raise ValueError(self.value)
        return self.value


@dataclass(frozen=True)
class Page:
    """One page of the register."""

    entries: Sequence[Entry]
    #: How many lines the search finds in all; None where they are not counted: a name that many bear.
    total: int | None
    before: Cursor | None
    after: Cursor | None


def page(search: Search, cursor: Cursor | None = None) -> Page:
    """Return the lines of a search that follow, or come before, a cursor; the first ones without.

    Raises: ValueError, where the cursor is of another order.
    """
    total = None if search.key else total_of(search)
    if total == 0:
        return Page([], 0, None, None)
    backwards = cursor is not None and cursor.backwards
    key = _order(search)
    code = key.class_.code
    descending = (key.key == "confirmed_at") != backwards
    lines = select(code, key.label("key")).where(*search.conditions)
    if cursor:
        place: Any = tuple_(key, code)
        value: Any = cursor.moment if key.key == "confirmed_at" else cursor.name
        lines = lines.where(place < (value, cursor.code) if descending else place > (value, cursor.code))
    # First which lines, in an index alone; then what they say.
    chosen = _in_order(lines, key, code, descending).limit(PAGE_SIZE + 1).subquery()
    whole = select(Entry, chosen.c.key).join(chosen, chosen.c.code == Entry.code)
    found = db.session.execute(_in_order(whole, chosen.c.key, chosen.c.code, descending)).all()
    more = len(found) > PAGE_SIZE
    shown = found[:PAGE_SIZE][:: -1 if backwards else 1]
    before, after = (more, True) if backwards else (cursor is not None, more)
    if search.key and not before and not after:
        total = len(shown)
    return Page(
        entries=[entry for entry, _ in shown],
        total=total,
        before=_cursor(shown[0], backwards=True) if before and shown else None,
        after=_cursor(shown[-1]) if after and shown else None,
    )


def _order(search: Search) -> InstrumentedAttribute[Any]:
    """Return what the lines of a search are in the order of."""
    if search.key:
        return Spelling.key
    return {Order.DATE: Entry.confirmed_at, Order.NAME: Entry.sort_key}[search.order]


def _in_order(lines: Select[Any], key: Any, code: Any, descending: bool) -> Select[Any]:
    return lines.order_by(key.desc(), code.desc()) if descending else lines.order_by(key, code)


def _begins(key: InstrumentedAttribute[str], beginning: str) -> list[ColumnElement[bool]]:
    return [key >= beginning, key < beginning + _END]


def _cursor(row: Any, *, backwards: bool = False) -> Cursor:
    entry, value = row
    return Cursor(value.isoformat() if isinstance(value, datetime) else value, entry.code, backwards)


def lines_of(search: Search) -> Select[Any]:
    """Select all the lines of a search, in no order."""
    lines = select(Entry).where(*search.conditions)
    return lines.join(Spelling, Spelling.code == Entry.code) if search.key else lines


def newest(search: Search, count: int) -> Sequence[Entry]:
    """Return the lines of a search that were confirmed last, the newest first."""
    newest_first = lines_of(search).order_by(Entry.confirmed_at.desc(), Entry.code.desc())
    return db.session.scalars(newest_first.limit(count)).all()


def find(code: str) -> Entry | None:
    """Return one line of the register."""
    return db.session.scalar(select(Entry).where(Entry.code == code))


def total_of(search: Search) -> int:
    """Count the lines of a search without a name, from the tally."""
    counted = select(func.sum(Tally.count)).where(Tally.number == (search.commitment or 0), *_tallied(search))
    return db.session.scalar(counted) or 0


def counts(search: Search) -> Mapping[int, int]:
    """Count the lines of a search without a name by commitment; under 0, all of them."""
    counted = select(Tally.number, func.sum(Tally.count)).where(*_tallied(search)).group_by(Tally.number)
    return dict(db.session.execute(counted).all())


def _tallied(search: Search) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if search.commune or search.epci or search.district:
        places = [
            commune.insee
            for commune in communes
            if search.commune in (None, commune.insee)
            and search.epci in (None, commune.epci.code)
            and search.district in (None, commune.district.code)
        ]
        conditions.append(Tally.commune.in_(places))
    if search.roles:
        conditions.append(Tally.role.in_(search.roles))
    return conditions


def coverage() -> Mapping[str, Mapping[int, int]]:
    """Count lines by commune, then by commitment; under 0, all of them. What is not there has none."""
    counted = select(Tally.commune, Tally.number, func.sum(Tally.count)).group_by(Tally.commune, Tally.number)
    by_commune: dict[str, dict[int, int]] = {}
    for insee, number, count in db.session.execute(counted):
        by_commune.setdefault(insee, {})[number] = count
    return by_commune


@dataclass(frozen=True)
class Version:
    """What tells one state of the register from the next."""

    number: int
    changed_at: datetime | None


_VERSION = select(func.coalesce(func.sum(Revision.number), 0), func.max(Revision.changed_at))
_VERSION_OF_PART = _VERSION.where(Revision.epci == bindparam("epci"))


def version(insee: str | None = None) -> Version:
    """Return the version of the register, or of a part that one commune is in."""
    if insee:
        of_part = {"epci": communes.get_or_placeholder(insee).epci.code}
        number, changed_at = db.session.execute(_VERSION_OF_PART, of_part).one()
    else:
        number, changed_at = db.session.execute(_VERSION).one()
    return Version(int(number), changed_at)


def changes() -> Mapping[str, datetime]:
    """Return when the register last changed in each EPCI that ever had a line, by SIREN code."""
    return dict(db.session.execute(select(Revision.epci, Revision.changed_at)).all())


def spans(size: int) -> list[int]:
    """Return which spans of so many signature ids have a line that search engines may show."""
    found: list[int] = []
    following = select(Entry.signature_id).where(Entry.indexable).order_by(Entry.signature_id).limit(1)
    first: int | None = 0
    while (first := db.session.scalar(following.where(Entry.signature_id >= first))) is not None:
        found.append(first // size)
        first = (found[-1] + 1) * size
    return found


def indexable(first: int, end: int) -> list[tuple[str, datetime]]:
    """Return the lines of a span of ids that search engines may show, with the time of their last change."""
    asked = select(Entry.code, Entry.changed_at).where(
        Entry.signature_id >= first, Entry.signature_id < end, Entry.indexable
    )
    return [(code, at) for code, at in db.session.execute(asked.order_by(Entry.signature_id))]
