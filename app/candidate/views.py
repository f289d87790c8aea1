"""The candidate's pages. Every view: load or abort, form, one domain call, one commit, answer."""

import logging
from io import BytesIO

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    send_file,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from app.candidate.forms import ConfirmForm, CorrectForm, EmailForm, FindForm, SignForm, wording
from app.candidate.page import answered_line, charter_page, keep_pages
from app.candidate.session import (
    close_signature,
    current_draft,
    current_pending,
    current_signatory,
    current_signature,
    draft_code,
    forget_draft,
    is_hurried,
    keep_draft,
    open_signature,
    pretend,
    require_signatory,
)
from app.certificates import current, draw_charter
from app.certificates.exceptions import CertificateError
from app.certificates.issue import NotCertifiable, issue
from app.clock import now
from app.extensions import charter, db
from app.mail.links import ACCESS_SIGNATURE, CONFIRM_SIGNATURE, Link, Purpose, TokenInvalid
from app.models import Certificate, ConsentPurpose, LetterKind, LetterState, Signature, Status
from app.register import queries
from app.signatures import drafts, lookup, rules
from app.signatures.drafts import Draft
from app.web.htmx import go_to, wants_fragment
from app.web.rate_limits import limited

bp = Blueprint("candidate", __name__)
bp.record(keep_pages)
log = logging.getLogger(__name__)

NOTHING_TAKEN = "Cochez au moins un engagement avant de signer."


@bp.get("/")
def index() -> ResponseReturnValue:
    """Show the charter, ready to be ticked."""
    signature, saved = current_signatory(), session.pop("saved", False)
    return charter_page(signature or current_draft(), saved=saved)


@bp.post("/engagements/<int:number>")
@limited("RATELIMIT_TICKS")
def answer(number: int) -> ResponseReturnValue:
    """Record one answer: htmx gets the one line back, a plain browser the page.

    What is sent is the wanted state, so pressing twice is harmless, and the code of the signature that the
    page showed.
    """
    commitment = charter.commitment(number) or abort(404)
    wanted, shown = request.form.get("taken"), request.form.get("signature", "")
    if wanted not in ("yes", "no"):
        abort(422)
    taken = wanted == "yes"
    signature: Signature | Draft | None = current_signatory()
    code = signature.code if signature else draft_code()
    if shown != code and _is_closed(shown):
        return _refuse_closed()
    if isinstance(signature, Signature):
        rules.answer(signature, commitment, taken=taken, now=now())
        db.session.commit()
    else:
        signature = drafts.answer(code, number, taken=taken, now=now())
        keep_draft()
    if signature is None:
        forget_draft()
        return _refuse_closed()

    if wants_fragment():
        return answered_line(signature, commitment)
    session["saved"] = True
    page = ".own" if signature.is_confirmed else ".index"
    return redirect(url_for(page, _anchor=f"engagement-{number}"), code=303)


def _is_closed(code: str) -> bool:
    """Whether the page pressed was about a signature that only its own session may change."""
    return code.isalnum() and drafts.find(code) is None


def _refuse_closed() -> ResponseReturnValue:
    flash(
        "Cette signature n’est pas ouverte sur cet appareil\N{NO-BREAK SPACE}: ce dernier choix n’est pas "
        "enregistré. Si elle est confirmée, demandez un lien pour la modifier."
    )
    return go_to(url_for(".find"))


@bp.get("/charte.pdf")
def blank() -> ResponseReturnValue:
    """Serve the blank charter, to print and pass around."""
    return _pdf(draw_charter(charter, url_for(".index", _external=True)), "charte.pdf")


