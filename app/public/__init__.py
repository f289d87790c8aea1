"""What citizens read: the register, the verification of certificates, the legal pages."""

from app.public import sharing
from app.public.views import bp

__all__ = ["bp", "sharing"]
