"""Reading the register: searches, pages of entries, counts and versions."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.extensions import communes, db
from app.models import Entry, Revision, Role, Spelling, Tally
from app.text import fold

PAGE_SIZE = 25
#: The last character: a text followed by it comes after every text that begins with the same one.
_LAST = "\U0010ffff"


class Order(Enum):
    """By date, the newest first; or by name. Never by the number of commitments."""

    DATE = "date"
    NAME = "nom"


@dataclass(frozen=True)
class Search:
    """The criteria of a search; without any, the whole register."""

    commune: str | None = None  # INSEE code
    epci: str | None = None  # SIREN code
    district: str | None = None  # INSEE code of the arrondissement
    commitment: int | None = None
    roles: frozenset[Role] = frozenset()  # none: all
    name: str = ""  # as typed
    order: Order = Order.DATE

    @property
    def key(self) -> str:
        """The word of the name that is searched in `Spelling`: the longest, which the fewest names have."""
        return max(fold(self.name).split(), key=len, default="")

    @property
    def sort_column(self) -> InstrumentedAttribute[Any]:
        """The column that orders the entries."""
        if self.key:
            return Spelling.key
        return Entry.sort_key if self.order is Order.NAME else Entry.confirmed_at

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The WHERE clause, on `Spelling` for a name and on `Entry` without: an index has its columns."""
        row = Spelling if self.key else Entry
        places = ((row.commune, self.commune), (row.epci, self.epci), (row.district, self.district))
        conditions = [column == place for column, place in places if place is not None]
        if self.commitment is not None:
            conditions.append(row.mask.bitwise_and(1 << (self.commitment - 1)) != 0)
        if self.roles:
            conditions.append(row.role.in_(self.roles))
        if self.key:
            conditions += [Spelling.key >= self.key, Spelling.key < self.key + _LAST]
            # A name with two words that begin so is found once, by the first one.
            conditions.append(Spelling.known < len(self.key))
            # Each other word begins a word of the name. A folded text has no wildcard.
            others = fold(self.name).split()
            others.remove(self.key)
            conditions += [(" " + Spelling.key).like(f"% {word}%") for word in others]
        return conditions


@dataclass(frozen=True)
class Cursor:
    """A place between two entries, which signatures and withdrawals do not move."""

    value: str  # in the column that orders the entries, of the entry beside
    code: str  # of that entry
    backwards: bool = False  # whether the page before this place is wanted

    def __str__(self) -> str:
        written = json.dumps([self.value, self.code], ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str, *, backwards: bool) -> "Cursor":
        """Parse a cursor from a URL. Raises: ValueError."""
        try:
            value, code = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (TypeError, RecursionError) as error:  # a number, or brackets without end
            raise ValueError(text) from error
        if not isinstance(value, str) or not isinstance(code, str) or "\0" in value + code:
            raise ValueError(text)
        return cls(value, code, backwards)

    @property
    def moment(self) -> datetime:
        """The value, if entries are ordered by date. Raises: ValueError."""
        moment = datetime.fromisoformat(self.value)
        if moment.utcoffset() != timedelta(0):
            raise ValueError(self.value)
        return moment

    @property
    def name(self) -> str:
        """The value, if entries are ordered by name. Raises: ValueError."""
        if fold(self.value) != self.value:
            raise ValueError(self.value)
        return self.value


@dataclass(frozen=True)
class Page:
    """One page of the register."""

    entries: Sequence[Entry]
    #: Entries that the search finds in all; None where they are not counted: a name on several pages.
    total: int | None
    before: Cursor | None
    after: Cursor | None


