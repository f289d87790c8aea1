"""A draft as it is ticked: by everybody, ten times each, so in few statements and without the objects.

What is ticked after the confirmation is in the journal and the register, and goes through `signing.answer`.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Connection, Engine, bindparam, delete, or_, select
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


@dataclass(frozen=True)
class Answer:
    """One commitment that a browser takes or releases."""

    code: str
    number: int
    taken: bool
    at: datetime


_signature: Any = Signature.__table__
_pledge: Any = Pledge.__table__
_FIND = (
    select(_signature.c.status, _pledge.c.number)
    .outerjoin(_pledge, _pledge.c.signature_id == _signature.c.id)
    .where(_signature.c.code == bindparam("code"))
)
_NUMBERS = select(_pledge.c.signature_id, _pledge.c.number).where(
    _pledge.c.signature_id.in_(bindparam("ids", expanding=True))
)
_RELEASE = delete(_pledge).where(
    _pledge.c.signature_id == bindparam("of"), _pledge.c.number == bindparam("released")
)


def _on(insert: Any) -> tuple[Any, Any]:
    """Return, in the words of one engine, how drafts are begun or touched, and how commitments are taken."""
    begun = insert(_signature)
    touched = begun.on_conflict_do_update(
        index_elements=["code"],
        set_={"touched_at": begun.excluded.touched_at},
        where=or_(*(_signature.c.status == status for status in OPEN)),  # quicker than IN: it is written once
    )
    return touched.returning(_signature.c.code, _signature.c.id), insert(_pledge).on_conflict_do_nothing()


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

    It is stored when this returns. The session must not be in a transaction: this would wait for it. Taking
    twice changes nothing, not even the date.
    """
    desk: Desk = current_app.extensions["drafts"]
    return desk.write(Answer(code, number, taken, now))


class Desk:
    """Where the threads of a process bring their answers: whoever comes first writes for all who wait.

    Making a transaction durable takes longer than all that is in it; so many share one. « Group commit », as
    databases do it for their own writers, and SQLite does not.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = threading.Lock()
        self._waiting: deque[tuple[Answer, Future[Draft | None]]] = deque()

    def write(self, answer: Answer) -> Draft | None:
        """Store one answer, and return what the draft is then. Raises: DBAPIError."""
        done: Future[Draft | None] = Future()
        self._waiting.append((answer, done))
        with self._writing:
            if not done.done():
                self._write_all()
        return done.result()

    def _write_all(self) -> None:
        batch: list[tuple[Answer, Future[Draft | None]]] = []
        try:
            with self._engine.connect() as connection:
                with connection.begin():  # which may take its time: who comes meanwhile is written too
                    batch = self._take()
                    ids = _store(connection, [answer for answer, _ in batch])
                # Whoever writes next need not wait for what is only read.
                connection.execution_options(**reads_once(self._engine))
                numbers = defaultdict(set)
                for signature_id, number in connection.execute(_NUMBERS, {"ids": list(ids.values())}):
                    numbers[signature_id].add(number)
        except BaseException as error:  # the same for all of them
            for _, done in batch or self._take():
                done.set_exception(error)
            return
        for answer, done in batch:
            signature_id = ids.get(answer.code)
            done.set_result(None if signature_id is None else Draft(answer.code, numbers[signature_id]))

    def _take(self) -> list[tuple[Answer, Future[Draft | None]]]:
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


def _store(connection: Connection, answers: Sequence[Answer]) -> dict[str, int]:
    """Write answers in the order in which they came; return the number of each draft that is still one.

    The rows of drafts are written first, and in one order everywhere: two presses on one draft, from two
    processes, wait for each other, and two drafts never do so crosswise.
    """
    touch, take = _WRITES[connection.dialect.name]
    touched = {answer.code: answer.at for answer in answers}
    begun = [
        {"code": code, "status": Status.DRAFT, "created_at": at, "touched_at": at, "access_count": 0}
        for code, at in sorted(touched.items())
    ]
    ids: dict[str, int] = {row.code: row.id for row in connection.execute(touch, begun)}
    last = {(answer.code, answer.number): answer for answer in answers if answer.code in ids}
    taken = [
        {"signature_id": ids[answer.code], "number": answer.number, "taken_at": answer.at}
        for answer in last.values()
        if answer.taken
    ]
    released = [
        {"of": ids[answer.code], "released": answer.number} for answer in last.values() if not answer.taken
    ]
    if taken:
        connection.execute(take, taken)
    if released:
        connection.execute(_RELEASE, released)
    return ids


def init_app(app: Flask) -> None:
    """Give each application a desk of its own."""
    with app.app_context():
        app.extensions["drafts"] = Desk(db.engine)
