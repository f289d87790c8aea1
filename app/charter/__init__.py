"""The candidate's pages: read, tick, sign, confirm, come back, carry away."""

from app.charter import own as own  # adds its pages to the blueprint
from app.charter import sharing as sharing  # and so does this one
from app.charter.views import bp

__all__ = ["bp"]
