"""The confirmation letter's links: read what will be signed, change it, confirm it, or refuse it."""

from datetime import datetime
from functools import partial

from flask import abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app.candidate import bp
from app.candidate.forms import ConfirmForm, CorrectForm, RefuseForm, form_status
from app.candidate.session import is_usable, load_linked_signature, open_signature, read_link
from app.candidate.tick import answer_press, read_press
from app.clock import now
from app.extensions import charter, db
from app.mail.links import CONFIRM_SIGNATURE, DENY_SIGNATURE, Link, is_replaced
from app.mail.quota import detach_sent_letters, find_refusal, record_refusal, within_quota
from app.models import ConsentPurpose, Event, Letter, LetterKind, LetterState, Signature, Status
from app.register import queries
from app.signatures import lookup, retention, rules
from app.web.htmx import go_to
from app.web.rate_limits import limited


@bp.route("/confirmer/<token:token>", methods=["GET", "POST"], strict_slashes=False)
@limited("RATELIMIT_FORMS")
def confirm(token: str) -> ResponseReturnValue:
    """Show what will be signed; only a POST, with the box ticked, signs it."""
    link, signature = load_linked_signature(CONFIRM_SIGNATURE, token)
    standing = signature.merged_into or signature
    if standing.is_confirmed:
        entry = queries.find_entry(standing.code)
        return render_template("candidate/already.html", signature=standing, entry=entry)
    if standing.status is not Status.PENDING:
        abort(410)
    if not is_usable(CONFIRM_SIGNATURE, link, signature):
        page = render_template(
            "candidate/expired.html",
            token=token,
            may_resend=_may_resend(link, signature),
            replaced_at=_last_confirmation(signature) if is_replaced(link, signature) else None,
        )
        return page, 410
    form = ConfirmForm()
    if not form.validate_on_submit():
        return _confirm_page(form, signature, token, form_status(form))
    try:
        confirmed = rules.confirm(
            signature,
            lookup.find_confirmed(signature),
            shown=str(form.shown.data),
            charter=charter,
            now=now(),
        )
    except rules.SigningError:  # the page now shows the signature as it has become, to be read again
        return _confirm_page(ConfirmForm(formdata=None), signature, token, 409)
    db.session.commit()
    open_signature(confirmed)
    if confirmed is not signature:
        flash("Vos nouveaux engagements ont rejoint votre signature, qui garde ses dates.")
    elif confirmed.to_list:
        flash("Votre signature est confirmée. Merci !")
    else:
        flash("Votre signature est confirmée et publiée. Merci !")
    return redirect(url_for(".my_signature"), code=303)


def _confirm_page(form: ConfirmForm, signature: Signature, token: str, status: int) -> ResponseReturnValue:
    page = render_template(
        "candidate/confirm.html",
        form=form,
        signature=signature,
        token=token,
        shown=rules.shown_hash(signature, charter),
        changed=status == 409,
        contact=next((c.wording for c in signature.consents if c.purpose is ConsentPurpose.CONTACT), None),
        standing=lookup.find_confirmed(signature),
    )
    return page, status


def _may_resend(link: Link, signature: Signature) -> bool:
    """Return True if a link went to the present address of a signature, whatever its age."""
    return CONFIRM_SIGNATURE.matches(link, signature) or is_replaced(link, signature)


def _last_confirmation(signature: Signature) -> datetime | None:
    """Return when the newest confirmation letter was queued, or None if it was erased since."""
    letters = [letter for letter in signature.letters if letter.kind is LetterKind.CONFIRM]
    written = (letter.created_at for letter in letters if letter.state is not LetterState.VOID)
    return max(written, default=None)


def _load_pending(token: str) -> Signature:
    """Return the pending signature of a link, or abort to the page that says what became of it."""
    link, signature = load_linked_signature(CONFIRM_SIGNATURE, token)
    if signature.status is not Status.PENDING or not is_usable(CONFIRM_SIGNATURE, link, signature):
        abort(go_to(url_for(".confirm", token=token)))
    return signature


