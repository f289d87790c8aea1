"""Our certificate."""

from app.certificate.fast import certificate_pdf as draw

__all__ = ["draw"]
