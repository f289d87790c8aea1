"""The development mailbox. It exists only in debug mode and without an SMTP relay."""

from flask import Blueprint, Response, abort, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.extensions import db
from app.mail.letters import compose
from app.models import Letter

bp = Blueprint("preview", __name__, url_prefix="/dev/courrier")


@bp.get("")
def mailbox() -> ResponseReturnValue:
    """Show the latest letters, as they would leave now."""
    letters = db.session.scalars(select(Letter).order_by(Letter.id.desc()).limit(20)).all()
    return render_template("preview/mailbox.html", letters=[(letter, compose(letter)) for letter in letters])


@bp.get("/<int:letter_id>")
def html(letter_id: int) -> ResponseReturnValue:
    """Show the HTML of one letter, whose inline styles our own policy forbids."""
    letter = db.session.get(Letter, letter_id) or abort(404)
    message = compose(letter) or abort(410)
    response = Response(message.html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response
