"""The verification of certificates, by number or by file."""

import hashlib

from flask import Response, make_response, redirect, render_template, request, url_for
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
from app.citizen import bp
from app.clock import now
from app.models import Certificate
from app.register import queries
from app.web.csrf import csrf
from app.web.http_cache import FIXED, conditional, conditional_response
from app.web.rate_limits import limited, limited_when_unknown

#: Bytes of a request, the form around the file included; a certificate has some 100,000.
FILE_MAX = 2 * 1024 * 1024
TOO_LARGE = "Ce fichier dépasse 2 Mo : ce n’est pas un certificat de ce site."


@bp.get("/verifier")
def verify() -> ResponseReturnValue:
    """Show the two forms, or redirect to the page of the number typed in one."""
    typed = request.args.get("numero", "").strip()
    if not typed:
        return conditional(FIXED, _render_forms)
    number = parse_number(typed)
    if number is None:
        return _render_forms(typed=typed, slip=True), 422
    return redirect(url_for(".certificate", number=number), code=303)


@bp.post("/verifier")
# It changes nothing, so there is no request to forge; and other programs may post a file.
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF has no types
@limited("RATELIMIT_FILES")
def verify_file() -> ResponseReturnValue:
    """Compare a file with the certificates, byte for byte. It is read in memory and never stored."""
    from app.certificates.seal import check_seal

    request.max_content_length = FILE_MAX
    try:
        file = request.files.get("fichier")
    except RequestEntityTooLarge:
        return _render_forms(problem=TOO_LARGE), 413
    content = file.read() if file else b""
    if not content:
        return _render_forms(problem="Choisissez le fichier PDF du certificat."), 422
    issued = find_certificate_by_hash(hashlib.sha256(content).hexdigest())
    if issued:
        return _render_certificate(issued.number, issued, is_file=True)
    found = check_seal(content, seal_key.certificates)
    known = next(filter(None, map(find_certificate, found.numbers)), None)
    if found.verdict is Verdict.INTACT and found.numbers and known is None:  # sealed here, and erased since
        return _render_certificate(found.numbers[0], None, is_file=True)
    quoted = known.number if known else None
    if found.verdict is not Verdict.NONE:
        return _render_forms(verdict="altered", number=quoted)
    if not content.startswith(b"%PDF-"):
        return _render_forms(problem="Ce fichier n’est pas un PDF."), 422
    return _render_forms(verdict="unsealed", number=quoted)


@bp.get("/verifier/<number>")
@limited_when_unknown("RATELIMIT_UNKNOWN_NUMBERS")
def certificate(number: str) -> ResponseReturnValue:
    """Show whether a certificate is genuine, and whether its signature has changed since."""
    parsed = parse_number(number)
    if parsed is None:
        return _render_forms(typed=number, slip=True), 404
    if parsed != number:
        return redirect(url_for(".certificate", number=parsed), code=303)
    issued = find_certificate(parsed)
    if issued is None:
        return _render_forms(verdict="unknown", number=parsed), 404
    return conditional_response(make_response(_render_certificate(parsed, issued)))


@bp.get("/verifier/certificat-organisation.pem")
def seal_certificate() -> ResponseReturnValue:
    """Serve the X.509 certificates of the organisation, the current one first: they verify a seal offline."""
    return conditional_response(Response(seal_key.pem(), mimetype="application/x-pem-file"))


def _render_forms(**found: str | bool | None) -> str:
    nothing = {"typed": "", "slip": False, "problem": None, "verdict": None, "number": None}
    return render_template("citizen/verify.html", **(nothing | found))


def _render_certificate(number: str, issued: Certificate | None, *, is_file: bool = False) -> str:
    """Render a genuine certificate; only its number if its signature is not public, or is erased (None)."""
    waits = issued is not None and issued.signature.to_list
    shown = issued if issued and not waits and queries.find_entry(issued.signature.code) else None
    snapshot = load_snapshot(shown) if shown else None
    present = take_snapshot(shown.signature, number, shown.issued_at) if shown else None
    return render_template(
        "citizen/certificate.html",
        number=number,
        snapshot=snapshot,
        withdrawn=issued is None or not issued.signature.is_confirmed,
        waits=waits,
        hidden=issued is not None and issued.signature.hidden_at is not None,
        changes=list_changes(snapshot, present) if snapshot and present else [],
        changed_at=replaced_at(shown) if shown else None,
        code=shown.signature.code if shown else None,
        today=now(),
        is_file=is_file,
    )
