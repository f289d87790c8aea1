"""A draft as it is ticked: by everybody, ten times each, so in three statements and without the objects.

What is ticked after the confirmation is in the journal and the register, and goes through `signing.answer`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import db, reader, reads_once
from app.models import Pledge, Signature, Status

#: A browser may change what nobody has confirmed.
OPEN = (Status.DRAFT, Status.PENDING)


@dataclass(frozen=True)
class Draft:
    """What the charter shows of a signature that is not confirmed: the numbers of what is ticked."""

    code: str
    pledges: Collection[int] = ()
    is_confirmed = False


_signature: Any = Signature.__table__
_pledge: Any = Pledge.__table__
_its_pledges = _pledge.c.signature_id == bindparam("signature_id")
_FIND = (
    select(_signature.c.status, _pledge.c.number)
    .outerjoin(_pledge, _pledge.c.signature_id == _signature.c.id)
    .where(_signature.c.code == bindparam("code"))
)
_NUMBERS = select(_pledge.c.number).where(_its_pledges)
_RELEASE = delete(_pledge).where(_its_pledges, _pledge.c.number == bindparam("taken"))


def _on(insert: Any) -> tuple[Any, Any]:
    """Return, in the words of one engine, how a draft is begun or touched, and how a commitment is taken."""
    begun = insert(_signature)
    touched = begun.on_conflict_do_update(
        index_elements=["code"],
        set_={"touched_at": begun.excluded.touched_at},
        where=or_(*(_signature.c.status == status for status in OPEN)),  # quicker than IN: it is written once
    )
    return touched.returning(_signature.c.id), insert(_pledge).on_conflict_do_nothing()


_WRITES: Mapping[str, tuple[Any, Any]] = {
    "sqlite": _on(sqlite.insert),
    "postgresql": _on(postgresql.insert),
}


def find(code: str) -> Draft | None:
    """Return the draft of that code, empty until something is ticked; None where it is no draft any more."""
    with reader.connect() as connection:
        found = connection.execute(_FIND, {"code": code}).all()
    if found and found[0].status not in OPEN:
        return None
    return Draft(code, {row.number for row in found if row.number is not None})


def answer(code: str, number: int, *, taken: bool, now: datetime) -> Draft | None:
    """Take or release one commitment of a draft, which begins with the first; None where it is none any more.

    This is a transaction by itself: the session must not be in one. The row of the draft is written first:
    two presses at once on one draft wait for each other, and whoever comes second is told what both have made
    of it. Taking twice changes nothing, not even the date.
    """
    begun = {"code": code, "status": Status.DRAFT, "created_at": now, "touched_at": now, "access_count": 0}
    with db.engine.connect() as connection:
        with connection.begin():
            touch, take = _WRITES[connection.dialect.name]
            signature_id = connection.scalar(touch, begun)
            if signature_id is None:
                return None
            if taken:
                connection.execute(take, {"signature_id": signature_id, "number": number, "taken_at": now})
            else:
                connection.execute(_RELEASE, {"signature_id": signature_id, "taken": number})
        connection.execution_options(**reads_once(db.engine))  # whoever writes next need not wait for this
        return Draft(code, set(connection.scalars(_NUMBERS, {"signature_id": signature_id})))
