"""What a plain installation leaves out, said with the one command that gets it.

The extras and what belongs to them are declared in pyproject.toml alone, and read from the
metadata of the installed package.
"""

from __future__ import annotations

import re
import shlex
import sys
from functools import cache

from lexsearch.errors import LexsearchError

_REQUIREMENT = re.compile(r"""([\w.-]+)([^;\s]*)\s*;\s*extra\s*==\s*['"]([\w-]+)['"]""")


@cache
def missing(extra: str, purpose: str) -> str:
    """A sentence for people, where a package of an extra is not installed; "" where all are.

    purpose: what cannot be done without it, as the sentence begins: "the captioner mllm".
    """
    absent = [requirement for name, requirement in _requirements(extra) if not _is_installed(name)]
    if not absent:
        return ""
    names = ", ".join(re.split(r"[<>=!~]", requirement)[0] for requirement in absent)
    command = shlex.join([sys.executable, "-m", "pip", "install", *absent])
    return f"{purpose} needs packages that are not installed ({names}); run: {command}"


def require(extra: str, purpose: str, error: type[LexsearchError]) -> None:
    """Raise the error with that sentence, where a package of an extra is not installed."""
    if sentence := missing(extra, purpose):
        raise error(sentence)


def _requirements(extra: str) -> list[tuple[str, str]]:
    """(name, name and versions) of each package that an extra adds."""
    from importlib import metadata

    try:
        lines = metadata.requires("lexsearch") or []
    except metadata.PackageNotFoundError:  # run from its folder, without an installation
        return []
    found = filter(None, map(_REQUIREMENT.fullmatch, lines))
    return [(match[1], match[1] + match[2]) for match in found if match[3] == extra]


def _is_installed(name: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
