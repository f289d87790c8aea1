"""The development mailbox, registered in debug mode only, and only without an SMTP server."""

from flask import Blueprint, Response, abort, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.extensions import db
from app.mail.letters import compose_message
from app.models import Letter

bp = Blueprint("preview", __name__, url_prefix="/dev/courrier")


@bp.get("")
def mailbox() -> ResponseReturnValue:
    """Show the latest letters as they read now."""
    letters = db.session.scalars(select(Letter).order_by(Letter.id.desc()).limit(20)).all()
    messages = [(letter, compose_message(letter)) for letter in letters]
    return render_template("preview/mailbox.html", letters=messages)


@bp.get("/<int:letter_id>")
def html(letter_id: int) -> ResponseReturnValue:
    """Show the HTML of one letter; its inline styles need a policy of their own."""
    letter = db.session.get(Letter, letter_id) or abort(404)
    message = compose_message(letter) or abort(410)
    response = Response(message.html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response
