"""For development only: the letters that no relay takes."""

from app.mail.preview import bp

__all__ = ["bp"]
