"""The candidate's pages: read, tick, sign, confirm, come back."""

from app.charter.views import bp

__all__ = ["bp"]
