"""The candidate's pages: read, tick, sign, confirm, come back, carry away."""

from app.candidate import my_signature as my_signature  # adds its pages to the blueprint
from app.candidate import share as share  # and so does this one
from app.candidate.views import bp

__all__ = ["bp"]
