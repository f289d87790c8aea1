"""The share kit of a signature: a picture, a badge, texts and a poster."""

from flask import Response, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.candidate import bp
from app.candidate.session import require_signatory
from app.register import queries
from app.sharing.card import Card, make_card


@bp.get("/ma-signature/partager")
def share() -> ResponseReturnValue:
    """Show the share kit."""
    public = _load_card()
    return render_template("candidate/share.html", card=public, code=public.url.rpartition("/")[2])


@bp.get("/ma-signature/affiche.pdf")
def poster() -> ResponseReturnValue:
    """Draw the poster, for the owner alone: a stranger cannot make the server draw."""
    from app.sharing.poster import draw_poster

    attached = {"Content-Disposition": "attachment; filename=affiche.pdf"}
    return Response(draw_poster(_load_card()), mimetype="application/pdf", headers=attached)


def _load_card() -> Card:
    """Return what the public page shows, or abort to « Ma signature » while the signature is not public."""
    entry = queries.find_entry(require_signatory().code)
    if entry is None:
        flash("Votre signature n’est pas dans le registre public pour l’instant : il n’y a rien à partager.")
        abort(redirect(url_for(".my_signature"), code=303))
    return make_card(entry)
