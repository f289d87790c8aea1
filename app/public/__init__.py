"""What citizens read: the register, the verification of certificates, the legal pages."""

from app.public import register as register  # adds its pages to the blueprint
from app.public import sharing as sharing  # and so does this one
from app.public.views import bp

__all__ = ["bp"]
