"""How a Lucene index was made: a note in each commit, compared before the index is used."""

from __future__ import annotations

from pathlib import Path

from lexsearch.engines.fields import LAYOUT
from lexsearch.engines.lucene.analysis import fingerprint


def note() -> str:
    """The note of an index that is made now."""
    return f"{LAYOUT} {fingerprint()}"


def has_index(folder: Path) -> bool:
    return any(folder.glob("segments_*"))
