"""What a signatory carries away: all that is held of them, and a kit to share their signature with."""

import json

from flask import Response, abort, redirect, url_for
from flask.typing import ResponseReturnValue

from app.charter.views import bp
from app.charter.visitor import current_signatory
from app.models import Signature
from app.portability import all_held


@bp.get("/ma-signature/donnees.json")
def data() -> ResponseReturnValue:
    """Give all that is held of me, to keep or to take elsewhere."""
    written = json.dumps(all_held(_signatory()), ensure_ascii=False, indent=2)
    attached = {"Content-Disposition": "attachment; filename=ma-signature.json"}
    return Response(written, mimetype="application/json", headers=attached)


def _signatory() -> Signature:
    """Return whose session is open, or abort to where a link to it is asked for."""
    return current_signatory() or abort(redirect(url_for("charter.find"), code=303))
