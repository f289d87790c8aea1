"""Who is at the browser: the draft it began, or the signature it has proved to own.

The session holds codes only. A draft is nobody's until its letter is answered, so whoever began it may change
it; once confirmed, only a link from the mailbox opens it (``ACCESS_IDLE`` seconds at a time).
"""

from flask import abort, current_app, redirect, session, url_for

from app.clock import now
from app.extensions import db
from app.models import Signature, Status, new_code
from app.signatures import drafts, lookup
from app.signatures.drafts import Draft
from app.signatures.rules import new_draft


def current_signatory() -> Signature | None:
    """Return the confirmed signature that this browser has opened, if it is still open."""
    code, seen, closed_count = session.get("owner", ("", 0, 0))
    if not code:
        return None
    idle = now().timestamp() - seen
    signature = lookup.by_code(code) if idle <= current_app.config["ACCESS_IDLE"] else None
    if signature is None or not signature.is_confirmed or signature.closed_count != closed_count:
        del session["owner"]
        db.session.rollback()  # a draft is written in a transaction of its own
        return None
    if idle > 60:  # one cookie a minute is enough
        session["owner"] = (code, int(now().timestamp()), closed_count)
    return signature


def require_signatory() -> Signature:
    """Return the confirmed signature that is open here, or abort to where a link to it is asked for."""
    return current_signatory() or abort(redirect(url_for("candidate.find"), code=303))


def current_signature() -> Signature:
    """Return what the commitments on the page belong to: the opened signature, or this browser's draft.

    A draft that nothing was ticked in yet is a new object, which no database knows.
    """
    signatory = current_signatory()
    if signatory:
        return signatory
    code = current_draft().code
    return lookup.by_code(code) or new_draft(now(), code)


def current_draft() -> Draft:
    """Return this browser's draft, as the charter shows it."""
    if "draft" not in session:
        return Draft(draft_code())
    draft = drafts.find(draft_code())
    if draft is None:
        forget_draft()  # confirmed since, from the mailbox: this browser proved nothing
        draft = Draft(draft_code())
    return draft


def draft_code() -> str:
    """Return the code of this browser's draft, which may not have begun yet."""
    if "draft" not in session:
        session.permanent = True
        session["draft"] = new_code()
        keep_draft()
    return str(session["draft"])


def keep_draft() -> None:
    """Give this browser thirty more days to come back to its draft; one cookie an hour is enough."""
    moment = int(now().timestamp())
    if moment - session.get("kept_at", 0) > 3600:
        session["kept_at"] = moment


def current_pending() -> Signature | None:
    """Return this browser's draft, where it waits for its letter to be answered, or what passes for one."""
    draft = lookup.by_code(session.get("draft", ""))
    if draft and draft.status is Status.PENDING:
        return draft
    return Signature(email=session["pretended"]) if "pretended" in session else None


def pretend(address: str) -> None:
    """Let a program believe that it has signed: nothing is stored but in its own cookie."""
    session["pretended"] = address


def is_hurried() -> bool:
    """Whether a form comes back sooner than a person can fill it in.

    Asked when it is shown too: the time of a session's first form counts, so that whoever corrects an error
    or goes back is not asked twice.
    """
    shown_at = session.setdefault("shown_at", now().timestamp())
    return bool(now().timestamp() - shown_at < current_app.config["FORM_MIN_SECONDS"])


def forget_draft() -> None:
    """Let the next person at this browser begin a draft of their own."""
    session.pop("draft", None)


def open_signature(signature: Signature) -> None:
    """Let this browser in; what the session held before belongs to somebody less sure."""
    session.clear()
    session["owner"] = (signature.code, int(now().timestamp()), signature.closed_count)
    session.permanent = True


def close_signature() -> None:
    """Leave no trace in this browser."""
    session.clear()