@bp.get("/confirmer/<token:token>/engagements")
def change_commitments(token: str) -> ResponseReturnValue:
    """Show the commitments of a pending signature, to be changed before it is confirmed."""
    return render_template(
        "candidate/change_commitments.html",
        holder=_load_pending(token),
        post_url=partial(url_for, ".change_commitment", token=token),
        token=token,
        saved=session.pop("saved", False),
    )


@bp.post("/confirmer/<token:token>/engagements/<int:number>")
@limited("RATELIMIT_FORMS")
def change_commitment(token: str, number: int) -> ResponseReturnValue:
    """Take one commitment in a pending signature, or release it."""
    signature = _load_pending(token)
    commitment, taken = read_press(number)
    rules.set_pledge(signature, commitment, taken=taken, now=now())
    db.session.commit()
    post_url = partial(url_for, ".change_commitment", token=token)
    return answer_press(signature, commitment, post_url, url_for(".change_commitments", token=token))


@bp.route("/confirmer/<token:token>/corriger", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def correct(token: str) -> ResponseReturnValue:
    """Correct who signs; a new address is confirmed by a new letter."""
    signature = _load_pending(token)
    form = CorrectForm(signature)
    if not form.validate_on_submit():
        return render_template("candidate/correct.html", form=form, token=token), form_status(form)
    signatory = form.signatory()
    moved = rules.correct(
        signature,
        signatory,
        form.consents(),
        within_quota=within_quota(LetterKind.CONFIRM, signatory.email, now()),
        may_warn=within_quota(LetterKind.MOVING, str(signature.email), now()),
        now=now(),
    )
    db.session.commit()
    return redirect(url_for(".resent") if moved else url_for(".confirm", token=token), code=303)


@bp.post("/confirmer/<token:token>/renvoyer")
@limited("RATELIMIT_FORMS")
def resend(token: str) -> ResponseReturnValue:
    """Send a fresh confirmation letter to the holder of an expired link."""
    link, signature = load_linked_signature(CONFIRM_SIGNATURE, token)
    if signature.status is not Status.PENDING or not _may_resend(link, signature):
        return redirect(url_for(".confirm", token=token), code=303)
    allowed = within_quota(LetterKind.CONFIRM, str(signature.email), now())
    rules.queue_confirmation(signature, now(), within_quota=allowed)
    db.session.commit()
    return redirect(url_for(".resent"), code=303)


@bp.get("/confirmer/renvoye")
def resent() -> ResponseReturnValue:
    """Say that a fresh letter is on its way. The page is public: it shows no address."""
    return render_template("candidate/resent.html")


@bp.route("/refuser/<token:token>", methods=["GET", "POST"], strict_slashes=False)
def deny(token: str) -> ResponseReturnValue:
    """« Ce n’est pas moi »: erase a pending signature that another person began with this address.

    Once that is done, the same link offers to receive letters again.
    """
    link = read_link(DENY_SIGNATURE, token)
    if refusal := find_refusal(link.code):
        return _allow_letters(refusal, token)
    signature = lookup.find_by_code(link.code) or abort(404)
    if signature.status is not Status.PENDING or not is_usable(DENY_SIGNATURE, link, signature):
        abort(410)
    form = RefuseForm()
    if not form.validate_on_submit():
        confirm_url = CONFIRM_SIGNATURE.make_url(signature)
        page = render_template(
            "candidate/deny.html", form=form, token=token, signature=signature, confirm_url=confirm_url
        )
        return page, form_status(form)
    detach_sent_letters(signature)
    record_refusal(signature, now())
    db.session.delete(signature)
    db.session.add(Event("denied", now()))
    db.session.commit()
    retention.remember([signature.code], now())
    return redirect(url_for(".denied"), code=303)


def _allow_letters(refusal: Letter, token: str) -> ResponseReturnValue:
    """Offer to end a refusal; a POST ends it."""
    if request.method != "POST":
        return render_template("candidate/refused.html", token=token, refused_at=refusal.created_at)
    db.session.delete(refusal)
    db.session.commit()
    flash("Nous pouvons de nouveau vous écrire.")
    return redirect(url_for(".request_access"), code=303)


@bp.get("/refuser/fait")
def denied() -> ResponseReturnValue:
    """Say that it is erased. The page is public: it shows no name."""
    return render_template("candidate/denied.html")
