"""Typst, by its Python package: one compiler, whose own caches hold what did not change."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import typst

from bench.peers import ASSETS, layout, qr_code

HERE = Path(__file__).parent
compiler = typst.Compiler(
    input=HERE / "typst.typ",
    root=HERE.parents[1],
    font_paths=typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[ASSETS / "fonts"]
    ),
)


def draw(content: dict[str, Any]) -> bytes:
    """Draw the certificate."""
    svg = BytesIO()
    qr_code(content["url"]["text"]).save(svg, kind="svg", border=0, dark=layout.INK)
    given = json.dumps({**content, "qr": svg.getvalue().decode()})
    return compiler.compile(format="pdf", pdf_tags=False, sys_inputs={"content": given})
