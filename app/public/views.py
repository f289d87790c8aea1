"""The public pages. They read, set no cookie, and never see an address."""

from collections.abc import Sequence

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import loading, register, signatures
from app.data.communes import MOST_CHOICES, Commune
from app.extensions import communes
from app.numbers import parse_number
from app.register import Page

bp = Blueprint("public", __name__)


@bp.get("/signataires")
def signatories() -> ResponseReturnValue:
    """List who signed, newest first, in the whole territory or in one commune."""
    typed = request.args.get("commune", "").strip()
    found = communes.find(typed) if typed else []
    if len(found) == 1 or not typed:
        commune = found[0] if found else None
        page = register.page(commune.insee if commune else None, request.args.get("apres"))
        return _register(typed, commune=commune, page=page)
    # Several to choose from, or none: nothing is listed that was not asked for.
    vague = len(found) > MOST_CHOICES
    choices = [] if vague else found or communes.closest(typed)
    return _register(typed, choices=choices, vague=vague), 200 if found else 404


def _register(
    typed: str,
    *,
    commune: Commune | None = None,
    page: Page | None = None,
    choices: Sequence[Commune] = (),
    vague: bool = False,
) -> str:
    return render_template(
        "public/signatories.html",
        typed=typed,
        commune=commune,
        page=page,
        choices=choices,
        vague=vague,
        communes=communes,
    )


@bp.get("/signataires/<code>")
def signatory(code: str) -> ResponseReturnValue:
    """Show what one person took."""
    signature = register.find(code) or abort(404)
    return render_template("public/signatory.html", signature=signature)


@bp.get("/verifier/<number>")
def verify(number: str) -> ResponseReturnValue:
    """Say what the bearer of a certificate has signed, as of today."""
    parsed = parse_number(number)
    if parsed is None:
        return render_template("public/verify_unknown.html", number=number, slip=True), 404
    if parsed != number:
        return redirect(url_for(".verify", number=parsed), code=303)
    signature = loading.by_number(parsed)
    if signature is None:
        return render_template("public/verify_unknown.html", number=parsed, slip=False), 404
    snapshot = signatures.snapshot(signature) if signature.is_confirmed and signature.pledges else None
    return render_template("public/verify.html", number=parsed, snapshot=snapshot)


@bp.get("/donnees-personnelles")
def privacy() -> ResponseReturnValue:
    """Say what is kept of whom, why, for how long, and how to have it removed."""
    return render_template("public/privacy.html")


@bp.get("/mentions-legales")
def legal() -> ResponseReturnValue:
    """Say who publishes and who hosts."""
    return render_template("public/legal.html")


@bp.get("/accessibilite")
def accessibility() -> ResponseReturnValue:
    """Say how accessible the site is, and whom to tell where it is not."""
    return render_template("public/accessibility.html")
