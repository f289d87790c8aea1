"""A draft as it is ticked: by everybody, ten times each, so in few statements and without the objects.

What is ticked after the confirmation is in the journal and the register, and goes through `signing.answer`.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Connection, Engine, Integer, String, bindparam, delete, func, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import autocommit
from app.models import Pledge, Signature, Status
from app.sqlite import begin_writing

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


def _touching(begun: Any) -> Any:
    """Have a draft that has begun already touched, where nobody has confirmed it."""
    touched = begun.on_conflict_do_update(
        index_elements=["code"],
        set_={"touched_at": begun.excluded.touched_at},
        where=or_(*(_signature.c.status == status for status in OPEN)),  # quicker than IN: it is written once
    )
    return touched.returning(_signature.c.code, _signature.c.id)


_TOUCH = _touching(sqlite.insert(_signature))
_TAKE = sqlite.insert(_pledge).on_conflict_do_nothing()


def _touch_and_take() -> Any:
    """Return what begins or touches drafts and takes commitments, in one statement of PostgreSQL."""
    at = postgresql.ARRAY(_pledge.c.taken_at.type)
    draft = (
        func.unnest(bindparam("codes", type_=postgresql.ARRAY(String)), bindparam("touched_at", type_=at))
        .table_valued("code", "at")
        .render_derived("draft")
    )
    status = literal(Status.DRAFT, _signature.c.status.type)
    begun = postgresql.insert(_signature).from_select(
        ["code", "status", "created_at", "touched_at", "access_count"],
        select(draft.c.code, status, draft.c.at, draft.c.at, literal(0)),
        include_defaults=False,
    )
    touched = _touching(begun).cte("touched")
    answer = (
        func.unnest(
            bindparam("of", type_=postgresql.ARRAY(String)),
            bindparam("numbers", type_=postgresql.ARRAY(Integer)),
            bindparam("taken_at", type_=at),
        )
        .table_valued("code", "number", "at")
        .render_derived("answer")
    )
    taken = (
        postgresql.insert(_pledge)
        .from_select(
            ["signature_id", "number", "taken_at"],
            select(touched.c.id, answer.c.number, answer.c.at).join(answer, answer.c.code == touched.c.code),
        )
        .on_conflict_do_nothing()
        .cte("taken")
    )
    return select(touched.c.code, touched.c.id).add_cte(taken)


_TOUCH_AND_TAKE = _touch_and_take()


def find(code: str) -> Draft | None:
    """Return the draft of that code, empty until something is ticked; None where it is no draft any more."""
    with autocommit.connect() as connection:
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
                if connection.dialect.name == "sqlite":
                    begin_writing(connection)  # which may take its time: who comes meanwhile is written too
                batch = self._take()
                ids = _store(connection, [answer for answer, _ in batch])
                connection.commit()
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
    processes, wait for each other, and two drafts never do so crosswise. Releasing comes after, in a
    statement of its own: it must see what the other process has taken meanwhile. Both are one transaction,
    that nobody confirms in between.
    """
    touched = sorted({answer.code: answer.at for answer in answers}.items())
    last = {(answer.code, answer.number): answer for answer in answers}.values()
    taken = [answer for answer in last if answer.taken]
    if connection.dialect.name == "postgresql" and len(taken) < len(last):
        connection.exec_driver_sql("BEGIN")
    touch_and_take = _in_one_statement if connection.dialect.name == "postgresql" else _one_after_the_other
    ids = touch_and_take(connection, touched, taken)
    released = [
        {"of": ids[answer.code], "released": answer.number}
        for answer in last
        if not answer.taken and answer.code in ids
    ]
    if released:
        connection.execute(_RELEASE, released)
    return ids


def _one_after_the_other(
    connection: Connection, touched: Sequence[tuple[str, datetime]], taken: Sequence[Answer]
) -> dict[str, int]:
    begun = [
        {"code": code, "status": Status.DRAFT, "created_at": at, "touched_at": at, "access_count": 0}
        for code, at in touched
    ]
    ids: dict[str, int] = {row.code: row.id for row in connection.execute(_TOUCH, begun)}
    pledges = [
        {"signature_id": ids[answer.code], "number": answer.number, "taken_at": answer.at}
        for answer in taken
        if answer.code in ids
    ]
    if pledges:
        connection.execute(_TAKE, pledges)
    return ids


def _in_one_statement(
    connection: Connection, touched: Sequence[tuple[str, datetime]], taken: Sequence[Answer]
) -> dict[str, int]:
    rows = connection.execute(
        _TOUCH_AND_TAKE,
        {
            "codes": [code for code, _ in touched],
            "touched_at": [at for _, at in touched],
            "of": [answer.code for answer in taken],
            "numbers": [answer.number for answer in taken],
            "taken_at": [answer.at for answer in taken],
        },
    )
    return {row.code: row.id for row in rows}


def init_app(app: Flask) -> None:
    """Give each application a desk of its own."""
    app.extensions["drafts"] = Desk(app.extensions["autocommit"])
