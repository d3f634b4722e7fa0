"""Make docs/api.md, the reference of the Python API, from signatures and docstrings.

    python tools/make_reference.py

A test fails when the page is not what this makes, or when something public has no docstring.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
HEAD = """# The Python API

What can be imported, with what it takes and gives. This page is made from the docstrings
(`python tools/make_reference.py`); [Using lexsearch](using.md) and [Applications](apps.md) show it
at work.
"""
MODULES = {
    "lexsearch": ("open", "Index", "Report", "Status", "PictureInfo"),
    "lexsearch.records": (
        *("Results", "Hit", "Evidence", "Suggestion", "UnmatchedKeyword", "Query", "Keyword"),
        *("PictureCopy", "Caption", "CaptionerKey", "Box", "Progress", "Failure"),
    ),
    "lexsearch.searching.sessions": ("Session",),
    "lexsearch.indexing.adding": ("Enough",),
    "lexsearch.captioners": ("open_captioner", "Captioner", "CaptionerSpec"),
    "lexsearch.web": ("app", "Feeder", "Limits"),
    "lexsearch.errors": (),
}
"""What the page has of each module; () for everything."""

_ITEM = re.compile(r"([a-z_]\w*(?:\(\w*\))?(?:, [a-z_]\w*(?:\(\w*\))?)*): (?=\S)")


def reference() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, wanted in MODULES.items():
        module = importlib.import_module(name)
        parts.append(f"\n## {name}\n")
        for each in wanted or module.__all__:
            parts.append(_described(getattr(module, each), each, "###"))
    return "\n".join(parts)


def _described(thing: object, name: str, level: str) -> str:
    """A class or function: heading, signature, docstring, and so too the methods of a class."""
    node = _node(thing)
    parts = [f"{level} {name}\n", f"```py\n{_signature(node, name)}\n```\n", _prose(thing, name)]
    if isinstance(node, ast.ClassDef):
        for method in filter(_is_public, map(_method, node.body)):
            inner = inspect.getattr_static(thing, method)
            found = getattr(inner, "fget", None) or getattr(inner, "__func__", inner)
            if inspect.getdoc(found):
                parts.append(_described(found, f"{name}.{method}", level + "#"))
    return "\n".join(parts)


def _method(node: ast.stmt) -> str:
    """The name of a method, defined here or passed on (lexsearch.searching.doors), or ""."""
    if isinstance(node, ast.FunctionDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        return ast.unparse(node.targets[0])
    return ""


def _is_public(name: str) -> bool:
    return bool(name) and not name.startswith("_")


def _node(thing: object) -> ast.ClassDef | ast.FunctionDef:
    source = textwrap.dedent(inspect.getsource(thing))  # type: ignore[arg-type]
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.ClassDef | ast.FunctionDef)
    return node


def _signature(node: ast.ClassDef | ast.FunctionDef, name: str) -> str:
    if isinstance(node, ast.FunctionDef):
        if any(ast.unparse(one) == "property" for one in node.decorator_list):
            return f"{name} -> {ast.unparse(node.returns)}" if node.returns else name
        return _call(name, [*_arguments(node.args)], node.returns)
    made = next(
        (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"),
        None,
    )
    if made is not None:
        return _call(name, [*_arguments(made.args)], None)
    fields = [
        ast.unparse(one)
        for one in node.body
        if isinstance(one, ast.AnnAssign) and "ClassVar" not in ast.unparse(one.annotation)
    ]
    bases = ", ".join(map(ast.unparse, node.bases))
    is_plain = node.decorator_list or bases == "NamedTuple"
    return _call(name, fields, None) if is_plain else f"class {name}({bases})"


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    """Each as it is written, without self."""
    given = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(given) - len(arguments.defaults)) + list(arguments.defaults)
    for one, default in zip(given, defaults, strict=True):
        if one.arg not in ("self", "cls", "writer"):  # what a door fills in
            yield _argument(one, default)
    if arguments.vararg:
        yield f"*{_argument(arguments.vararg, None)}"
    elif arguments.kwonlyargs:
        yield "*"
    for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(one, value)
    if arguments.kwarg:
        yield f"**{_argument(arguments.kwarg, None)}"


def _argument(one: ast.arg, default: ast.expr | None) -> str:
    text = ast.unparse(one)
    return text if default is None else f"{text} = {ast.unparse(default)}"


def _call(name: str, arguments: list[str], returns: ast.expr | None) -> str:
    gives = f" -> {ast.unparse(returns)}" if returns is not None else ""
    line = f"{name}({', '.join(arguments)}){gives}"
    if len(line) <= 88:
        return line
    return f"{name}(\n" + "".join(f"    {one},\n" for one in arguments) + f"){gives}"


def _prose(thing: object, name: str) -> str:
    """A docstring as Markdown: what it says of each argument or field becomes a list."""
    text = inspect.getdoc(thing)
    if not text:
        raise SystemExit(f"{name} has no docstring")
    made = (
        inspect.getdoc(thing.__init__)
        if inspect.isclass(thing) and "__init__" in vars(thing)
        else None
    )
    lines: list[str] = []
    for line in (f"{text}\n\n{made}" if made else text).splitlines():
        if item := _ITEM.match(line):
            if lines and lines[-1] and not lines[-1].startswith(("- ", "  ")):
                lines.append("")
            lines.append(f"- `{item[1]}`: {line[item.end() :]}")
        elif line.startswith("    ") and lines and lines[-1].startswith(("- ", "  ")):
            lines.append(f"  {line.strip()}")
        else:
            if line and lines and lines[-1].startswith(("- ", "  ")):
                lines.append("")
            lines.append(line)
    return "\n".join(lines) + "\n"


def main() -> None:
    PAGE.write_text(reference(), encoding="utf-8")
    print(f"{PAGE}: {len(reference().splitlines()):,} lines")


if __name__ == "__main__":
    main()
