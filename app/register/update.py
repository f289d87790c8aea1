"""Writing the register: an entry for each public signature, and the tallies and revisions of its pages.

Events of the session do it in the transaction that writes the signature. An entry is computed from what the
database holds, so a second update changes nothing. During an electoral silence entries stay as they were,
except that a withdrawn signature leaves at once; `publish_waiting` updates the others when it ends.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from os.path import commonprefix
from typing import Any

from flask import Flask
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, delete, event, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import UOWTransaction
from sqlalchemy.orm.attributes import set_committed_value

from app.clock import now
from app.extensions import charter, communes, db
from app.french import paris_day
from app.models import Entry, Pledge, Revision, Role, Signature, Spelling, Status, Tally
from app.text import fold

#: Signatures published in one transaction, during which no other one can write (SQLite).
BATCH = 100
#: Words of a name by which it is found; longer names are found by their first ones.
MAX_SPELLINGS = 12

#: Columns that `Spelling` repeats from `Entry`.
_REPEATED = ("code", "role", "commune", "epci", "district", "mask")
_ENTRY_COLUMNS = tuple(column for column in Entry.__table__.columns if column.name != "changed_at")
#: What an entry is computed from, besides the pledges.
SIGNATURE_COLUMNS = (
    Signature.id, Signature.status, Signature.code, Signature.given_name, Signature.family_name,
    Signature.role, Signature.list_name, Signature.commune, Signature.indexable, Signature.confirmed_at,
    Signature.to_list, Signature.hidden_at,
)  # fmt: skip


def init_app(_app: Flask) -> None:
    """Update the register at each flush of the session, which all applications of a process share."""
    for name, listener in (("before_flush", _remove_deleted), ("after_flush", _update_written)):
        if not event.contains(db.session, name, listener):
            event.listen(db.session, name, listener)


def _remove_deleted(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    """Remove the entries of signatures that this flush deletes."""
    remove_entries(session.connection(), [row.id for row in session.deleted if isinstance(row, Signature)])


def _update_written(session: Session, _context: UOWTransaction) -> None:
    """Update the entries of signatures that this flush has written."""
    moment = now()
    written = [row for row in (*session.new, *session.dirty) if isinstance(row, Signature)]
    for row in sorted(written, key=lambda row: row.id):
        if row.status in (Status.CONFIRMED, Status.WITHDRAWN):
            # The object is not expired: the answer is rendered from it.
            set_committed_value(row, "to_list", update_entry(session.connection(), row.id, moment))


def entry_values(signature: Any, pledges: Mapping[int, datetime]) -> dict[str, Any]:
    """Return the columns of the `Entry` of a public signature, except `changed_at`."""
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


def spelling_rows(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of `Spelling` of an entry: its name, rotated to begin with each of its words."""
    words = entry["sort_key"].split()
    keys = [" ".join(words[start:] + words[:start]) for start in range(min(len(words), MAX_SPELLINGS))]
    return [
        {
            "position": position,
            "key": key,
            "known": max((len(commonprefix((key, earlier))) for earlier in keys[:position]), default=0),
            **{name: entry[name] for name in _REPEATED},
        }
        for position, key in enumerate(keys)
    ]


def tally_changes(entry: Mapping[str, Any] | None) -> Counter[tuple[int, str, Role]]:
    """Return what an entry adds to each `Tally`, by its key: number, commune, role."""
    if entry is None:
        return Counter()
    return Counter((number, entry["commune"], entry["role"]) for number in (0, *map(int, entry["taken_on"])))


