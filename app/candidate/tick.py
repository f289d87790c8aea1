"""The charter, and its commitments, each ticked into this browser's draft."""

from collections.abc import Callable
from functools import partial

from flask import abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app.candidate import bp
from app.candidate.session import (
    Draft,
    current_signatory,
    keep_cookie,
    pending_signature,
    read_draft,
    tick_draft,
)
from app.content.charter import Commitment
from app.extensions import charter
from app.models import Signature
from app.web.htmx import go_to, wants_fragment


@bp.get("/")
def index() -> ResponseReturnValue:
    """Show the charter: ready to be ticked, or as the signature open in this browser took it."""
    keep_cookie()
    return render_template(
        "candidate/index.html",
        holder=current_signatory() or read_draft(),
        post_url=partial(url_for, ".tick"),
        waits_for_confirmation=pending_signature() is not None,
        saved=session.pop("saved", False),
    )


@bp.post("/engagements/<int:number>")
def tick(number: int) -> ResponseReturnValue:
    """Tick one commitment in the draft, or untick it. Nothing is stored on the server."""
    commitment, taken = read_press(number)
    if current_signatory():
        flash("Votre signature est confirmée\N{NO-BREAK SPACE}: ses engagements se modifient ici.")
        return go_to(url_for(".edit_commitments"))
    draft = tick_draft(number, taken=taken)
    return answer_press(draft, commitment, partial(url_for, ".tick"), url_for(".index"))


def read_press(number: int) -> tuple[Commitment, bool]:
    """Return the commitment of a pressed button and the wanted state, or abort with 404 or 422.

    The button sends the wanted state, so pressing twice is harmless.
    """
    commitment = charter.commitment(number) or abort(404)
    wanted = request.form.get("taken")
    if wanted not in ("yes", "no"):
        abort(422)
    return commitment, wanted == "yes"


def answer_press(
    holder: Draft | Signature, commitment: Commitment, post_url: Callable[..., str], page_url: str
) -> ResponseReturnValue:
    """Answer a press: htmx gets that commitment and the progress, a plain browser the page at its line."""
    if wants_fragment():
        return render_template(
            "candidate/_ticked.html", holder=holder, item=commitment, post_url=post_url, saved=True
        )
    session["saved"] = True
    return redirect(f"{page_url}#engagement-{commitment.number}", code=303)
