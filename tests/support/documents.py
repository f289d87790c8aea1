"""A snapshot, a small PDF, and poppler: what the tests of documents share."""

import subprocess
from datetime import date
from io import BytesIO
from pathlib import Path

from flask import Flask
from jinja2 import StrictUndefined
from pypdf import PdfWriter

from app.certificates.snapshot import Snapshot
from app.content.charter import load_charter

ROOT = Path(__file__).parents[2]
CHARTER = load_charter(ROOT / "app/content/charter.toml")
SITE = "https://charte.example/"

SNAPSHOT = Snapshot(
    number="7K4M-92XQ-PTB3",
    issued_on=date(2026, 3, 2),
    url=f"{SITE}verifier/7K4M-92XQ-PTB3",
    edition=CHARTER.edition,
    campaign=CHARTER.campaign.name,
    title=CHARTER.title,
    organisation=CHARTER.organisation,
    commitments=CHARTER.commitments,
    full_name="Zoë Œuvrard-Łukasiewicz",
    role="tête de liste",
    list_name="Le Printemps des communs",
    insee="24067",
    commune="Le Bugue",
    at="au Bugue",
    taken={1: date(2026, 1, 12), 2: date(2026, 2, 1), 9: date(2026, 2, 21)},
)
#: All commitments, on the longest dates there are: « 30 septembre 2026 ».
ALL = {number: date(2026, 9, 20 + number) for number in range(1, 11)}
LONG_NAME = (
    "Marie-Françoise-Bernadette-Philomène-Joséphine de la Rochefou Montmorency-Luxembourg-Beauvilliers"
)
LONG_LIST = "Ensemble pour une commune vivante, solidaire, écologique et citoyenne avec nous"
LONG_COMMUNE = "Beauregard-de-Terrasson-et-de-Bassac-sur-Isle"


def template_app() -> Flask:
    """Return a small application that has our templates, and nothing else."""
    app = Flask("documents", template_folder=ROOT / "templates")
    app.jinja_env.undefined = StrictUndefined
    return app


def small_pdf() -> bytes:
    """Return a PDF of one empty page, as short as possible."""
    output = BytesIO()
    with PdfWriter() as writer:
        writer.add_blank_page(100, 100)
        writer.write(output)
    return output.getvalue()


def poppler(command: str, *arguments: object) -> str:
    """Run a command of poppler and return its output."""
    return subprocess.run([command, *map(str, arguments)], capture_output=True, check=True, text=True).stdout
