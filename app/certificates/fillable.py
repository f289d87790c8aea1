"""Form fields on a PDF: it can be filled in on screen, and prints as if it had no fields."""

from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject, read_object
from reportlab.pdfbase.ttfonts import TTFontFile

#: A ticked box as on the certificate (img/ticked.svg): green with round corners, the tick white.
TICKED = (
    b"0.09 0.41 0.29 rg 0.09 0.41 0.29 RG 6 w 1 j 3 3 18 18 re B"
    b" 1 G 3.2 w 0 j 5.5 11.5 m 10 7 l 18.5 16.5 l S"
)
PRINTED = 4  # annotation flag (PDF 32000-1, table 165)
DO_NOT_SPELL_CHECK = 1 << 22  # flag of a text field (PDF 32000-1, table 228)


def add_form_fields(pdf: bytes, font: Path) -> bytes:
    """Turn links to ``case:name?tooltip`` into check boxes and to ``ligne:name?tooltip`` into text fields.

    Each field takes the place of its link. What is typed is shown in ``font``, a TrueType file.
    """
    writer = PdfWriter(clone_from=BytesIO(pdf))
    writer.pdf_header = "%PDF-1.5"  # the first version with /Tabs
    (page,) = writer.pages
    fields = ArrayObject()
    check_box = _check_box(writer)
    for reference in page.annotations or ():
        link = reference.get_object()
        uri = urlsplit(link["/A"]["/URI"])
        if uri.scheme not in ("case", "ligne"):
            continue
        kind = check_box if uri.scheme == "case" else _text_field(writer, link["/Rect"])
        names = f"/T {_text(uri.path)} /TU {_text(unquote(uri.query))}"
        del link["/A"]
        link.update(_dictionary(writer, f"/Subtype /Widget /F {PRINTED} {names} {kind}"))
        fields.append(reference)
    form = _dictionary(writer, f"/DR << /Font << /Texte {_font(writer, font)} >> >>")
    form[NameObject("/Fields")] = fields
    writer.root_object[NameObject("/AcroForm")] = form
    # /S: tab order as in the list, which is the layout's. With /R Chromium goes from right to left.
    page[NameObject("/Tabs")] = NameObject("/S")
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def _check_box(writer: PdfWriter) -> str:
    """Return the entries of a check box, empty when unticked: the page shows the box."""
    form = "/Type /XObject /Subtype /Form /BBox [0 0 24 24]"
    off, ticked = _add(writer, form, b""), _add(writer, form, TICKED)
    return f"/FT /Btn /V /Off /AS /Off /AP << /N << /Off {off} /Oui {ticked} >> >>"


def _text_field(writer: PdfWriter, place: ArrayObject) -> str:
    """Return the entries of a text field; font size 0 is as large as the text fits."""
    # A border with a width and no colour is invisible, but poppler cuts the tails of letters without it.
    left, bottom, right, top = place
    empty = _add(writer, f"/Type /XObject /Subtype /Form /BBox [0 0 {right - left} {top - bottom}]", b"")
    text = "/DA (/Texte 0 Tf 0.11 0.1 0.09 rg)"
    return f"/FT /Tx /BS << /W 1 >> /Ff {DO_NOT_SPELL_CHECK} {text} /AP << /N {empty} >>"


def _font(writer: PdfWriter, path: Path) -> str:
    """Embed a whole font in the encoding that every reader supports, Windows-1252: enough for French."""
    font = TTFontFile(str(path))
    name = font.name.decode()
    characters = bytes(range(32, 256)).decode("cp1252", "replace")
    widths = (round(font.charWidths.get(ord(c), font.defaultWidth)) for c in characters)
    program = path.read_bytes()
    file = _add(writer, f"/Length1 {len(program)}", program)
    # Ascent and descent exclude accents (PDF 32000-1, table 122): readers centre the text with them.
    descriptor = _add(
        writer,
        f"/Type /FontDescriptor /FontName /{name} /Flags 32 /FontBBox [{' '.join(map(str, font.bbox))}]"
        f" /ItalicAngle 0 /Ascent {font.capHeight} /Descent {font.bbox[1]} /CapHeight {font.capHeight}"
        f" /StemV {font.stemV} /FontFile2 {file}",
    )
    return _add(
        writer,
        f"/Type /Font /Subtype /TrueType /BaseFont /{name} /Encoding /WinAnsiEncoding /FirstChar 32"
        f" /LastChar 255 /Widths [{' '.join(map(str, widths))}] /FontDescriptor {descriptor}",
    )


def _add(writer: PdfWriter, entries: str, content: bytes | None = None) -> str:
    """Add an object to the file, a stream if it has content, and return a reference to it."""
    added = _dictionary(writer, entries)
    if content is not None:
        stream = StreamObject()
        stream.update(added)
        stream.set_data(content)
        added = stream.flate_encode()
    return f"{writer._add_object(added).idnum} 0 R"


def _dictionary(writer: PdfWriter, entries: str) -> DictionaryObject:
    """Parse the entries of a dictionary, in PDF syntax."""
    source = BytesIO(f"<< {entries} >>".encode("ascii"))
    parsed = read_object(source, writer)  # type: ignore[arg-type]  # typed for a reader, works for both
    assert isinstance(parsed, DictionaryObject)
    return parsed


def _text(text: str) -> str:
    """Return a text string in PDF syntax."""
    return f"<FEFF{text.encode('utf-16-be').hex()}>"
