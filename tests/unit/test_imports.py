"""Imports go one way, and heavy packages are imported where they are used."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import routelmt_cli

PACKAGE = Path(routelmt_cli.__file__).parent
NAME = "routelmt_cli"

# The three leaves of budget are what other rooms need of it: a card has a price, amounts are typed
# and shown, and a comparison at equal spend fills by the very rule of the plan.
LAYERS = (
    {"__init__", "errors"},
    {"budget.money", "budget.price", "budget.filling", "protection"},
    {"corpus", "translators", "features", "budget", "evaluation"},
    {"gain"},
    {"run"},
    {"cli"},
    {"__main__"},
)
HEAVY = {
    *("llama_cpp", "lightgbm", "sacrebleu", "sentencepiece", "ray", "matplotlib", "gguf"),
    *("httpx", "py3langid"),
}

SOURCES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """Name the room of a module path below the package, such as ``budget`` of budget.knapsack."""
    parts = module.split(".")
    two = ".".join(parts[:2])
    return two if any(two in layer for layer in LAYERS) else parts[0]


def layer_of(room: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if room in layer)


def imported_modules(source: str, module: str) -> list[str]:
    """List what a module imports, as absolute dotted names, whether at its top or inside."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = f"{NAME}.{module}".split(".")[: -node.level]
                base = ".".join([*package, *([base] if base else [])])
            names += [f"{base}.{alias.name}" for alias in node.names]
    return names


def wrong_imports(source: str, module: str) -> list[str]:
    """List the imports that go up, or sideways into another room of the same layer."""
    own = room_of(module)
    wrong = []
    for name in imported_modules(source, module):
        if not name.startswith(f"{NAME}."):
            continue
        other = room_of(name.removeprefix(f"{NAME}."))
        if not any(other in layer for layer in LAYERS):
            other = "__init__"  # a name of the package itself, such as __version__
        if other != own and layer_of(other) >= layer_of(own):
            wrong.append(f"{module} imports {name}")
    return wrong


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts)


def test_the_package_is_found():
    assert PACKAGE / "budget" / "knapsack.py" in SOURCES


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_one_way(path):
    module = module_of(path)
    assert layer_of(room_of(module)) >= 0
    assert wrong_imports(path.read_text(encoding="utf-8"), module) == []


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_heavy_packages_are_imported_where_they_are_used(path):
    top = ast.parse(path.read_text(encoding="utf-8"))
    at_import = [
        node.names[0].name if isinstance(node, ast.Import) else node.module or ""
        for node in top.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert not {name.split(".")[0] for name in at_import} & HEAVY


def test_evaluation_knows_no_router():
    for path in SOURCES:
        module = module_of(path)
        if room_of(module) == "evaluation":
            names = imported_modules(path.read_text(encoding="utf-8"), module)
            rooms = {room_of(n.removeprefix(f"{NAME}.")) for n in names if n.startswith(f"{NAME}.")}
            assert rooms <= {"errors", *LAYERS[1], "evaluation"}


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from routelmt_cli.run import journal", "gain.training"),
        ("import routelmt_cli.gain.router", "evaluation.curve"),
        ("from routelmt_cli import gain", "features.source"),
        ("from ..gain import router", "evaluation.curve"),
        ("def f():\n    from routelmt_cli.cli.main import run", "run.pipeline"),
        ("from routelmt_cli.translators.protocol import Usage", "corpus.table"),
        ("from routelmt_cli.budget.price import Price", "budget.money"),
        ("from routelmt_cli.evaluation.curve import area", "budget.knapsack"),
        ("from routelmt_cli.budget.knapsack import solve", "evaluation.comparison"),
    ],
)
def test_a_wrong_import_is_seen(source, module):
    assert len(wrong_imports(source, module)) == 1


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import numpy\nfrom routelmt_cli.errors import UsageError", "corpus.table"),
        ("from routelmt_cli import __version__", "cli.main"),
        ("from routelmt_cli.budget.money import parse_usd", "translators.card"),
        ("from .money import parse_usd", "budget.knapsack"),
        ("from routelmt_cli.gain.router import Router", "run.pipeline"),
    ],
)
def test_a_right_import_is_let_through(source, module):
    assert wrong_imports(source, module) == []
