"""The PDF files of a signatory: the certificate, as a file and as a page, and the blank charter."""

import logging
from io import BytesIO

from flask import abort, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from app.candidate import bp
from app.candidate.my_signature import my_signature_page
from app.candidate.session import require_signatory
from app.certificates.exceptions import CertificateError
from app.certificates.issue import NotCertifiable, current_certificate, issue_certificate, load_snapshot
from app.extensions import charter
from app.models import Certificate
from app.web.rate_limits import limited

log = logging.getLogger(__name__)


@bp.get("/charte.pdf")
def blank_charter() -> ResponseReturnValue:
    """Serve the blank charter, to print and pass around."""
    from app.certificates.pdf import draw_charter

    return _send_pdf(draw_charter(charter, url_for(".index", _external=True)), "charte.pdf")


@bp.route("/ma-signature/certificat.pdf", methods=["GET", "POST"])
@limited("RATELIMIT_CERTIFICATES")
def certificate_file() -> ResponseReturnValue:
    """Serve the certificate as it was sealed; a POST issues it first, where none is up to date."""
    if request.method == "POST":
        return _issue()
    certificate = _load_certificate()
    assert certificate.pdf is not None  # of a signature that stands
    return _send_pdf(certificate.pdf, load_snapshot(certificate).filename)


@bp.route("/ma-signature/certificat", methods=["GET", "POST"])
@limited("RATELIMIT_CERTIFICATES")
def certificate() -> ResponseReturnValue:
    """Show the certificate as a page: the same words as the PDF."""
    if request.method == "POST":
        return _issue()
    return render_template("candidate/certificate.html", snapshot=load_snapshot(_load_certificate()))


def _issue() -> ResponseReturnValue:
    signature = require_signatory()
    try:
        issue_certificate(signature)
    except NotCertifiable:
        return redirect(url_for(".my_signature"), code=303)  # which says why
    except CertificateError:
        log.exception("the certificate of signature %s cannot be made", signature.id)
        return my_signature_page(signature, delayed=True), 503
    return redirect(url_for(str(request.endpoint)), code=303)


def _load_certificate() -> Certificate:
    """Return the certificate that is up to date, or abort to the page that offers to issue it."""
    signature = require_signatory()
    certificate = current_certificate(signature) if signature.pledges else None
    return certificate or abort(redirect(url_for(".my_signature", _anchor="certificat"), code=303))


def _send_pdf(content: bytes, filename: str) -> ResponseReturnValue:
    return send_file(BytesIO(content), mimetype="application/pdf", as_attachment=True, download_name=filename)
