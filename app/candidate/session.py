"""What one browser remembers, in its signed session cookie.

``draft``
    The commitments ticked before signing: ``{"code": …, "numbers": […]}``. The server stores nothing of them.
``pending``
    The code of the signature that this browser sent last, until its letter is answered.
``owner``
    The confirmed signature that a link opened: its code, when it was opened and last used (seconds since
    1970), and how often its sessions had been closed.
"""

from dataclasses import dataclass

from flask import abort, current_app, make_response, redirect, render_template, session, url_for

from app.clock import now
from app.extensions import charter
from app.mail.links import Link, Purpose, TokenInvalid, is_cut
from app.models import Signature, Status, new_code
from app.signatures import lookup


@dataclass(frozen=True)
class Draft:
    """The commitments ticked in one browser. ``code`` names the signature that they will become."""

    code: str
    pledges: frozenset[int]
    is_confirmed = False


def read_draft() -> Draft:
    """Return this browser's draft, without the numbers that the charter no longer has."""
    match session.get("draft"):
        case {"code": str(code), "numbers": list(numbers)}:
            return Draft(code, frozenset(c.number for c in charter.commitments if c.number in numbers))
    return Draft(new_code(), frozenset())  # none yet, or a cookie of a former version


def tick_draft(number: int, *, taken: bool) -> Draft:
    """Add a number to this browser's draft, or remove it; return the draft."""
    draft = read_draft()
    numbers = draft.pledges | {number} if taken else draft.pledges - {number}
    session["draft"] = {"code": draft.code, "numbers": sorted(numbers)}
    keep_cookie()
    return Draft(draft.code, numbers)


def clear_draft() -> None:
    """Empty the draft: the next person at this browser begins with nothing."""
    session.pop("draft", None)


def keep_cookie() -> None:
    """Have the browser keep its cookie for PERMANENT_SESSION_LIFETIME, rather than until it closes."""
    if not session.permanent:  # setting it again would send the cookie again
        session.permanent = True


def remember_pending(signature: Signature) -> None:
    """Remember the signature that this browser sent; the draft, which it came from, is emptied."""
    clear_draft()
    session.pop("fake_address", None)
    session["pending"] = signature.code


def forget_pending() -> None:
    """Let another person sign at this browser; the pending signature still waits for its letter."""
    session.pop("pending", None)
    session.pop("fake_address", None)


def pending_signature() -> Signature | None:
    """Return the signature that this browser sent, while it is pending, or its image shown to a bot."""
    if "pending" in session:
        signature = lookup.find_by_code(session["pending"])
        if signature and signature.status is Status.PENDING:
            return signature
    return Signature(email=session["fake_address"], confirm_count=0) if "fake_address" in session else None


def fake_success_for_bot(address: str) -> None:
    """Answer a bot as if it had signed: nothing is stored but in its own cookie."""
    clear_draft()
    session["fake_address"] = address


def is_sent_too_fast() -> bool:
    """Return True if a form comes back less than FORM_MIN_SECONDS after this browser's first form.

    Called when the form is shown too. The first form's time counts, so that a person who corrects an error
    or goes back is not asked twice.
    """
    shown_at = session.setdefault("shown_at", now().timestamp())
    return bool(now().timestamp() - shown_at < current_app.config["FORM_MIN_SECONDS"])


def current_signatory() -> Signature | None:
    """Return the confirmed signature that this browser has opened.

    It is closed ACCESS_IDLE seconds after its last use, and ACCESS_MAX_HOURS after it was opened.
    """
    match session.get("owner"):
        case [str(code), int(opened_at), int(used_at), int(closed_count)]:
            pass
        case _:  # none, or a cookie of a former version
            session.pop("owner", None)
            return None
    moment, longest = now().timestamp(), 3600 * current_app.config["ACCESS_MAX_HOURS"]
    is_open = moment - used_at <= current_app.config["ACCESS_IDLE"] and moment - opened_at <= longest
    signature = lookup.find_by_code(code) if is_open else None
    if signature is None or not signature.is_confirmed or signature.closed_count != closed_count:
        del session["owner"]
        return None
    if moment - used_at > 60:  # one cookie a minute is enough
        session["owner"] = (code, opened_at, int(moment), closed_count)
    return signature


def require_signatory() -> Signature:
    """Return the confirmed signature that is open here, or abort to the form that asks for a link to it."""
    return current_signatory() or abort(redirect(url_for("candidate.request_access"), code=303))


def open_signature(signature: Signature) -> None:
    """Open a signature in this browser; what the session held before may be another person's."""
    session.clear()
    moment = int(now().timestamp())
    session["owner"] = (signature.code, moment, moment, signature.closed_count)
    keep_cookie()


def close_signature() -> None:
    """Empty this browser's session."""
    session.clear()


def read_link(purpose: Purpose, token: str) -> Link:
    """Return a mailed link, or abort with 404 and the page that offers a new one: it is damaged."""
    try:
        return purpose.read_token(token)
    except TokenInvalid:
        page = render_template("candidate/broken_link.html", is_cut=is_cut(token))
        abort(make_response(page, 404))


def load_linked_signature(purpose: Purpose, token: str) -> tuple[Link, Signature]:
    """Return a mailed link and its signature, or abort with 404: damaged, or the signature was erased."""
    link = read_link(purpose, token)
    return link, lookup.find_by_code(link.code) or abort(404)


def is_usable(purpose: Purpose, link: Link, signature: Signature) -> bool:
    """Return True if a link has neither expired nor been used or replaced."""
    return not link.expired and purpose.matches(link, signature)
