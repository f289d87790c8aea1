"""Flask and the ORM by somebody careful: WAL and FULL, no reload after the commit, nothing loaded twice."""

import secrets
from datetime import UTC, datetime
from typing import Any

from flask import Flask, abort, render_template, request, session
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from jinja2 import ChoiceLoader, FileSystemLoader
from sqlalchemy import Connection, ForeignKey, String, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, attribute_keyed_dict, mapped_column, relationship

from bench.peers.ticks import CHARTER, COMMITMENTS, POSTERS, SECRET, TEMPLATES, database


class Base(DeclarativeBase):
    """What the tables share: nothing."""


class Signature(Base):
    """A draft."""

    __tablename__ = "signature"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    created_at: Mapped[datetime]
    pledges: Mapped[dict[int, "Pledge"]] = relationship(
        collection_class=attribute_keyed_dict("number"), cascade="all, delete-orphan", lazy="selectin"
    )


class Pledge(Base):
    """A commitment taken."""

    __tablename__ = "pledge"

    signature_id: Mapped[int] = mapped_column(ForeignKey("signature.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]


app = Flask(__name__)
app.jinja_loader = ChoiceLoader([FileSystemLoader(TEMPLATES), FileSystemLoader(POSTERS)])
app.config.update(SECRET_KEY=SECRET, SQLALCHEMY_DATABASE_URI=f"sqlite:///{database()}")
db = SQLAlchemy(app, model_class=Base, session_options={"expire_on_commit": False})
CSRFProtect(app)


def connected(connection: Any, _record: Any) -> None:
    """Make a connection durable and patient (SQLAlchemy's documentation on pysqlite)."""
    connection.isolation_level = None
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def begun(connection: Connection) -> None:
    """Take the write lock first where something will be written (idem)."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if request and request.method == "POST" else "BEGIN")


with app.app_context():
    event.listen(db.engine, "connect", connected)
    event.listen(db.engine, "begin", begun)


def shown(template: str, signature: Signature | None, **values: object) -> str:
    """Render a template for a draft."""
    taken = signature.pledges if signature else {}
    return render_template(
        template,
        charter=CHARTER,
        commitments=COMMITMENTS,
        code=session["code"],
        taken=taken,
        count=len(taken),
        token=generate_csrf(),
        token_name="csrf_token",  # noqa: S106  # the name of a field
        **values,
    )


def draft() -> Signature | None:
    """Return the draft of this browser."""
    return db.session.scalar(select(Signature).where(Signature.code == session["code"]))


@app.get("/")
def index() -> str:
    """Show the charter."""
    if "code" not in session:
        session["code"] = secrets.token_hex(10)
    return shown("candidate.html", draft())


@app.post("/engagements/<int:number>")
def answer(number: int) -> str:
    """Keep one answer."""
    if "code" not in session or not 1 <= number <= len(COMMITMENTS):
        abort(404)
    now = datetime.now(UTC)
    signature = draft()
    if signature is None:
        signature = Signature(code=session["code"], created_at=now, pledges={})
        db.session.add(signature)
    if request.form["taken"] == "yes":
        signature.pledges.setdefault(number, Pledge(number=number, taken_at=now))
    else:
        signature.pledges.pop(number, None)
    db.session.commit()
    return shown("_answered.html", signature, commitment=COMMITMENTS[number - 1])


def prepare() -> None:
    """Make the tables."""
    with app.app_context(), app.test_request_context():
        db.create_all()


if __name__ == "__main__":
    prepare()
