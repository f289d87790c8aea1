"""The documents say what is: settings, files, and no address of a registry."""

import hashlib
import re
from pathlib import Path

import pytest

from app.config import DEFAULTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_in_the_table_and_no_other():
    table = README.split("## Configuration")[1].split("\n\n")[2]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}
    assert named == set(DEFAULTS)


@pytest.mark.parametrize("name", ["README.md", "NOTICES.md"])
def test_every_path_named_is_there(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(
        r"`((?:app|templates|static|tests|docs)/[^`<>…]*|\w+\.(?:md|py))`|\]\((?!http)([^)]+)\)", text
    )
    assert len(paths) > 5
    for path in ("".join(pair) for pair in paths):
        assert (ROOT / path).exists() or (ROOT / "app" / path).exists() or "config.py" in path, path


def test_htmx_is_unmodified():
    vendored = ROOT / "static/vendor/htmx-4.0.1.min.js"
    digest = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
    assert hashlib.sha256(vendored.read_bytes()).hexdigest() == digest
    assert digest in (ROOT / "static/vendor/README.md").read_text()


def test_lock_files_hold_hashes_and_no_host():
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
