"""The layers of the house: imports go down only; one name, one thing; tests import no other test."""

import ast
import importlib
import re
from collections import Counter
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "app"
#: From the ground up: a room imports rooms of the lines above its own, and no other room of its line.
LAYERS = [
    {"clock", "text", "french", "files"},
    {"models", "config", "database"},
    {"content"},
    {"extensions"},
    {"certificates", "register"},
    {"signatures", "sharing", "web"},
    {"mail"},
    {"candidate", "citizen", "organiser", "ops"},
    {"__init__"},
]
TESTS = sorted(Path(__file__).parent.rglob("*.py"))
RANK = {room: rank for rank, layer in enumerate(LAYERS) for room in layer}
MODULES = sorted(path for path in APP.rglob("*.py") if "migrations" not in path.parts)
#: Decorators of functions that Flask or click calls by another name.
VIEW_OR_COMMAND = re.compile(r"bp\.|\w+\.command\(")
#: Rules, tested without an application, a request or a database: no Flask in them.
DOMAIN = [
    "content",
    "models.py",
    "text.py",
    "french.py",
    "signatures/rules.py",
    "certificates/numbers.py",
    "certificates/snapshot.py",
    "register/area_counts.py",
    "mail/addresses.py",
]
#: Cost up to a second, and 9 to 80 MB each: imported where something is drawn, sealed, examined or migrated.
HEAVY = (
    "app.certificates.fast_pdf", "app.certificates.pdf", "app.certificates.seal",
    "app.sharing.badge", "app.sharing.picture", "app.sharing.poster",
    "alembic", "flask_migrate",
)  # fmt: skip


def room_of(path: Path) -> str:
    return path.relative_to(APP).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_rooms(path: Path) -> set[str]:
    parts = (name.split(".") for name in imports_of(ast.parse(path.read_text())))
    return {p[1] for p in parts if p[0] == "app" and len(p) > 1 and p[1] in RANK}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(APP)))
def test_imports_go_down(path):
    here = room_of(path)
    if here not in RANK:
        return
    above = {room for room in imported_rooms(path) if room != here and RANK[room] >= RANK[here]}
    assert not above, f"{here} must not import {above}"


@pytest.mark.parametrize(
    "path", [p for name in DOMAIN for p in sorted((APP / name).glob("*.py")) or [APP / name]], ids=str
)
def test_the_rules_know_no_web(path):
    if not path.exists():
        return
    seen = {name.split(".")[0] for name in imports_of(ast.parse(path.read_text()))}
    assert not seen & {"flask", "flask_wtf", "flask_sqlalchemy", "werkzeug"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(APP)))
def test_only_the_heavy_stacks_are_imported_late(path):
    tree = ast.parse(path.read_text())
    inside = {
        name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for name in imports_of(function)
    }
    assert all(name.startswith(HEAVY) for name in inside), inside
    top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    module = ".".join(("app", *path.relative_to(APP).with_suffix("").parts))
    assert module in HEAVY or not imports_of(top).intersection(HEAVY)


def test_every_template_says_what_it_needs():
    for template in (APP.parent / "templates").rglob("*.html"):
        assert template.read_text().startswith("{#"), template


def test_no_two_modules_share_a_file_name():
    names = Counter(path.name for path in MODULES)
    assert {name for name, count in names.items() if count > 1} <= {"__init__.py", "forms.py", "views.py"}


def public_functions(path: Path) -> set[str]:
    """Return the names of public functions of a module; not of views, commands, and `init_app`."""
    return {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and node.name != "init_app"
        and not any(VIEW_OR_COMMAND.match(ast.unparse(decorator)) for decorator in node.decorator_list)
    }


def test_no_two_modules_define_the_same_public_function():
    names = Counter(name for path in MODULES for name in public_functions(path))
    assert not {name for name, count in names.items() if count > 1}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(APP.parent)))
def test_no_test_imports_another_test_or_a_benchmark(path):
    imported = imports_of(ast.parse(path.read_text()))
    assert not {name for name in imported if name.split(".")[0] == "bench"}
    others = {name for name in imported if name.startswith("tests.") and name.count(".") > 1}
    assert all(name.startswith(("tests.support.", "tests.audit_packages.")) for name in others), others


@pytest.mark.parametrize("path", sorted((APP.parent / "bench").glob("*.py")), ids=lambda path: path.name)
def test_every_name_that_a_benchmark_imports_exists(path):
    """No other test runs the benchmarks: a renamed function would stop them unnoticed."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("app", "tests")):
            module = importlib.import_module(node.module)
            missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
            for name in missing:  # unless it is a module of that package
                importlib.import_module(f"{node.module}.{name}")
