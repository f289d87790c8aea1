"""The public pages. They read, set no cookie, and never see an address."""

import hashlib

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from app.certificates.exceptions import Verdict
from app.certificates.issue import (
    find_certificate,
    find_certificate_by_hash,
    load_snapshot,
    replaced_at,
    take_snapshot,
)
from app.certificates.key import seal_key
from app.certificates.numbers import parse_number
from app.certificates.snapshot import list_changes
from app.clock import now
from app.models import Certificate
from app.register import queries
from app.web.csrf import csrf
from app.web.http_cache import FIXED, unless_known, unless_same
from app.web.rate_limits import limited, limited_when_unknown

bp = Blueprint("citizen", __name__)

#: Bytes sent, the form around the file included; a certificate has some 100,000.
FILE_MAX = 2 * 1024 * 1024
TOO_LARGE = "Ce fichier dépasse 2 Mo : ce n’est pas un certificat de ce site."


@bp.get("/verifier")
def verify() -> ResponseReturnValue:
    """Ask for a certificate: its number, or its file."""
    typed = request.args.get("numero", "").strip()
    if not typed:
        return unless_known(FIXED, _verify)
    number = parse_number(typed)
    if number is None:
        return _verify(typed=typed, slip=True), 422
    return redirect(url_for(".certificate", number=number), code=303)


@bp.post("/verifier")
# It changes nothing, so there is nothing to forge; and anybody's own tools may ask.
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF has no types
@limited("RATELIMIT_FILES")
def verify_file() -> ResponseReturnValue:
    """Say whether a file is a certificate of ours, byte for byte. It is read in memory and never kept."""
    from app.certificates.seal import check_seal

    request.max_content_length = FILE_MAX
    try:
        file = request.files.get("fichier")
    except RequestEntityTooLarge:
        return _verify(problem=TOO_LARGE), 413
    content = file.read() if file else b""
    if not content:
        return _verify(problem="Choisissez le fichier PDF du certificat."), 422
    issued = find_certificate_by_hash(hashlib.sha256(content).hexdigest())
    if issued:
        return _certificate(issued.number, issued, is_file=True)
    found = check_seal(content, seal_key.certificates)
    known = next(filter(None, map(find_certificate, found.numbers)), None)
    if found.verdict is Verdict.INTACT and found.numbers and known is None:  # ours, and erased since
        return _certificate(found.numbers[0], None, is_file=True)
    quoted = known.number if known else None
    if found.verdict is not Verdict.NONE:
        return _verify(verdict="altered", number=quoted)
    if not content.startswith(b"%PDF-"):
        return _verify(problem="Ce fichier n’est pas un PDF."), 422
    return _verify(verdict="unsealed", number=quoted)


@bp.get("/verifier/<number>")
@limited_when_unknown("RATELIMIT_UNKNOWN_NUMBERS")
def certificate(number: str) -> ResponseReturnValue:
    """Say whether a certificate is genuine, and still says what its signature says."""
    parsed = parse_number(number)
    if parsed is None:
        return _verify(typed=number, slip=True), 404
    if parsed != number:
        return redirect(url_for(".certificate", number=parsed), code=303)
    issued = find_certificate(parsed)
    if issued is None:
        return _verify(verdict="unknown", number=parsed), 404
    return unless_same(make_response(_certificate(parsed, issued)))


def _verify(
    *,
    typed: str = "",
    slip: bool = False,
    problem: str | None = None,
    verdict: str | None = None,
    number: str | None = None,
) -> str:
    return render_template(
        "citizen/verify.html", typed=typed, slip=slip, problem=problem, verdict=verdict, number=number
    )


def _certificate(number: str, issued: Certificate | None, *, is_file: bool = False) -> str:
    """Show a genuine certificate; only its number where the rest may not be shown, or is erased (None)."""
    waits = issued is not None and issued.signature.to_list
    shown = issued if issued and not waits and queries.find(issued.signature.code) else None
    snapshot = load_snapshot(shown) if shown else None
    present = take_snapshot(shown.signature, number, shown.issued_at) if shown else None
    return render_template(
        "citizen/certificate.html",
        number=number,
        snapshot=snapshot,
        withdrawn=issued is None or not issued.signature.is_confirmed,
        waits=waits,
        changes=list_changes(snapshot, present) if snapshot and present else [],
        changed_at=replaced_at(shown) if shown else None,
        code=shown.signature.code if shown else None,
        today=now(),
        is_file=is_file,
    )


@bp.get("/verifier/certificat-organisation.pem")
def seal_certificate() -> ResponseReturnValue:
    """Serve the certificates of the organisation, the present one first: they check a seal without us."""
    return unless_same(Response(seal_key.pem(), mimetype="application/x-pem-file"))


@bp.get("/donnees-personnelles")
def privacy() -> ResponseReturnValue:
    """Say what is kept of whom, why, for how long, and how to have it removed."""
    return unless_known(FIXED, lambda: render_template("citizen/privacy.html"))


@bp.get("/mentions-legales")
def legal() -> ResponseReturnValue:
    """Say who publishes and who hosts."""
    return unless_known(FIXED, lambda: render_template("citizen/legal.html"))


@bp.get("/accessibilite")
def accessibility() -> ResponseReturnValue:
    """Say how accessible the site is, and whom to tell where it is not."""
    return unless_known(FIXED, lambda: render_template("citizen/accessibility.html"))
