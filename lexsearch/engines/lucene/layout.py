"""How a Lucene index was made: a note in each commit, compared before the index is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lexsearch.engines.fields import LAYOUT
from lexsearch.engines.lucene import classes as _classes
from lexsearch.engines.lucene.analysis import fingerprint
from lexsearch.errors import EngineOutdated

MADE = "lexsearch"  # the note's name


def layout() -> str:
    """The note of an index that is made now."""
    return f"{LAYOUT} {fingerprint()}"


def has_index(folder: Path) -> bool:
    return any(folder.glob("segments_*"))


def check_layout(directory: Any, folder: Path) -> None:
    """Raise EngineOutdated when the last commit was made in another way."""
    infos = _classes.load().SegmentInfos.readLatestCommit(directory)
    if infos.getUserData().get(MADE) != layout():
        raise EngineOutdated(
            f"the text index {folder} was made by another version of lexsearch; "
            "`lexsearch reindex` makes it anew from the captions"
        )
