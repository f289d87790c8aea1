"""Recount the register: read every signature, and compare what pages show with what they must show."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, select, union

from app.clock import now
from app.database import read_snapshot
from app.extensions import db
from app.models import Entry, Pledge, Role, Signature, Spelling, Status, Tally
from app.register.update import (
    SIGNATURE_COLUMNS,
    add_to_tallies,
    delete_spellings,
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
    """Something that the register says otherwise than the signatures do, and how to mend it."""

    what: str  # "line", "spellings" or "tally"
    of: str  # the code of a signature, or the key of a tally; never a name
    found: str
    wanted: str
    mend: Callable[[Session], object]


#: What has a line, or should have one. What waits for the end of a silence is right as it stands.
_LISTED = union(
    select(Signature.id).where(Signature.status == Status.CONFIRMED), select(Entry.signature_id)
).subquery()


def differences() -> Iterator[Difference]:
    """Say where the register differs from the signatures, both as they are at one moment. Changes nothing."""
    tallies: Counter[tuple[int, str, Role]] = Counter()
    with read_snapshot(db.engine) as connection:
        last = 0
        following = select(_LISTED.c.id).order_by(_LISTED.c.id).limit(BATCH)
        while ids := connection.scalars(following.where(_LISTED.c.id > last)).all():
            last = ids[-1]
            found = read_entries(connection, ids)
            for line in found.values():
                tallies.update(tally_changes(line))
            yield from _compare(found, _wanted(connection, ids), _spelt(connection, found))
        rows = connection.execute(select(Tally.number, Tally.commune, Tally.role, Tally.count))
        kept = {(number, commune, role): count for number, commune, role, count in rows}
        lost = select(Spelling.code).outerjoin(Entry, Entry.code == Spelling.code).where(Entry.code.is_(None))
        for code in connection.scalars(lost.distinct()):
            yield Difference("spellings", code, "some", "0", partial(delete_spellings, code=code))
    for key in sorted(tallies.keys() | kept.keys(), key=str):
        if more := tallies[key] - kept.get(key, 0):
            of = f"{key[1]} {key[2].value} {key[0]}"
            recount = partial(add_to_tallies, difference={key: more})
            yield Difference("tally", of, str(kept.get(key, 0)), str(tallies[key]), recount)


def _wanted(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, Any] | None]:
    """Return the line that each signature must have, if any, by its number; what waits is left out."""
    taken: dict[int, dict[int, datetime]] = {}
    pledges = select(Pledge.signature_id, Pledge.number, Pledge.taken_at).where(Pledge.signature_id.in_(ids))
    for signature_id, number, taken_at in connection.execute(pledges):
        taken.setdefault(signature_id, {})[number] = taken_at
    wanted: dict[int, dict[str, Any] | None] = dict.fromkeys(ids)  # a line may have lost its signature
    for own in connection.execute(select(*SIGNATURE_COLUMNS).where(Signature.id.in_(ids))):
        if own.to_list:
            del wanted[own.id]
        else:
            wanted[own.id] = expected_entry(own, taken.get(own.id, {}))
    return wanted


def _spelt(
    connection: Connection, lines: Mapping[int, Mapping[str, Any]]
) -> dict[str, list[Mapping[str, Any]]]:
    """Return the rows of `Spelling` of some lines, as `spellings` makes them, by code."""
    codes = [line["code"] for line in lines.values()]
    spelt: dict[str, list[Mapping[str, Any]]] = {}
    rows = select(*Spelling.__table__.columns).where(Spelling.code.in_(codes)).order_by(Spelling.position)
    for row in connection.execute(rows).mappings():
        spelt.setdefault(row["code"], []).append(dict(row))
    return spelt


def _compare(
    found: Mapping[int, Mapping[str, Any]],
    wanted: Mapping[int, Mapping[str, Any] | None],
    spelt: Mapping[str, list[Mapping[str, Any]]],
) -> Iterator[Difference]:
    for signature_id, line in wanted.items():
        old = found.get(signature_id)
        if not entries_match(old, line):
            code = str((old or line or {})["code"])
            relist = partial(update_entry, signature_id=signature_id, moment=now())
            yield Difference("line", code, _told(old, line), _told(line, old), relist)
        elif old:
            must_be = spelling_rows(old)
            here = spelt.get(old["code"], [])
            if here != must_be:
                respell = partial(replace_spellings, line=old)
                yield Difference("spellings", old["code"], str(len(here)), str(len(must_be)), respell)


def _told(line: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> str:
    """Name what one line has otherwise than another: never the values, which are somebody's."""
    if line is None:
        return "nothing"
    return ", ".join(name for name in line if other and line[name] != other[name]) or "a line"
