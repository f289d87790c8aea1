"""Signing: who signs, and where the confirmation letter went."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.candidate import bp
from app.candidate.forms import EmailForm, SignForm, form_status
from app.candidate.session import (
    Draft,
    current_signatory,
    fake_success_for_bot,
    forget_pending,
    is_sent_too_fast,
    pending_signature,
    read_draft,
    remember_pending,
)
from app.clock import now
from app.extensions import charter, db
from app.mail.quota import within_quota
from app.models import LetterKind, LetterState
from app.signatures import lookup, rules
from app.web.rate_limits import limited

NOTHING_TICKED = "Cochez au moins un engagement avant de signer."
DRAFT_LOST = (
    "Votre navigateur n’a plus les engagements que vous aviez cochés\N{NO-BREAK SPACE}: ses cookies ont été "
    "effacés, ou refusés. Cochez-les de nouveau avant de signer."
)
ALREADY_SENT = "Cette signature est déjà partie. Pour la corriger, ouvrez le lien reçu par courriel."


@bp.route("/signer", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def sign() -> ResponseReturnValue:
    """Ask who signs; store the pending signature and queue its confirmation letter."""
    if current_signatory():
        return redirect(url_for(".my_signature"), code=303)
    draft, form, too_fast = read_draft(), SignForm(), is_sent_too_fast()
    if form.is_submitted() and form.ticked.data and not draft.pledges and pending_signature():
        flash(ALREADY_SENT)  # from another tab, or before the back button
        return redirect(url_for(".sent"), code=303)
    if not form.validate_on_submit():
        return _sign_page(form, draft, form_status(form))
    if too_fast:
        return _sign_page(form, draft, 422, too_fast=True)
    if form.is_trapped:
        fake_success_for_bot(form.address)
        return redirect(url_for(".sent"), code=303)
    if not draft.pledges:
        return _sign_page(form, draft, 422)
    signatory = form.signatory()
    # The second request of a double click waits here for the first.
    allowed = within_quota(LetterKind.CONFIRM, signatory.email, now())
    signature = lookup.find_by_code(draft.code)
    if signature is None:
        signature = rules.sign(
            signatory,
            draft.pledges,
            form.consents(),
            code=draft.code,
            charter=charter,
            within_quota=allowed,
            now=now(),
        )
        db.session.add(signature)
        db.session.commit()
    remember_pending(signature)
    return redirect(url_for(".sent"), code=303)


def _sign_page(form: SignForm, draft: Draft, status: int, *, too_fast: bool = False) -> ResponseReturnValue:
    problems = []
    if status != 200 and not draft.pledges:
        words = DRAFT_LOST if form.ticked.data else NOTHING_TICKED
        problems.append((url_for(".index", _anchor="engagements"), words))
    page = render_template(
        "candidate/sign.html", form=form, draft=draft, problems=problems, too_fast=too_fast
    )
    return page, status


@bp.post("/signer/autre")
def sign_another() -> ResponseReturnValue:
    """Let another person sign at this browser; the pending signature still waits for its letter."""
    forget_pending()
    return redirect(url_for(".index", _anchor="engagements"), code=303)


@bp.route("/signer/envoye", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def sent() -> ResponseReturnValue:
    """Show where the confirmation letter went; send it again, to a corrected address if there is one."""
    signature = pending_signature()
    if signature is None:
        return redirect(url_for(".sign"), code=303)
    form = EmailForm(data={"email": signature.email})
    if not form.validate_on_submit():
        refused = bool(signature.letters) and signature.letters[-1].state is LetterState.REFUSED
        page = render_template("candidate/sent.html", form=form, signature=signature, refused=refused)
        return page, form_status(form)
    allowed = within_quota(LetterKind.CONFIRM, form.address, now())
    rules.resend_confirmation(signature, form.address, within_quota=allowed, now=now())
    db.session.commit()
    flash("Votre demande est prise en compte.")
    return redirect(url_for(".sent"), code=303)
