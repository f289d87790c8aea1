"""Auditing the register: compare it with all signatures, and find what differs."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, select, union

from app.clock import now
from app.database import read_snapshot
from app.extensions import db
from app.models import Entry, Pledge, Role, Signature, Spelling, Status, Tally
from app.register.update import (
    SIGNATURE_COLUMNS,
    add_to_tallies,
    entries_match,
    expected_entry,
    read_entries,
    replace_spellings,
    spelling_rows,
    tally_changes,
    update_entry,
)

#: Signatures read at a time.
BATCH = 500


@dataclass(frozen=True)
class Difference:
    """A difference between the register and the signatures."""

    what: str  # "entry", "spellings" or "tally"
    of: str  # the code of a signature, or the key of a tally; never a name
    found: str
    expected: str
    fix: Callable[[Connection], object]


#: The ids of signatures that have an entry, or should have one.
_AUDITED = union(
    select(Signature.id).where(Signature.status == Status.CONFIRMED), select(Entry.signature_id)
).subquery()


def find_differences() -> Iterator[Difference]:
    """Yield each difference, of the register and the signatures at one moment. Change nothing."""
    tallies: Counter[tuple[int, str, Role]] = Counter()
    with read_snapshot(db.engine) as connection:
        last = 0
        following = select(_AUDITED.c.id).order_by(_AUDITED.c.id).limit(BATCH)
        while ids := connection.scalars(following.where(_AUDITED.c.id > last)).all():
            last = ids[-1]
            found = read_entries(connection, ids)
            for entry in found.values():
                tallies.update(tally_changes(entry))
            yield from _compare(found, _expected_entries(connection, ids), _read_spellings(connection, found))
        orphans = select(Spelling.code).distinct().where(Spelling.code.not_in(select(Entry.code)))
        for code in connection.scalars(orphans):
            yield Difference("spellings", code, "some", "0", partial(_delete_orphans, code=code))
        rows = connection.execute(select(Tally.number, Tally.commune, Tally.role, Tally.count))
        stored = {(number, commune, role): count for number, commune, role, count in rows}
    for key in sorted(tallies.keys() | stored.keys(), key=str):
        count = stored.get(key, 0)
        if count != tallies[key]:
            number, commune, role = key
            fix = partial(_fix_tally, key=key, difference=tallies[key] - count)
            of = f"{commune} {role.value} {number}"
            yield Difference("tally", of, str(count), str(tallies[key]), fix)


def _fix_tally(connection: Connection, key: tuple[int, str, Role], difference: int) -> None:
    """Add a difference to a tally, and delete the tally if it is 0."""
    add_to_tallies(connection, {key: difference})
    number, commune, role = key
    tally = (Tally.number == number, Tally.commune == commune, Tally.role == role)
    connection.execute(delete(Tally).where(*tally, Tally.count == 0))


def _delete_orphans(connection: Connection, code: str) -> None:
    """Delete the spellings of a code without an entry, unless a fix has just written that entry."""
    without_entry = Spelling.code.not_in(select(Entry.code))
    connection.execute(delete(Spelling).where(Spelling.code == code, without_entry))


def _expected_entries(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, Any] | None]:
    """Return the entry that each signature must have; leave out those that wait for a silence to end."""
    pledges: dict[int, dict[int, datetime]] = {}
    rows = select(Pledge.signature_id, Pledge.number, Pledge.taken_at).where(Pledge.signature_id.in_(ids))
    for signature_id, number, taken_at in connection.execute(rows):
        pledges.setdefault(signature_id, {})[number] = taken_at
    expected: dict[int, dict[str, Any] | None] = dict.fromkeys(ids)  # an entry may have lost its signature
    for signature in connection.execute(select(*SIGNATURE_COLUMNS).where(Signature.id.in_(ids))):
        if signature.to_list:
            del expected[signature.id]
        else:
            expected[signature.id] = expected_entry(signature, pledges.get(signature.id, {}))
    return expected


def _read_spellings(
    connection: Connection, entries: Mapping[int, Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of `Spelling` of entries, by code, as `spelling_rows` computes them."""
    codes = [entry["code"] for entry in entries.values()]
    rows = select(*Spelling.__table__.columns).where(Spelling.code.in_(codes)).order_by(Spelling.position)
    spellings: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(rows).mappings():
        spellings.setdefault(row["code"], []).append(dict(row))
    return spellings


def _compare(
    found: Mapping[int, Mapping[str, Any]],
    expected: Mapping[int, Mapping[str, Any] | None],
    spellings: Mapping[str, list[dict[str, Any]]],
) -> Iterator[Difference]:
    for signature_id, new in expected.items():
        old = found.get(signature_id)
        code = (old or new or {}).get("code", "")
        if not entries_match(old, new):
            fix = partial(update_entry, signature_id=signature_id, moment=now())
            yield Difference("entry", code, _describe(old, new), _describe(new, old), fix)
        elif old and (stored := spellings.get(code, [])) != (rows := spelling_rows(old)):
            respell = partial(replace_spellings, entry=old)
            yield Difference("spellings", code, str(len(stored)), str(len(rows)), respell)


def _describe(entry: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> str:
    """Return the names of the columns in which an entry differs from another: never personal data."""
    if entry is None:
        return "nothing"
    return ", ".join(name for name in entry if other and entry[name] != other[name]) or "an entry"
