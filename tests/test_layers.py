"""Who may import whom: read from the syntax tree, so that imports inside functions count too.

Imports for type checkers alone (`if TYPE_CHECKING:`) do not run, and are free.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the bottom up. A room may import those below its own row, and itself.
ROWS = (
    {"_version", "errors", "records", "memo", "sizes"},
    {"extras"},
    {"text", "images"},
    {"chat"},
    {"captioners", "engines", "language"},
    {"storage"},
    {"searching", "indexing"},
    {"index"},
    {"evaluation", "display"},
    {"web"},
    {"rewriting"},
    {""},  # lexsearch/__init__.py, the door
    {"cli"},
    {"__main__"},
)
ROW = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
APART = ("captioners", "engines")  # rooms whose parts never import each other

# Packages with a room of their own.
HOMES = {
    "jnius": ("engines.lucene",),
    "jnius_config": ("engines.lucene",),
    "opensearchpy": ("engines.opensearch",),
    "torch": ("captioners", "language", "evaluation", "rewriting"),
    "transformers": ("captioners", "language", "evaluation", "rewriting"),
    "peft": ("rewriting.training",),
    "fastapi": ("web",),
    "starlette": ("web",),
    "click": ("cli",),
    "tqdm": ("cli",),
    "watchfiles": ("indexing",),
    "fsspec": ("images.filesystem",),
    "ray": ("indexing.ray",),
    "pyserini": (),
}


def modules() -> dict[str, Path]:
    """Every module's dotted name below the package, and its file; the package itself is ""."""
    found = {}
    for file in (ROOT / "lexsearch").rglob("*.py"):
        parts = file.relative_to(ROOT / "lexsearch").with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()


@cache
def imports(module: str, in_functions: bool = True) -> frozenset[str]:
    """The absolute names that a module imports when it runs, in functions or not."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return frozenset(name for node in running(tree, in_functions) for name in names_of(node))


def running(node: ast.AST, in_functions: bool = True) -> Iterator[ast.AST]:
    """The nodes that run: all but what is under `if TYPE_CHECKING:`."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not in_functions:
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield from running(other, in_functions)
        else:
            yield from running(child, in_functions)


def names_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute"
        for alias in node.names:
            submodule = f"{node.module}.{alias.name}".removeprefix("lexsearch.")
            yield f"lexsearch.{submodule}" if submodule in MODULES else str(node.module)


def ours(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    return {
        name.removeprefix("lexsearch").removeprefix(".")
        for name in imports(module)
        if name.split(".")[0] == "lexsearch"
    }


def room(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_is_in_a_room() -> None:
    assert {room(module) for module in MODULES} <= ROW.keys()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_downward(module: str) -> None:
    upward = {
        name
        for name in ours(module)
        if room(name) != room(module) and ROW[room(name)] >= ROW[room(module)]
    }
    assert not upward


@pytest.mark.parametrize("module", sorted(name for name in MODULES if room(name) in APART))
def test_captioners_and_engines_do_not_import_each_other(module: str) -> None:
    parts = {name for name, file in MODULES.items() if name.count(".") == 1}
    packages = {name for name in parts if MODULES[name].name == "__init__.py"}
    mine = next((name for name in packages if f"{module}.".startswith(f"{name}.")), None)
    if mine:
        others = {name for name in packages if room(name) == room(module)} - {mine}
        assert not {name for name in ours(module) if ".".join(name.split(".")[:2]) in others}


def test_there_are_no_circles() -> None:
    """But for a room's door, which in a function opens a part of its own room (open_engine)."""
    graph = {
        module: {
            name
            for name in ours(module) - {module}
            if not name.startswith(f"{module}.") or f"lexsearch.{name}" in imports(module, False)
        }
        for module in MODULES
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_packages_stay_in_their_rooms(module: str) -> None:
    strangers = {
        package
        for package in {name.split(".")[0] for name in imports(module)} & HOMES.keys()
        if not any(f"{module}.".startswith(f"{home}.") for home in HOMES[package])
    }
    assert not strangers


@pytest.mark.parametrize("module", ["records", "errors"])
def test_plain_data_needs_the_standard_library_alone(module: str) -> None:
    packages = {name.split(".")[0] for name in imports(module)}
    assert packages - {"lexsearch"} <= sys.stdlib_module_names


def test_an_import_in_a_function_counts_and_one_for_types_does_not() -> None:
    text = "if TYPE_CHECKING:\n    import a\nelse:\n    import b\ndef f():\n    import c\n"
    found = {name for node in running(ast.parse(text)) for name in names_of(node)}
    assert found == {"b", "c"}
