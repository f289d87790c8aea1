"""What the owner of a confirmed signature may change: the person, the address, the consent, everything."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.candidate.forms import AmendForm, IdentityForm, SwitchForm, wording
from app.candidate.session import close_signature, open_signature, require_signatory
from app.candidate.views import bp, is_good, may_write, opened, status_of
from app.clock import now
from app.extensions import db
from app.mail.links import DENY_SIGNATURE, MOVE_SIGNATURE
from app.models import ConsentPurpose, Event, LetterKind, Signature, Status
from app.signatures import lookup, retention, rules
from app.web.rate_limits import limited

NAMESAKE = "Une autre signature existe déjà à votre adresse, à ce nom et pour cette commune."
CHANGED = (
    "Votre signature a été corrigée ailleurs depuis que vous avez ouvert cette page. Relisez ce qui suit, "
    "puis enregistrez de nouveau pour le garder."
)


@bp.route("/ma-signature/corriger", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def amend() -> ResponseReturnValue:
    """Correct who I am; a new address is asked first whether it agrees."""
    signature = require_signatory()
    form = AmendForm(signature)
    if not form.validate_on_submit():
        return _amend_page(form, signature, status=status_of(form))
    if form.shown.data != rules.identity(signature):
        return _amend_page(form, signature, status=409, problem=CHANGED)
    if _namesake(signature, form):
        return _amend_page(form, signature, status=422, problem=NAMESAKE)
    signatory = form.signatory()
    moving = rules.amend(
        signature,
        signatory,
        may_write=may_write(LetterKind.MOVE, signatory.email),
        may_warn=may_write(LetterKind.MOVING, str(signature.email)),
        now=now(),
    )
    db.session.commit()
    flash("Votre signature est à jour.")
    if moving:
        flash(f"Pour changer d’adresse, ouvrez le lien que vous recevrez à {signatory.email}.")
    return redirect(url_for(".own"), code=303)


def _amend_page(
    form: AmendForm, signature: Signature, *, status: int, problem: str | None = None
) -> ResponseReturnValue:
    shown = form.shown.data if status == 422 else rules.identity(signature)
    page = render_template("candidate/amend.html", form=form, shown=shown, problem=problem)
    return page, status


def _namesake(signature: Signature, form: IdentityForm) -> Signature | None:
    """Return the other signature, at the same address, that this one would become."""
    other = lookup.standing(form.signatory(), signature.email)
    return None if other is signature else other


@bp.post("/ma-signature/contact")
def contact() -> ResponseReturnValue:
    """Agree to be written to, or take it back."""
    signature = require_signatory()
    form = SwitchForm()
    if not form.validate():
        abort(422)
    words = wording(ConsentPurpose.CONTACT) if form.is_agreed else None
    rules.agree_to_contact(signature, words, now())
    db.session.commit()
    return redirect(url_for(".own", _anchor="contact"), code=303)


@bp.post("/ma-signature/indexation")
def indexing() -> ResponseReturnValue:
    """Let search engines show my page, or ask them not to."""
    signature = require_signatory()
    form = SwitchForm()
    if not form.validate():
        abort(422)
    rules.agree_to_indexing(signature, agreed=form.is_agreed, now=now())
    db.session.commit()
    return redirect(url_for(".own", _anchor="indexation"), code=303)


@bp.route("/ma-signature/retirer", methods=["GET", "POST"])
def withdraw() -> ResponseReturnValue:
    """Take my signature back: the page says what that means, its button does it."""
    signature = require_signatory()
    if request.method != "POST":
        return render_template("candidate/withdraw.html", signature=signature)
    lookup.set_letters_apart(signature)
    erased = rules.withdraw(signature, now())
    db.session.commit()
    retention.remember(erased, now())
    close_signature()
    return redirect(url_for(".withdrawn"), code=303)


@bp.get("/signature-retiree")
def withdrawn() -> ResponseReturnValue:
    """Say that it is done; nobody is named, anybody may look."""
    return render_template("candidate/withdrawn.html")


@bp.route("/demenager/<token>", methods=["GET", "POST"])
def move(token: str) -> ResponseReturnValue:
    """Move a signature to the address where this link was received."""
    link, signature = opened(MOVE_SIGNATURE, token)
    if not signature.is_confirmed or not signature.new_email or not is_good(MOVE_SIGNATURE, link, signature):
        abort(410)
    twin = lookup.standing(signature, signature.new_email)
    if request.method != "POST" or twin:
        page = render_template("candidate/move.html", token=token, signature=signature, twin=twin)
        return page, 409 if twin else 200
    rules.move(signature, now())
    db.session.commit()
    open_signature(signature)
    flash("Votre nouvelle adresse est confirmée.")
    return redirect(url_for(".own"), code=303)


@bp.route("/refuser/<token>", methods=["GET", "POST"])
def deny(token: str) -> ResponseReturnValue:
    """« Ce n’est pas moi »: erase a signature that somebody else began at this address."""
    link, signature = opened(DENY_SIGNATURE, token)
    if signature.status is not Status.PENDING or not is_good(DENY_SIGNATURE, link, signature):
        abort(410)
    if request.method != "POST":
        return render_template("candidate/deny.html", token=token, signature=signature)
    lookup.set_letters_apart(signature)
    db.session.delete(signature)
    db.session.add(Event("denied", now()))
    db.session.commit()
    retention.remember([signature.code], now())
    return redirect(url_for(".denied"), code=303)


@bp.get("/refuser/fait")
def denied() -> ResponseReturnValue:
    """Say that it is erased; nobody is named, anybody may look."""
    return render_template("candidate/denied.html")
