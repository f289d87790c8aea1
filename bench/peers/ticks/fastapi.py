"""FastAPI and SQLAlchemy, as FastAPI's documentation writes them: a session by dependency, forms, Jinja.

FastAPI has no CSRF protection of its own: the token is kept in the signed session and compared, as ours is.
"""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from sqlalchemy import Connection, ForeignKey, String, create_engine, event, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from starlette.middleware.sessions import SessionMiddleware

from bench.peers.ticks import CHARTER, COMMITMENTS, POSTERS, SECRET, TEMPLATES, database


class Base(DeclarativeBase):
    """What the tables share: nothing."""


class Signature(Base):
    """A draft."""

    __tablename__ = "signature"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    created_at: Mapped[datetime]


class Pledge(Base):
    """A commitment taken."""

    __tablename__ = "pledge"

    signature_id: Mapped[int] = mapped_column(ForeignKey("signature.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]


engine = create_engine(f"sqlite:///{database()}")
Sessions = sessionmaker(engine, expire_on_commit=False)


@event.listens_for(engine, "connect")
def connected(connection: Any, _record: Any) -> None:
    """Make a connection durable and patient (SQLAlchemy's documentation on pysqlite)."""
    connection.isolation_level = None
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(engine, "begin")
def begun(connection: Connection) -> None:
    """Take the write lock first where something will be written (idem)."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def reading() -> Iterator[Session]:
    """Give a request its session of the database."""
    with Sessions() as session:
        yield session


def writing() -> Iterator[Session]:
    """Give a request that writes its session of the database."""
    with Sessions(bind=engine.execution_options(writes=True)) as session:
        yield session


def check_csrf(request: Request, csrf_token: Annotated[str, Form()]) -> None:
    """Refuse a form that our page did not make."""
    if not secrets.compare_digest(csrf_token, request.session.get("csrf", "")):
        raise HTTPException(400)


app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=SECRET)
templates = Jinja2Templates([TEMPLATES, POSTERS])


def shown(request: Request, template: str, taken: set[int], **values: object) -> HTMLResponse:
    """Render a template for a draft."""
    context = {
        "charter": CHARTER,
        "commitments": COMMITMENTS,
        "code": request.session["code"],
        "taken": taken,
        "count": len(taken),
        "token": request.session["csrf"],
        "token_name": "csrf_token",
        **values,
    }
    return templates.TemplateResponse(request, template, context)


@app.get("/", response_class=HTMLResponse)
def index(request: Request, db: Annotated[Session, Depends(reading)]) -> HTMLResponse:
    """Show the charter."""
    code = request.session.setdefault("code", secrets.token_hex(10))
    request.session.setdefault("csrf", secrets.token_hex(20))
    numbers = select(Pledge.number).join(Signature, Signature.id == Pledge.signature_id)
    return shown(request, "candidate.html", set(db.scalars(numbers.where(Signature.code == code))))


@app.post("/engagements/{number}", response_class=HTMLResponse, dependencies=[Depends(check_csrf)])
def answer(
    request: Request,
    number: Annotated[int, Path(ge=1, le=len(COMMITMENTS))],
    taken: Annotated[str, Form()],
    db: Annotated[Session, Depends(writing)],
) -> HTMLResponse:
    """Keep one answer."""
    now = datetime.now(UTC)
    signature = db.scalar(select(Signature).where(Signature.code == request.session["code"]))
    if signature is None:
        signature = Signature(code=request.session["code"], created_at=now)
        db.add(signature)
        db.flush()
    if taken == "yes":
        pledge = insert(Pledge).values(signature_id=signature.id, number=number, taken_at=now)
        db.execute(pledge.on_conflict_do_nothing())
    elif pledge := db.get(Pledge, (signature.id, number)):
        db.delete(pledge)
    numbers = set(db.scalars(select(Pledge.number).where(Pledge.signature_id == signature.id)))
    db.commit()
    return shown(request, "_answered.html", numbers, commitment=COMMITMENTS[number - 1])


def prepare() -> None:
    """Make the tables."""
    Base.metadata.create_all(engine)


if __name__ == "__main__":
    prepare()
