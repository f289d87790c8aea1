"""The documents say what is: settings, files, and no address of a registry."""

import hashlib
import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def test_lock_files_pin_extras_by_name():
    """Where they do not, pip 23 takes the newest « coverage[toml] », then finds no hash for it."""
    pinned = set(re.findall(r"^(\S+)==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    asked = [
        requirement
        for distribution in importlib.metadata.distributions()
        for requirement in map(Requirement, distribution.requires or ())
        if requirement.extras and (requirement.marker is None or requirement.marker.evaluate({"extra": ""}))
    ]
    assert any(requirement.name == "coverage" for requirement in asked)
    for requirement in asked:
        for extra in requirement.extras:
            wanted = rf"{canonicalize_name(requirement.name)}\[([\w-]+,)*{extra}(,[\w-]+)*\]"
            assert any(re.fullmatch(wanted, pin) for pin in pinned), requirement
