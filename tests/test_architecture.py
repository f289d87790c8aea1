"""The layers of the house: imports go down only."""

import ast
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "app"
#: From the ground up. A module may import those before it.
LAYERS = [
    "text",
    "addresses",
    "clock",
    "sessions",
    "presence",
    "revisions",
    "files",
    "ledger",
    "french",
    "numbers",
    "config",
    "logs",
    "content",
    "coverage",
    "sealkey",
    "certificate",
    "models",
    "signing",
    "sqlite",
    "extensions",
    "listing",
    "recount",
    "retention",
    "transfer",
    "backup",
    "loading",
    "drafts",
    "signatures",
    "sharing",
    "portability",
    "issuing",
    "tokens",
    "register",
    "export",
    "caching",
    "letters",
    "courier",
    "health",
    "metrics",
    "watching",
    "counts",
    "limits",
    "checks",
    "htmx",
    "headers",
    "errors",
    "filters",
    "cli",
    "charter",
    "public",
    "machine",
    "dev",
    "__init__",
]
RANK = {name: rank for rank, name in enumerate(LAYERS)}
MODULES = sorted(path for path in APP.rglob("*.py") if "migrations" not in path.parts)
#: The verbs work on plain objects: they never see the web or the session of the database.
DOMAIN = ["signing", "addresses", "text", "numbers", "french", "content", "models", "coverage"]
#: Cost up to a second, and 9 to 80 MB each: imported where something is drawn, sealed, examined or migrated.
HEAVY = (
    "app.certificate.fast", "app.certificate.pdf", "app.certificate.seal",
    "app.sharing.badge", "app.sharing.picture", "app.sharing.poster",
    "app.sealkey", "alembic", "flask_migrate",
)  # fmt: skip


def layer_of(path: Path) -> str:
    return path.relative_to(APP).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_layers(path: Path) -> set[str]:
    parts = (name.split(".") for name in imports_of(ast.parse(path.read_text())))
    return {p[1] for p in parts if p[0] == "app" and len(p) > 1 and p[1] in RANK}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(APP)))
def test_imports_go_down(path):
    here = layer_of(path)
    above = {name for name in imported_layers(path) if name != here and RANK[name] >= RANK[here]}
    assert not above, f"{here} must not import {above}"


@pytest.mark.parametrize("path", [p for p in MODULES if layer_of(p) in DOMAIN], ids=lambda p: p.name)
def test_the_domain_knows_no_web(path):
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
