"""The register as it is written: one line for each public signature, and the counts that pages show.

Whoever changes a signature need not think of it: the session does, in the same transaction. Lines are made
anew from what the database holds, so doing it twice changes nothing. During a silence lines stay as they
stood, except that what is taken back is gone at once; the rest waits for `publish_waiting`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from os.path import commonprefix
from typing import Any

from flask_sqlalchemy.session import Session
from sqlalchemy import ColumnElement, Connection, Table, delete, event, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import UOWTransaction
from sqlalchemy.orm.attributes import set_committed_value

from app.clock import now
from app.content.communes import Communes
from app.extensions import charter, communes, db
from app.french import paris_day
from app.models import Entry, Pledge, Revision, Role, Signature, Spelling, Status, Tally
from app.text import fold

#: Signatures in one transaction: while it lasts, nobody else writes (SQLite).
BATCH = 100
#: Longer names are found by their first words.
MOST_SPELLINGS = 12

#: Rows are written as they are told: no object in the session stands for them.
_PLAIN = {"synchronize_session": False}
#: What the rows of `Spelling` repeat of their line.
_REPEATED = ("code", "role", "commune", "epci", "district", "mask")
_LINE = tuple(column for column in Entry.__table__.columns if column.name != "changed_at")
#: What a line is made of, with the pledges.
SIGNATURE_COLUMNS = (
    Signature.id, Signature.status, Signature.code, Signature.given_name, Signature.family_name,
    Signature.role, Signature.list_name, Signature.commune, Signature.indexable, Signature.confirmed_at,
    Signature.to_list,
)  # fmt: skip
#: What rows are read through.
Reads = Session | Connection
_INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def entry_values(signature: Any, pledges: Mapping[int, datetime], communes: Communes) -> dict[str, Any]:
    """Return what the register says of a public signature: the columns of `Entry`, but for `changed_at`."""
    commune = communes.get_or_placeholder(signature.commune)
    return {
        "signature_id": signature.id,
        "code": signature.code,
        "given_name": signature.given_name,
        "family_name": signature.family_name,
        "sort_key": fold(f"{signature.family_name} {signature.given_name}"),
        "role": signature.role,
        "list_name": signature.list_name,
        "commune": commune.insee,
        "epci": commune.epci.code,
        "district": commune.district.code,
        "mask": sum(1 << (number - 1) for number in pledges),
        "taken_on": {str(n): paris_day(at).isoformat() for n, at in sorted(pledges.items())},
        "indexable": signature.indexable,
        "confirmed_at": signature.confirmed_at,
    }


def spelling_rows(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of `Spelling` of a line: its name turned to begin with each of its words."""
    words = line["sort_key"].split()
    places = range(min(len(words), MOST_SPELLINGS))
    keys = [" ".join(words[position:] + words[:position]) for position in places]
    return [
        {
            "position": position,
            "key": keys[position],
            "known": max((len(commonprefix((keys[position], key))) for key in keys[:position]), default=0),
            **{name: line[name] for name in _REPEATED},
        }
        for position in places
    ]


def tally_changes(line: Mapping[str, Any] | None) -> Counter[tuple[int, str, Role]]:
    """Return what a line adds to each `Tally`, by its key."""
    if line is None:
        return Counter()
    numbers = (0, *map(int, line["taken_on"]))
    return Counter((number, line["commune"], line["role"]) for number in numbers)


def update_entry(session: Session, signature_id: int, moment: datetime) -> bool:
    """Make the line of one signature what it must be now; return whether it waits out a silence."""
    # From the database, behind a lock: what another process has just changed counts too.
    own = session.execute(
        select(*SIGNATURE_COLUMNS).where(Signature.id == signature_id).with_for_update()
    ).one_or_none()
    old = read_entries(session, [signature_id]).get(signature_id)
    pledges = session.execute(
        select(Pledge.number, Pledge.taken_at).where(Pledge.signature_id == signature_id)
    )
    new = expected_entry(own, dict(pledges.all())) if own else None
    confirmed = own is not None and own.status is Status.CONFIRMED
    waits = confirmed and not entries_match(old, new) and charter.campaign.silence_until(moment) is not None
    if own is not None and own.to_list != waits:
        _set(session, Signature, Signature.id == signature_id, to_list=waits)
    if waits and old and own and own.indexable != old["indexable"]:  # no reason to wait for that
        new = {**old, "indexable": own.indexable}
    elif waits:
        return True
    if not entries_match(old, new):
        _replace(session, old, new, moment)
    return waits


