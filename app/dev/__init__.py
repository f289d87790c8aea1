"""For development only: the letters that no relay takes."""

from app.dev.views import bp

__all__ = ["bp"]
