"""Coming back to a confirmed signature: a link is asked for, opens it, and the session is closed."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.candidate import bp
from app.candidate.forms import FindForm, RefuseForm, form_status
from app.candidate.session import (
    close_signature,
    current_signatory,
    is_sent_too_fast,
    is_usable,
    load_linked_signature,
    open_signature,
)
from app.clock import now
from app.extensions import db
from app.mail.links import ACCESS_SIGNATURE, MOVE_SIGNATURE, REFUSE_MOVE
from app.mail.quota import within_quota
from app.models import LetterKind
from app.signatures import lookup, rules
from app.web.rate_limits import limited


@bp.route("/retrouver", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def request_access() -> ResponseReturnValue:
    """Ask for a link to a signature; the answer is the same whether the address is known or not."""
    form, too_fast = FindForm(), is_sent_too_fast()
    if not form.validate_on_submit():
        return render_template("candidate/request_access.html", form=form, too_fast=False), form_status(form)
    if too_fast:
        return render_template("candidate/request_access.html", form=form, too_fast=True), 422
    if form.is_trapped:
        return redirect(url_for(".access_requested"), code=303)
    allowed = within_quota(LetterKind.ACCESS, form.address, now())
    db.session.add(rules.request_access(form.address, now(), within_quota=allowed))
    db.session.commit()
    return redirect(url_for(".access_requested"), code=303)


@bp.get("/retrouver/envoye")
def access_requested() -> ResponseReturnValue:
    """Say that a letter is on its way, if that address has signed."""
    return render_template("candidate/access_requested.html")


@bp.route("/acces/<token:token>", methods=["GET", "POST"], strict_slashes=False)
@limited("RATELIMIT_FORMS")
def access(token: str) -> ResponseReturnValue:
    """Open a signature. GET only shows the button, so that a mail scanner does not use the link up."""
    link, signature = load_linked_signature(ACCESS_SIGNATURE, token)
    if not signature.is_confirmed or not is_usable(ACCESS_SIGNATURE, link, signature):
        abort(410)
    if request.method != "POST":
        return render_template("candidate/access.html", token=token, signature=signature)
    rules.use_access_link(signature, now())
    db.session.commit()
    open_signature(signature)
    return redirect(url_for(".my_signature"), code=303)


@bp.route("/demenager/<token:token>", methods=["GET", "POST"], strict_slashes=False)
def move(token: str) -> ResponseReturnValue:
    """Move a signature to the address where this link was received."""
    link, signature = load_linked_signature(MOVE_SIGNATURE, token)
    if (
        not signature.is_confirmed
        or not signature.new_email
        or not is_usable(MOVE_SIGNATURE, link, signature)
    ):
        abort(410)
    twin = lookup.find_confirmed(signature, signature.new_email)
    if request.method != "POST" or twin:
        page = render_template("candidate/move.html", token=token, signature=signature, twin=twin)
        return page, 409 if twin else 200
    rules.move(signature, now())
    db.session.commit()
    open_signature(signature)
    flash("Votre nouvelle adresse est confirmée.")
    return redirect(url_for(".my_signature"), code=303)


@bp.route("/demenager/<token:token>/refuser", methods=["GET", "POST"])
def refuse_move(token: str) -> ResponseReturnValue:
    """Keep, or take back, the address of a signature that asked for another one."""
    link, signature = load_linked_signature(REFUSE_MOVE, token)
    asked = signature.new_email or signature.former_email
    if not signature.is_confirmed or not asked or not is_usable(REFUSE_MOVE, link, signature):
        abort(410)
    form = RefuseForm()
    if not form.validate_on_submit():
        page = render_template("candidate/refuse_move.html", form=form, token=token, signature=signature)
        return page, form_status(form)
    rules.refuse_move(signature, now())
    db.session.commit()
    return redirect(url_for(".move_refused"), code=303)


@bp.get("/demenager/refuse")
def move_refused() -> ResponseReturnValue:
    """Say that the address stays. The page is public: it shows no name."""
    return render_template("candidate/move_refused.html")


@bp.post("/ma-signature/fermer")
def close_session() -> ResponseReturnValue:
    """Close the session of a signature, in this browser and in every other."""
    signature = current_signatory()
    if signature:
        rules.close_sessions(signature)
        db.session.commit()
    close_signature()
    return redirect(url_for(".index"), code=303)
