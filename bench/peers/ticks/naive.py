"""Flask, Flask-WTF and Flask-SQLAlchemy as their tutorials write them; SQLite as it comes."""

import secrets
from datetime import UTC, datetime

from flask import Flask, abort, render_template, request, session
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from jinja2 import ChoiceLoader, FileSystemLoader

from bench.peers.ticks import CHARTER, COMMITMENTS, POSTERS, SECRET, TEMPLATES, database

app = Flask(__name__)
app.jinja_loader = ChoiceLoader([FileSystemLoader(TEMPLATES), FileSystemLoader(POSTERS)])
app.config.update(SECRET_KEY=SECRET, SQLALCHEMY_DATABASE_URI=f"sqlite:///{database()}")
db = SQLAlchemy(app)
CSRFProtect(app)


class Signature(db.Model):
    """A draft."""

    id = db.Column(db.Integer, primary_key=True)
    code = db.Column(db.String(20), unique=True, nullable=False)
    created_at = db.Column(db.DateTime, nullable=False, default=lambda: datetime.now(UTC))
    pledges = db.relationship("Pledge", backref="signature", cascade="all, delete-orphan")


class Pledge(db.Model):
    """A commitment taken."""

    id = db.Column(db.Integer, primary_key=True)
    signature_id = db.Column(db.ForeignKey("signature.id"), nullable=False)
    number = db.Column(db.Integer, nullable=False)
    taken_at = db.Column(db.DateTime, nullable=False, default=lambda: datetime.now(UTC))
    __table_args__ = (db.UniqueConstraint("signature_id", "number"),)


def shown(template: str, signature: Signature | None, **values: object) -> str:
    """Render a template for a draft."""
    taken = {pledge.number for pledge in signature.pledges} if signature else set()
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


@app.get("/")
def index() -> str:
    """Show the charter."""
    if "code" not in session:
        session["code"] = secrets.token_hex(10)
    return shown("candidate.html", Signature.query.filter_by(code=session["code"]).first())


@app.post("/engagements/<int:number>")
def answer(number: int) -> str:
    """Keep one answer."""
    if "code" not in session or not 1 <= number <= len(COMMITMENTS):
        abort(404)
    signature = Signature.query.filter_by(code=session["code"]).first()
    if signature is None:
        signature = Signature(code=session["code"])
        db.session.add(signature)
    pledge = Pledge.query.filter_by(signature_id=signature.id, number=number).first()
    if request.form["taken"] == "yes" and pledge is None:
        signature.pledges.append(Pledge(number=number))
    elif request.form["taken"] == "no" and pledge is not None:
        db.session.delete(pledge)
    db.session.commit()
    return shown("_answered.html", signature, commitment=COMMITMENTS[number - 1])


def prepare() -> None:
    """Make the tables."""
    with app.app_context():
        db.create_all()


if __name__ == "__main__":
    prepare()
