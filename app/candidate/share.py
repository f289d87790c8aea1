"""What a signatory carries away: all that is held of them, and a kit to share their signature with."""

import json

from flask import Response, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.candidate.session import require_signatory
from app.candidate.views import bp
from app.register import queries
from app.sharing import Card, card, draw_poster
from app.signatures.personal_data import all_held


@bp.get("/ma-signature/donnees.json")
def data() -> ResponseReturnValue:
    """Give all that is held of me, to keep or to take elsewhere."""
    written = json.dumps(all_held(require_signatory()), ensure_ascii=False, indent=2)
    attached = {"Content-Disposition": "attachment; filename=ma-signature.json"}
    return Response(written, mimetype="application/json", headers=attached)


@bp.get("/ma-signature/partager")
def share() -> ResponseReturnValue:
    """Show what there is to share: a picture, a badge, words and a poster."""
    return render_template(
        "candidate/share.html", card=(public := _card()), code=public.url.rpartition("/")[2]
    )


@bp.get("/ma-signature/affiche.pdf")
def poster() -> ResponseReturnValue:
    """Draw my poster. For its owner alone, who may pass it on: no stranger makes us draw."""
    attached = {"Content-Disposition": "attachment; filename=affiche.pdf"}
    return Response(draw_poster(_card()), mimetype="application/pdf", headers=attached)


def _card() -> Card:
    """Return what my signature shows; what is not public, or not yet, is not there to be shared."""
    entry = queries.find(require_signatory().code)
    if entry is None:
        flash("Votre signature n’est pas dans le registre public pour l’instant : il n’y a rien à partager.")
        abort(redirect(url_for(".own"), code=303))
    return card(entry)
