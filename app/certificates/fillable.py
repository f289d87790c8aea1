"""Fields over what a document draws: it can be filled on screen, and prints as if they were not there."""

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


def fillable(pdf: bytes, face: Path) -> bytes:
    """Turn links to ``case:name?tooltip`` into check boxes and to ``ligne:name?tooltip`` into text fields.

    Each field stands where the layout put its link. What is typed is set in ``face``, a TrueType file.
    """
    writer = PdfWriter(clone_from=BytesIO(pdf))
    writer.pdf_header = "%PDF-1.5"  # the first that knows /Tabs
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
        link.update(_dictionary(writer, f"/Subtype /Widget /F 4 {names} {kind}"))  # 4: printed
        fields.append(reference)
    form = _dictionary(writer, f"/DR << /Font << /Texte {_font(writer, face)} >> >>")
    form[NameObject("/Fields")] = fields
    writer.root_object[NameObject("/AcroForm")] = form
    # In the order of the list, which is the layout's. Chromium reads /R, by rows, from right to left.
    page[NameObject("/Tabs")] = NameObject("/S")
    filled = BytesIO()
    writer.write(filled)
    return filled.getvalue()


def _check_box(writer: PdfWriter) -> str:
    """Say what makes a check box; the box itself is drawn already, so that unticked it shows nothing."""
    looks = "/Type /XObject /Subtype /Form /BBox [0 0 24 24]"
    off, ticked = _add(writer, looks, b""), _add(writer, looks, TICKED)
    return f"/FT /Btn /V /Off /AS /Off /AP << /N << /Off {off} /Oui {ticked} >> >>"


def _text_field(writer: PdfWriter, place: ArrayObject) -> str:
    """Say what makes a text field: as large as the words hold (size 0), names are no spelling mistakes."""
    # The border has a width and no colour: it is not drawn, but poppler cuts the tails of letters without it.
    left, bottom, right, top = place
    empty = _add(writer, f"/Type /XObject /Subtype /Form /BBox [0 0 {right - left} {top - bottom}]", b"")
    return f"/FT /Tx /BS << /W 1 >> /Ff {1 << 22} /DA (/Texte 0 Tf 0.11 0.1 0.09 rg) /AP << /N {empty} >>"


def _font(writer: PdfWriter, path: Path) -> str:
    """Embed a whole face in the one encoding that every reader types in, Windows-1252: it holds French."""
    face = TTFontFile(str(path))
    name = face.name.decode()
    characters = bytes(range(32, 256)).decode("cp1252", "replace")
    widths = (round(face.charWidths.get(ord(c), face.defaultWidth)) for c in characters)
    # Ascent and descent leave accents out, as PDF 32000-1 has it: readers centre the words with them.
    program = path.read_bytes()
    file = _add(writer, f"/Length1 {len(program)}", program)
    descriptor = _add(
        writer,
        f"/Type /FontDescriptor /FontName /{name} /Flags 32 /FontBBox [{' '.join(map(str, face.bbox))}]"
        f" /ItalicAngle 0 /Ascent {face.capHeight} /Descent {face.bbox[1]} /CapHeight {face.capHeight}"
        f" /StemV {face.stemV} /FontFile2 {file}",
    )
    return _add(
        writer,
        f"/Type /Font /Subtype /TrueType /BaseFont /{name} /Encoding /WinAnsiEncoding /FirstChar 32"
        f" /LastChar 255 /Widths [{' '.join(map(str, widths))}] /FontDescriptor {descriptor}",
    )


def _add(writer: PdfWriter, entries: str, content: bytes | None = None) -> str:
    """Add an object to the file, a stream when it has content, and return what refers to it."""
    added = _dictionary(writer, entries)
    if content is not None:
        stream = StreamObject()
        stream.update(added)
        stream.set_data(content)
        added = stream.flate_encode()
    return f"{writer._add_object(added).idnum} 0 R"


def _dictionary(writer: PdfWriter, entries: str) -> DictionaryObject:
    """Read entries in the syntax of PDF."""
    source = BytesIO(f"<< {entries} >>".encode("ascii"))
    read = read_object(source, writer)  # type: ignore[arg-type]  # typed for a reader, works for both
    assert isinstance(read, DictionaryObject)
    return read


def _text(words: str) -> str:
    """Write words in the syntax of PDF."""
    return f"<FEFF{words.encode('utf-16-be').hex()}>"
