"""The candidate's pages: read, tick, sign, confirm, come back."""

from app.charter import own as own  # adds its pages to the blueprint
from app.charter.views import bp

__all__ = ["bp"]
