"""Our certificate."""

from app.certificates.fast_pdf import certificate_pdf as draw

__all__ = ["draw"]
