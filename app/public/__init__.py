"""What citizens read: the register, the verification of certificates, the legal pages."""

from app.public import indexing as indexing  # adds its pages to the blueprint
from app.public import opendata as opendata  # and so does this one
from app.public import register as register  # and these three
from app.public import sharing as sharing
from app.public import territory as territory
from app.public.views import bp

__all__ = ["bp"]
