"""The certificate drawn by one plain call of xhtml2pdf: the reference of `app.certificates.fast_pdf`."""

from app.certificates.pdf import INK, certificate_rows, certificate_values, draw_pdf, qr_code
from app.certificates.snapshot import Snapshot


def draw_plain_certificate(snapshot: Snapshot) -> bytes:
    """Return the certificate on one A4 page. Raises: CertificateError."""
    return draw_pdf(
        "certificates/certificate.html",
        qr=qr_code(snapshot.url).svg_data_uri(border=0, dark=INK),
        rows=certificate_rows(snapshot),
        **certificate_values(snapshot),
    )