@bp.route("/signer", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def sign() -> ResponseReturnValue:
    """Ask who signs; keep it, and owe them a letter."""
    signature = current_signature()
    if signature.is_confirmed:
        return redirect(url_for(".own"), code=303)
    form, hurried = SignForm(signature), is_hurried()
    if not form.validate_on_submit():
        return _sign_page(form, signature, status=status_of(form))
    if hurried:
        return _sign_page(form, signature, status=422, hurried=True)
    if form.is_trapped:
        pretend(form.address)
        return redirect(url_for(".sent"), code=303)
    signatory = form.signatory()
    allowed = may_write(LetterKind.CONFIRM, signatory.email)
    try:
        rules.sign(signature, signatory, form.consents(), charter=charter, may_write=allowed, now=now())
    except rules.NothingTaken:
        return _sign_page(form, signature, status=422)
    db.session.commit()
    return redirect(url_for(".sent"), code=303)


def _sign_page(
    form: SignForm, signature: Signature, status: int, *, hurried: bool = False
) -> ResponseReturnValue:
    problems = (
        []
        if signature.pledges or status == 200
        else [(url_for(".index", _anchor="engagements"), NOTHING_TAKEN)]
    )
    page = render_template(
        "candidate/sign.html",
        form=form,
        signature=signature,
        problems=problems,
        hurried=hurried,
    )
    return page, status


@bp.post("/signer/autre")
def sign_another() -> ResponseReturnValue:
    """Let another person sign at this browser; the pending signature waits for its letter."""
    forget_draft()
    return redirect(url_for(".index", _anchor="engagements"), code=303)


@bp.route("/signer/envoye", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def sent() -> ResponseReturnValue:
    """Say where we wrote; write again, to a corrected address if there is one."""
    signature = current_pending()
    if signature is None:
        return redirect(url_for(".sign"), code=303)
    form = EmailForm(data={"email": signature.email})
    if not form.validate_on_submit():
        refused = bool(signature.letters) and signature.letters[-1].state is LetterState.REFUSED
        page = render_template("candidate/sent.html", form=form, signature=signature, refused=refused)
        return page, status_of(form)
    allowed = may_write(LetterKind.CONFIRM, form.address)
    rules.write_again(signature, form.address, may_write=allowed, now=now())
    db.session.commit()
    flash("Votre demande est prise en compte.")
    return redirect(url_for(".sent"), code=303)


@bp.route("/confirmer/<token>", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def confirm(token: str) -> ResponseReturnValue:
    """Show what will be signed; only a POST, with the box ticked, signs it."""
    link, signature = opened(CONFIRM_SIGNATURE, token)
    standing = signature.merged_into or signature
    if standing.is_confirmed:
        return render_template(
            "candidate/already.html", signature=standing, entry=queries.find(standing.code)
        )
    if standing.status is not Status.PENDING:
        abort(410)
    if not is_good(CONFIRM_SIGNATURE, link, signature):
        same_address = CONFIRM_SIGNATURE.fits(link, signature)
        return render_template("candidate/expired.html", token=token, may_resend=same_address), 410
    form = ConfirmForm()
    if not form.validate_on_submit():
        return _confirm_page(form, signature, token, status=status_of(form))
    try:
        stands = rules.confirm(
            signature, lookup.standing(signature), shown=str(form.shown.data), charter=charter, now=now()
        )
    except rules.SigningError:  # what is shown next is what stands now, to be read again
        return _confirm_page(ConfirmForm(formdata=None), signature, token, status=409)
    db.session.commit()
    open_signature(stands)
    merged = stands is not signature
    flash(
        "Vos nouveaux engagements ont rejoint votre signature, qui garde ses dates."
        if merged
        else "Votre signature est confirmée. Merci !"
        if stands.to_list
        else "Votre signature est confirmée et publiée. Merci !"
    )
    return redirect(url_for(".own"), code=303)


def _confirm_page(form: ConfirmForm, signature: Signature, token: str, status: int) -> ResponseReturnValue:
    page = render_template(
        "candidate/confirm.html",
        form=form,
        signature=signature,
        token=token,
        shown=rules.fingerprint(signature, charter),
        changed=status == 409,
        contact=next((c.wording for c in signature.consents if c.purpose is ConsentPurpose.CONTACT), None),
        standing=lookup.standing(signature),
    )
    return page, status


@bp.post("/confirmer/<token>/renvoyer")
@limited("RATELIMIT_FORMS")
def resend(token: str) -> ResponseReturnValue:
    """Send a fresh confirmation letter to the holder of an expired one."""
    link, signature = opened(CONFIRM_SIGNATURE, token)
    if signature.status is not Status.PENDING or not CONFIRM_SIGNATURE.fits(link, signature):
        return redirect(url_for(".confirm", token=token), code=303)
    allowed = may_write(LetterKind.CONFIRM, str(signature.email))
    rules.owe_confirmation(signature, now(), may_write=allowed)
    db.session.commit()
    return redirect(url_for(".resent"), code=303)


@bp.get("/confirmer/renvoye")
def resent() -> ResponseReturnValue:
    """Say that a fresh letter is on its way; no address shown, anybody may look."""
    return render_template("candidate/resent.html")


@bp.route("/confirmer/<token>/corriger", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def correct(token: str) -> ResponseReturnValue:
    """Correct what will be signed; a new address is confirmed by a new letter."""
    link, signature = opened(CONFIRM_SIGNATURE, token)
    if signature.status is not Status.PENDING or not is_good(CONFIRM_SIGNATURE, link, signature):
        return redirect(url_for(".confirm", token=token), code=303)
    form = CorrectForm(signature)
    if not form.validate_on_submit():
        page = render_template("candidate/correct.html", form=form, token=token)
        return page, status_of(form)
    signatory = form.signatory()
    moved = rules.correct(
        signature,
        signatory,
        form.consents(),
        may_write=may_write(LetterKind.CONFIRM, signatory.email),
        may_warn=may_write(LetterKind.MOVING, str(signature.email)),
        now=now(),
    )
    db.session.commit()
    return redirect(url_for(".resent") if moved else url_for(".confirm", token=token), code=303)


@bp.get("/ma-signature")
def own() -> ResponseReturnValue:
    """Show my commitments, my certificate, what is known of me."""
    signature = require_signatory()
    return _own_page(signature)


def _own_page(signature: Signature, *, delayed: bool = False) -> str:
    return render_template(
        "candidate/own.html",
        signature=signature,
        entry=queries.find(signature.code),
        agreed=next((c for c in signature.consents if c.purpose is ConsentPurpose.CONTACT), None),
        contact_words=wording(ConsentPurpose.CONTACT),
        saved=session.pop("saved", False),
        delayed=delayed,
    )


@bp.route("/ma-signature/certificat.pdf", methods=["GET", "POST"])
@limited("RATELIMIT_CERTIFICATES")
def certificate_file() -> ResponseReturnValue:
    """Serve my certificate as it was sealed; a POST has it made first, where none says what I signed."""
    if request.method == "POST":
        return _issue()
    certificate = _certificate()
    assert certificate.pdf is not None  # of a signature that stands
    return _pdf(certificate.pdf, current.snapshot_of(certificate).filename)


@bp.route("/ma-signature/certificat", methods=["GET", "POST"])
@limited("RATELIMIT_CERTIFICATES")
def certificate() -> ResponseReturnValue:
    """Show my certificate as a page: the same words as the PDF."""
    if request.method == "POST":
        return _issue()
    return render_template("candidate/certificate.html", snapshot=current.snapshot_of(_certificate()))


def _issue() -> ResponseReturnValue:
    signature = require_signatory()
    try:
        issue(signature)
    except NotCertifiable:
        return redirect(url_for(".own"), code=303)  # which says why
    except CertificateError:
        log.exception("the certificate of signature %s cannot be made", signature.id)
        return _own_page(signature, delayed=True), 503
    return redirect(url_for(str(request.endpoint)), code=303)


def _certificate() -> Certificate:
    """Return the certificate that still holds, or abort to where it is asked for."""
    signature = require_signatory()
    certificate = current.standing_certificate(signature) if signature.pledges else None
    return certificate or abort(redirect(url_for(".own", _anchor="certificat"), code=303))


@bp.post("/ma-signature/fermer")
def leave() -> ResponseReturnValue:
    """Close my session, here and wherever this signature is open."""
    signature = current_signatory()
    if signature:
        rules.close(signature)
        db.session.commit()
    close_signature()
    return redirect(url_for(".index"), code=303)


@bp.route("/retrouver", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def find() -> ResponseReturnValue:
    """Ask for a link to my signature; the answer is the same whether the address is known or not."""
    form, hurried = FindForm(), is_hurried()
    if not form.validate_on_submit():
        return render_template("candidate/find.html", form=form, hurried=False), status_of(form)
    if hurried:
        return render_template("candidate/find.html", form=form, hurried=True), 422
    if form.is_trapped:
        return redirect(url_for(".found"), code=303)
    allowed = may_write(LetterKind.ACCESS, form.address)
    db.session.add(rules.ask_access(form.address, now(), may_write=allowed))
    db.session.commit()
    return redirect(url_for(".found"), code=303)


@bp.get("/retrouver/envoye")
def found() -> ResponseReturnValue:
    """Say that a letter is on its way, if there was anything to write about."""
    return render_template("candidate/found.html")


@bp.route("/acces/<token>", methods=["GET", "POST"])
@limited("RATELIMIT_FORMS")
def access(token: str) -> ResponseReturnValue:
    """Open my signature: GET only offers the button, so that a mail scanner does not use the link up."""
    link, signature = opened(ACCESS_SIGNATURE, token)
    if not signature.is_confirmed or not is_good(ACCESS_SIGNATURE, link, signature):
        abort(410)
    if request.method != "POST":
        return render_template("candidate/access.html", token=token, signature=signature)
    rules.use_access(signature, now())
    db.session.commit()
    open_signature(signature)
    return redirect(url_for(".own"), code=303)


def status_of(form: FlaskForm) -> int:
    """Return the status of a page that shows a form: fresh, or with errors."""
    return 422 if form.errors else 200


def may_write(kind: LetterKind, address: str) -> bool:
    """Whether one more letter of that kind may go to an address today."""
    return lookup.may_write(kind, address, current_app.config["LETTERS_PER_DAY"], now())


def opened(purpose: Purpose, token: str) -> tuple[Link, Signature]:
    """Return what a link leads to, or abort: it is damaged, or what it was about was erased."""
    try:
        link = purpose.read(token)
    except TokenInvalid:
        abort(404)
    return link, lookup.by_code(link.code) or abort(404)


def is_good(purpose: Purpose, link: Link, signature: Signature) -> bool:
    """Whether a link may be used still."""
    return not link.expired and purpose.fits(link, signature)


def _pdf(content: bytes, filename: str) -> ResponseReturnValue:
    return send_file(BytesIO(content), mimetype="application/pdf", as_attachment=True, download_name=filename)
