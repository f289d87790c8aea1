"""« Ma signature »: what the owner of a confirmed signature reads and changes."""

import json
from functools import partial

from flask import Response, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app.candidate import bp
from app.candidate.forms import AmendForm, IdentityForm, SwitchForm, consent_wording, form_status
from app.candidate.session import (
    close_signature,
    current_signatory,
    pending_signature,
    require_signatory,
)
from app.candidate.tick import answer_press, read_press
from app.clock import now
from app.extensions import db
from app.mail.quota import detach_sent_letters, within_quota
from app.models import ConsentPurpose, LetterKind, Signature
from app.register import queries
from app.signatures import lookup, retention, rules
from app.signatures.personal_data import all_held
from app.web.htmx import go_to
from app.web.rate_limits import limited

NAMESAKE = "Une autre signature existe déjà à votre adresse, à ce nom et pour cette commune."
CHANGED = (
    "Votre signature a été corrigée ailleurs depuis que vous avez ouvert cette page. Relisez ce qui suit, "
    "puis enregistrez de nouveau pour le garder."
)


@bp.get("/ma-signature")
def my_signature() -> ResponseReturnValue:
    """Show the signature open in this browser; or say that the one it sent waits for its letter."""
    if not current_signatory() and pending_signature():
        return render_template("candidate/pending.html")
    return my_signature_page(require_signatory())


def my_signature_page(signature: Signature, *, delayed: bool = False) -> str:
    """Return the page; ``delayed`` says that the certificate could not be issued just now."""
    return render_template(
        "candidate/my_signature.html",
        signature=signature,
        entry=queries.find_entry(signature.code),
        agreed=next((c for c in signature.consents if c.purpose is ConsentPurpose.CONTACT), None),
        contact_words=consent_wording(ConsentPurpose.CONTACT),
        delayed=delayed,
    )


@bp.get("/ma-signature/engagements")
def edit_commitments() -> ResponseReturnValue:
    """Show the commitments of a confirmed signature, to be changed one by one."""
    return render_template(
        "candidate/edit_commitments.html",
        holder=require_signatory(),
        post_url=partial(url_for, ".edit_commitment"),
        saved=session.pop("saved", False),
    )


@bp.post("/ma-signature/engagements/<int:number>")
@limited("RATELIMIT_FORMS")
def edit_commitment(number: int) -> ResponseReturnValue:
    """Take one commitment in a confirmed signature, or release it: stored, dated and published at once."""
    signature = current_signatory()
    if signature is None:
        flash("Votre session est fermée\N{NO-BREAK SPACE}: ce dernier choix n’est pas enregistré.")
        return go_to(url_for(".request_access"))
    commitment, taken = read_press(number)
    rules.set_pledge(signature, commitment, taken=taken, now=now())
    db.session.commit()
    return answer_press(
        signature, commitment, partial(url_for, ".edit_commitment"), url_for(".edit_commitments")
    )


@bp.route("/ma-signature/corriger", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def amend() -> ResponseReturnValue:
    """Correct who signed; a new address is confirmed by a letter first."""
    signature = require_signatory()
    form = AmendForm(signature)
    if not form.validate_on_submit():
        return _amend_page(form, signature, form_status(form))
    if form.shown.data != rules.identity_hash(signature):
        return _amend_page(form, signature, 409, problem=CHANGED)
    if _find_namesake(signature, form):
        return _amend_page(form, signature, 422, problem=NAMESAKE)
    signatory = form.signatory()
    moving = rules.amend(
        signature,
        signatory,
        within_quota=within_quota(LetterKind.MOVE, signatory.email, now()),
        may_warn=within_quota(LetterKind.MOVING, str(signature.email), now()),
        now=now(),
    )
    db.session.commit()
    flash("Votre signature est à jour.")
    if moving:
        flash(f"Pour changer d’adresse, ouvrez le lien que vous recevrez à {signatory.email}.")
    return redirect(url_for(".my_signature"), code=303)


def _amend_page(
    form: AmendForm, signature: Signature, status: int, *, problem: str | None = None
) -> ResponseReturnValue:
    shown = form.shown.data if status == 422 else rules.identity_hash(signature)
    page = render_template("candidate/amend.html", form=form, shown=shown, problem=problem)
    return page, status


def _find_namesake(signature: Signature, form: IdentityForm) -> Signature | None:
    """Return the other signature, at the same address, that this one would become."""
    other = lookup.find_confirmed(form.signatory(), signature.email)
    return None if other is signature else other


@bp.post("/ma-signature/contact")
def contact() -> ResponseReturnValue:
    """Consent to be contacted, or withdraw that consent."""
    signature = require_signatory()
    form = SwitchForm()
    if not form.validate():
        abort(422)
    words = consent_wording(ConsentPurpose.CONTACT) if form.is_agreed else None
    rules.set_contact_consent(signature, words, now())
    db.session.commit()
    return redirect(url_for(".my_signature", _anchor="contact"), code=303)


@bp.post("/ma-signature/indexation")
def indexing() -> ResponseReturnValue:
    """Let search engines show the public page, or ask them not to."""
    signature = require_signatory()
    form = SwitchForm()
    if not form.validate():
        abort(422)
    rules.set_indexing(signature, agreed=form.is_agreed, now=now())
    db.session.commit()
    return redirect(url_for(".my_signature", _anchor="indexation"), code=303)


@bp.route("/ma-signature/retirer", methods=["GET", "POST"])
def withdraw() -> ResponseReturnValue:
    """Withdraw the signature: GET says what that means, POST does it."""
    signature = require_signatory()
    if request.method != "POST":
        return render_template("candidate/withdraw.html", signature=signature)
    detach_sent_letters(signature)
    erased = rules.withdraw(signature, now())
    db.session.commit()
    retention.remember(erased, now())
    close_signature()
    return redirect(url_for(".withdrawn"), code=303)


@bp.get("/signature-retiree")
def withdrawn() -> ResponseReturnValue:
    """Say that the signature is withdrawn. The page is public: it shows no name."""
    return render_template("candidate/withdrawn.html")


@bp.get("/ma-signature/donnees.json")
def personal_data() -> ResponseReturnValue:
    """Send all the personal data of the signature, as JSON (RGPD, art. 15 and 20)."""
    written = json.dumps(all_held(require_signatory()), ensure_ascii=False, indent=2)
    attached = {"Content-Disposition": "attachment; filename=ma-signature.json"}
    return Response(written, mimetype="application/json", headers=attached)
