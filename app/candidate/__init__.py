"""The candidate's pages: read, tick, sign, confirm, come back, download the certificate."""

from flask import Blueprint

bp = Blueprint("candidate", __name__)

from app.candidate import access, certificate, confirm, my_signature, share, sign, tick

__all__ = ["access", "bp", "certificate", "confirm", "my_signature", "share", "sign", "tick"]