def read_entries(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the entries of signatures as the database holds them, by the id of the signature."""
    rows = connection.execute(select(*_ENTRY_COLUMNS).where(Entry.signature_id.in_(ids))).mappings()
    return {row["signature_id"]: dict(row) for row in rows}


def expected_entry(signature: Any, pledges: Mapping[int, datetime]) -> dict[str, Any] | None:
    """Return the entry that a signature has outside of any silence; None if it is not public."""
    is_public = signature.status is Status.CONFIRMED and not signature.hidden_at and pledges
    return entry_values(signature, pledges) if is_public else None


def entries_match(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> bool:
    """Return True if two entries are equal, except for the time at which they were written."""
    if old is None or new is None:
        return old is new
    return all(old[name] == value for name, value in new.items())


def update_entry(connection: Connection, signature_id: int, moment: datetime) -> bool:
    """Update a signature's register entry. Return True if publication waits for the end of a silence."""
    # Read again, with a lock: another process may have written the signature since it was loaded.
    columns = select(*SIGNATURE_COLUMNS).where(Signature.id == signature_id).with_for_update()
    signature = connection.execute(columns).one_or_none()
    pledges = select(Pledge.number, Pledge.taken_at).where(Pledge.signature_id == signature_id)
    old = read_entries(connection, [signature_id]).get(signature_id)
    if signature is None:
        _replace_entry(connection, old, None, moment)
        return False
    new = expected_entry(signature, dict(connection.execute(pledges).all()))
    silent = charter.campaign.silence_until(moment) is not None
    is_removed = signature.status is not Status.CONFIRMED or signature.hidden_at  # at once, silence or not
    waits = silent and not is_removed and not entries_match(old, new)
    if signature.to_list != waits:
        connection.execute(update(Signature).where(Signature.id == signature_id).values(to_list=waits))
    if waits:  # only the refusal of search engines is applied at once
        new = old and {**old, "indexable": signature.indexable}
    _replace_entry(connection, old, new, moment)
    return waits


def _replace_entry(
    connection: Connection, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, moment: datetime
) -> None:
    """Write one entry in the place of another, with its spellings, tallies and revision."""
    if entries_match(old, new):
        return
    if old is not None:  # its spellings go with it
        connection.execute(delete(Entry).where(Entry.code == old["code"]))
    if new is not None:
        connection.execute(insert(Entry).values(**new, changed_at=moment))
        replace_spellings(connection, new)
    difference = tally_changes(new)
    difference.subtract(tally_changes(old))
    add_to_tallies(connection, difference)
    epcis = sorted({entry["epci"] for entry in (old, new) if entry})
    rows = [{"epci": epci, "number": 1, "changed_at": moment} for epci in epcis]
    _insert_or_add(connection, Revision, "number", rows)


def replace_spellings(connection: Connection, entry: Mapping[str, Any]) -> None:
    """Replace the spellings of an entry."""
    connection.execute(delete(Spelling).where(Spelling.code == entry["code"]))
    if rows := spelling_rows(entry):  # a name without a letter has none
        connection.execute(insert(Spelling), rows)


def add_to_tallies(connection: Connection, difference: Mapping[tuple[int, str, Role], int]) -> None:
    """Add to the tallies, and delete those that are 0: one would disclose a commitment taken back."""
    # In one order, so that two transactions that count in one commune cannot deadlock.
    keys = sorted(difference, key=lambda key: (*key[:2], key[2].value))
    rows: list[dict[str, Any]] = [
        {"number": number, "commune": commune, "role": role, "count": difference[number, commune, role]}
        for number, commune, role in keys
        if difference[number, commune, role]
    ]
    _insert_or_add(connection, Tally, "count", rows)
    if fewer := {row["commune"] for row in rows if row["count"] < 0}:
        connection.execute(delete(Tally).where(Tally.commune.in_(sorted(fewer)), Tally.count == 0))


def _insert_or_add(connection: Connection, model: Any, total: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; where one exists, add to its column ``total`` and replace its other columns."""
    if not rows:
        return
    dialect: Any = {"sqlite": sqlite, "postgresql": postgresql}[connection.dialect.name]
    table = model.__table__
    row = dialect.insert(table)
    changed = {column.name: row.excluded[column.name] for column in table.columns if not column.primary_key}
    changed[total] += table.columns[total]
    connection.execute(row.on_conflict_do_update(index_elements=table.primary_key, set_=changed), rows)


def remove_entries(connection: Connection, ids: Sequence[int]) -> None:
    """Remove the entries of signatures that are to be deleted, and subtract them from the tallies."""
    if ids:
        for old in read_entries(connection, ids).values():
            _replace_entry(connection, old, None, now())


def publish_waiting(moment: datetime) -> int:
    """Publish the changes that waited for the end of a silence. Return the number of signatures."""
    if charter.campaign.silence_until(moment):
        return 0
    count = 0
    waiting = select(Signature.id).where(Signature.to_list.is_(True)).order_by(Signature.id).limit(BATCH)
    while ids := db.session.scalars(waiting).all():
        for signature_id in ids:
            update_entry(db.session.connection(), signature_id, moment)
        db.session.commit()
        count += len(ids)
    db.session.rollback()
    return count
