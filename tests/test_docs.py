"""The documents agree with the program: settings, modules, links, rooms."""

import hashlib
import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.config import DEFAULTS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
EACH = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
ROOMS = sorted(path.name for path in (ROOT / "app").iterdir() if path.is_dir() and any(path.glob("*.py")))
#: Pages in French, for visitors and operators.
FRENCH = {"exploitation.md", "donnees.md"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def heading_ids(text: str) -> set[str]:
    """Return the anchors that a Markdown page gives to its headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_settings_table_lists_every_setting_and_no_other():
    table = read("docs/configuration.md").split("## Settings")[1].split("\n\n")[1]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}
    assert named == set(DEFAULTS)


def test_readme_has_6000_bytes_at_most():
    assert len((ROOT / "README.md").read_bytes()) <= 6000


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md"])
def test_every_room_is_named(name, room):
    assert re.search(rf"`(?:app/)?{room}/", read(name)), room


def test_architecture_names_every_module():
    rooms = [room for room in ROOMS if room != "migrations"]
    modules = [path for room in rooms for path in (ROOT / "app" / room).glob("*.py")]
    text = read("docs/architecture.md")
    for path in modules:
        if path.stem != "__init__":
            section = text.split(f"### `app/{path.parent.name}/`")[1].split("\n#")[0]
            assert f"`{path.stem}`" in section, path.relative_to(ROOT)


def test_architecture_names_no_other_module():
    for room, section in re.findall(
        r"^### `app/(\w+)/`(.*?)(?=^#|\Z)", read("docs/architecture.md"), re.MULTILINE | re.DOTALL
    ):
        for module in re.findall(r"`(\w+)`", " ".join(re.findall(r"^\|([^|]+)\|", section, re.MULTILINE))):
            assert (ROOT / "app" / room / f"{module}.py").exists(), f"app/{room}/{module}.py"


def test_walks_name_functions_that_exist():
    modules = {path.stem: path for path in (ROOT / "app").rglob("*.py")}
    walks = read("docs/architecture.md").split("## Four walks")[1].split("\n## ")[0]
    named = re.findall(r"`(\w+)\.(\w+)`", walks)
    assert len(named) > 20
    for module, name in named:
        code = modules[module].read_text(encoding="utf-8") if module in modules else ""
        assert re.search(rf"^(?:def|class) {name}\b", code, re.MULTILINE), f"{module}.{name}"


@EACH
def test_every_path_named_exists(path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(
        r"`((?:app|bench|deploy|docs|static|templates|tests)/[^`<>…*\s]*|[\w-]+\.(?:md|py))`", text
    )
    for name in named:
        places = (ROOT / name, path.parent / name)
        assert name == "config.py" or any(place.exists() for place in places), name


@EACH
def test_every_link_between_documents_resolves(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        name, _, anchor = target.partition("#")
        page = path.parent / name if name else path
        assert page.exists(), target
        assert not anchor or anchor in heading_ids(page.read_text(encoding="utf-8")), target


@EACH
def test_every_make_target_named_exists(path):
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    assert (
        set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)) <= targets
    )


@EACH
def test_no_pronoun_stands_as_actor(path):
    """The language rule of CONTRIBUTING.md; the pages in French have no use for these words."""
    if path.name not in FRENCH:
        found = re.findall(
            r"\bwhoever\b|\b(?:some|no|any|every)(?:body|one)\b",
            path.read_text(encoding="utf-8"),
            re.IGNORECASE,
        )
        assert not found


def test_htmx_is_unmodified():
    vendored = ROOT / "static/vendor/htmx-4.0.1.min.js"
    digest = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
    assert hashlib.sha256(vendored.read_bytes()).hexdigest() == digest
    assert digest in read("static/vendor/README.md")


def test_lock_files_hold_hashes_and_no_host():
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt"):
        text = read(name)
        assert "--hash=sha256:" in text
        assert "://" not in text


def test_lock_files_pin_extras_by_name():
    """Otherwise pip 23 takes the newest "coverage[toml]", and finds no hash for it."""
    pinned = set(re.findall(r"^(\S+)==", read("requirements-dev.txt"), re.MULTILINE))
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