def read_entries(session: Reads, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the lines of signatures as they stand, by the number of the signature."""
    rows = session.execute(select(*_LINE).where(Entry.signature_id.in_(ids))).mappings()
    return {row["signature_id"]: dict(row) for row in rows}


def expected_entry(own: Any, pledges: Mapping[int, datetime]) -> dict[str, Any] | None:
    """Return the line that a signature must have, outside of any silence; None where it is not public."""
    return entry_values(own, pledges, communes) if own.status is Status.CONFIRMED and pledges else None


def entries_match(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> bool:
    """Whether two lines say the same, whenever they were written."""
    if old is None or new is None:
        return old is new
    return all(old[name] == value for name, value in new.items())


def _replace(
    session: Session, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, moment: datetime
) -> None:
    """Write one line in the place of another, and count the difference."""
    if old is None and new is not None:
        session.execute(insert(Entry).values(**new, changed_at=moment))
    elif old is not None and new is None:
        delete_spellings(session, old["code"])
        session.execute(delete(Entry).where(Entry.code == old["code"]), execution_options=_PLAIN)
    elif old is not None and new is not None:
        _set(session, Entry, Entry.code == old["code"], **new, changed_at=moment)
    if new is not None and (old is None or any(old[name] != new[name] for name in ("sort_key", *_REPEATED))):
        replace_spellings(session, new)
    difference = tally_changes(new)
    difference.subtract(tally_changes(old))
    add_to_tallies(session, difference)
    places = sorted({line["epci"] for line in (old, new) if line})
    _add(session, Revision, "number", [{"epci": epci, "number": 1, "changed_at": moment} for epci in places])


def replace_spellings(session: Session, line: Mapping[str, Any]) -> None:
    """Write the spellings of a line anew."""
    delete_spellings(session, line["code"])
    if rows := spelling_rows(line):  # a name of signs alone has none
        session.execute(insert(Spelling), rows)


def delete_spellings(session: Session, code: str) -> None:
    """Erase the spellings of a line."""
    session.execute(delete(Spelling).where(Spelling.code == code), execution_options=_PLAIN)


def add_to_tallies(session: Session, difference: Mapping[tuple[int, str, Role], int]) -> None:
    """Add to the tallies; one that comes to nothing goes, or it would tell what somebody took back."""
    # In one order everywhere: two who count in the same commune wait, and never for each other.
    keys = sorted(difference, key=lambda key: (*key[:2], key[2].value))
    rows: list[dict[str, Any]] = [
        {"number": number, "commune": commune, "role": role, "count": more}
        for number, commune, role in keys
        if (more := difference[number, commune, role])
    ]
    _add(session, Tally, "count", rows)
    if less := {row["commune"] for row in rows if row["count"] < 0}:
        gone = delete(Tally).where(Tally.commune.in_(sorted(less)), Tally.count == 0)
        session.execute(gone, execution_options=_PLAIN)


def _add(session: Session, table: Any, total: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add to one column of rows, each made if it is not there; what else they say takes its place."""
    if rows:
        session.execute(_adding(session.get_bind().dialect.name, table.__table__, total), rows)


@cache
def _adding(dialect: str, table: Table, total: str) -> Any:
    row = _INSERT[dialect](table)
    changed = {column.name: row.excluded[column.name] for column in table.columns if not column.primary_key}
    changed[total] += table.columns[total]
    return row.on_conflict_do_update(index_elements=table.primary_key, set_=changed)


def _set(session: Session, table: Any, where: ColumnElement[bool], **values: Any) -> None:
    session.execute(update(table).where(where).values(**values), execution_options=_PLAIN)


def remove_entries(session: Session, ids: Sequence[int]) -> None:
    """Take the lines of signatures that are about to be erased off the register, and off its counts."""
    for old in read_entries(session, ids).values():
        _replace(session, old, None, now())


@event.listens_for(db.session, "before_flush")
def _before_flush(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    erased = [row.id for row in session.deleted if isinstance(row, Signature)]
    if erased:
        remove_entries(session, erased)


@event.listens_for(db.session, "after_flush")
def _after_flush(session: Session, _context: UOWTransaction) -> None:
    moment = now()
    written = [row for row in (*session.new, *session.dirty) if isinstance(row, Signature)]
    for row in sorted(written, key=lambda row: row.id):
        if row.status in (Status.CONFIRMED, Status.WITHDRAWN):
            # Said to the object as well, which is still to be shown.
            set_committed_value(row, "to_list", update_entry(session, row.id, moment))


def publish_waiting(moment: datetime) -> int:
    """List what has waited for the end of a silence, and return how many signatures that was."""
    if charter.campaign.silence_until(moment):
        return 0
    caught = 0
    waiting = select(Signature.id).where(Signature.to_list.is_(True)).order_by(Signature.id).limit(BATCH)
    while ids := db.session.scalars(waiting).all():
        for signature_id in ids:
            update_entry(db.session(), signature_id, moment)
        db.session.commit()
        caught += len(ids)
    db.session.rollback()
    return caught
