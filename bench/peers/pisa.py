"""xhtml2pdf as everybody calls it, from the same template."""

from app.certificates.pdf import plain_certificate_pdf as draw

__all__ = ["draw"]