def read_page(search: Search, cursor: Cursor | None = None) -> Page:
    """Return the entries of a search that follow, or precede, a cursor; the first ones without.

    Raises: ValueError if the cursor is of another order.
    """
    total = None if search.key else count_entries(search)
    if total == 0:
        return Page([], 0, None, None)
    key = search.sort_column
    code = key.class_.code
    backwards = cursor is not None and cursor.backwards
    by_date = key is Entry.confirmed_at
    descending = by_date != backwards
    keys = select(code, key.label("key")).where(*search.conditions)
    if cursor:
        place: Any = tuple_(key, code)
        limit: Any = (cursor.moment if by_date else cursor.name, cursor.code)
        keys = keys.where(place < limit if descending else place > limit)
    # First the keys of the page, which an index holds whole; then its entries.
    chosen = _in_order(keys, key, code, descending).limit(PAGE_SIZE + 1).subquery()
    rows = select(Entry, chosen.c.key).join(chosen, chosen.c.code == Entry.code)
    found = db.session.execute(_in_order(rows, chosen.c.key, chosen.c.code, descending)).all()
    more = len(found) > PAGE_SIZE
    shown = found[:PAGE_SIZE][:: -1 if backwards else 1]
    before, after = (more, True) if backwards else (cursor is not None, more)
    return Page(
        entries=[entry for entry, _ in shown],
        total=len(shown) if search.key and not before and not after else total,
        before=_cursor(*shown[0], backwards=True) if before and shown else None,
        after=_cursor(*shown[-1]) if after and shown else None,
    )


def _in_order(rows: Select[Any], key: Any, code: Any, descending: bool) -> Select[Any]:
    return rows.order_by(key.desc(), code.desc()) if descending else rows.order_by(key, code)


def _cursor(entry: Entry, key: Any, *, backwards: bool = False) -> Cursor:
    return Cursor(key.isoformat() if isinstance(key, datetime) else key, entry.code, backwards)


def select_entries(search: Search) -> Select[Entry]:
    """Select the entries of a search, in no order."""
    entries = select(Entry).where(*search.conditions)
    return entries.join(Spelling, Spelling.code == Entry.code) if search.key else entries


def newest_entries(search: Search, count: int) -> Sequence[Entry]:
    """Return the entries of a search that were confirmed last, the newest first."""
    newest_first = select_entries(search).order_by(Entry.confirmed_at.desc(), Entry.code.desc())
    return db.session.scalars(newest_first.limit(count)).all()


def find_entry(code: str) -> Entry | None:
    """Return the entry of that code."""
    return db.session.scalar(select(Entry).where(Entry.code == code))


def count_entries(search: Search) -> int:
    """Return the number of entries of a search without a name."""
    counted = select(func.sum(Tally.count)).where(Tally.number == (search.commitment or 0), *_tallied(search))
    return db.session.scalar(counted) or 0


def count_by_commitment(search: Search) -> Mapping[int, int]:
    """Return the number of entries of a search without a name by commitment; under 0, all of them."""
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


def count_by_commune() -> Mapping[str, Mapping[int, int]]:
    """Return the number of entries by INSEE code, then by commitment; under 0, all of them."""
    counted = select(Tally.commune, Tally.number, func.sum(Tally.count)).group_by(Tally.commune, Tally.number)
    by_commune: dict[str, dict[int, int]] = {}
    for insee, number, count in db.session.execute(counted):
        by_commune.setdefault(insee, {})[number] = count
    return by_commune


@dataclass(frozen=True)
class Version:
    """A state of the register: the number of its changes, and the time of the last one."""

    number: int
    changed_at: datetime | None


def read_version(insee: str | None = None) -> Version:
    """Return the version of the register, or of its part in the EPCI of one commune."""
    version = select(func.coalesce(func.sum(Revision.number), 0), func.max(Revision.changed_at))
    if insee:
        version = version.where(Revision.epci == communes.get_or_placeholder(insee).epci.code)
    number, changed_at = db.session.execute(version).one()
    return Version(int(number), changed_at)


def read_last_changes() -> Mapping[str, datetime]:
    """Return the time of the last change by EPCI (SIREN code)."""
    return dict(db.session.execute(select(Revision.epci, Revision.changed_at)).all())


def count_indexable() -> int:
    """Return the number of entries that search engines may show."""
    return db.session.scalar(select(func.count()).where(Entry.indexable)) or 0


def read_indexable(offset: int, limit: int) -> Sequence[Row[str, datetime]]:
    """Return the code and last change of entries that search engines may show, in the order of signing."""
    indexable = select(Entry.code, Entry.changed_at).where(Entry.indexable).order_by(Entry.signature_id)
    return db.session.execute(indexable.offset(offset).limit(limit)).all()
