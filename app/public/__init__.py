"""What citizens read: the register, the verification of certificates, the legal pages."""

from app.public import indexing as indexing  # adds its pages to the blueprint
from app.public import register as register  # and so does this one
from app.public import sharing as sharing  # and these two
from app.public import territory as territory
from app.public.views import bp

__all__ = ["bp"]
