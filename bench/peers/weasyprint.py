"""WeasyPrint: the style sheet parsed once, fonts and pictures kept in its own caches."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration

from bench.peers import ASSETS, layout, qr_code

HERE = Path(__file__).parent
template = Environment(
    autoescape=True, loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True
).get_template("weasyprint.html")
fonts = FontConfiguration()
style = CSS(HERE / "weasyprint.css", base_url=f"{ASSETS}/", font_config=fonts)
pictures: dict[str, Any] = {}


def draw(content: dict[str, Any]) -> bytes:
    """Draw the certificate."""
    qr = qr_code(content["url"]["text"]).svg_inline(border=0, dark=layout.INK, omitsize=True)
    html = HTML(string=template.render(qr=qr, **content), base_url=f"{ASSETS}/")
    return html.write_pdf(stylesheets=[style], font_config=fonts, cache=pictures)
