"""Engines that draw the certificate: each module has `draw`, from what the page says to the bytes of a PDF.

What it says is `bench.people.content`; those of ours (paraphe, sealed, pisa) take the signature itself.

All draw the same page: the texts at the sizes given, in our three fonts, and in Noto Sans where these lack a
letter; the sheet, the rings, ten panels, ten boxes and the QR code as vectors; ten numbered commitments with
their lines; a link; title, author and subject. Each keeps between two pages what its interface lets it keep.
"""

from pathlib import Path

import segno

ASSETS = Path(__file__).parents[2] / "app/certificates/assets"
#: The families of templates/certificates/_style.css.
FONTS = {
    "Titre": "BricolageGrotesque-48pt-ExtraBold.ttf",
    "Texte": "AtkinsonHyperlegibleNext-Bold.ttf",
    "Maigre": "AtkinsonHyperlegibleNext-Regular.ttf",
    "Secours": "NotoSans-Bold.ttf",
}


def qr_code(url: str) -> segno.QRCode:
    """Make the code as ours is made."""
    return segno.make_qr(url, error="m", mask=3)
