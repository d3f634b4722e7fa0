"""How much lies in a folder that others may be changing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def size_of(folder: Path) -> int:
    """The bytes of the files in a folder; one that goes away meanwhile does not count."""
    size = 0
    for file in folder.glob("*"):
        with suppress(FileNotFoundError):
            size += file.stat().st_size if file.is_file() else 0
    return size
