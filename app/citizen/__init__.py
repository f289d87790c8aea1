"""What citizens read: the register, the verification of certificates, the legal pages."""

from app.citizen import images as images
from app.citizen import open_data as open_data  # and so does this one
from app.citizen import signatories as signatories  # and these three
from app.citizen import sitemap as sitemap  # adds its pages to the blueprint
from app.citizen import territory as territory
from app.citizen.views import bp

__all__ = ["bp"]
