"""Folders that are not there: moved, or away for a while, as a drive that is not plugged in."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from lexsearch.images.filesystem import is_folder
from lexsearch.storage.catalog import Catalog, FileRow


class Note(NamedTuple):
    """A sentence about a folder, and how many of its files were dropped from the catalog."""

    text: str
    dropped: int = 0


def note_moves(catalog: Catalog, away: Collection[str]) -> Iterator[Note]:
    """Drop the files of folders that are not there where their pictures turned up elsewhere in
    this run; the others stay, for they may come back.

    away: folders that were asked for and are not there, or are empty.
    """
    for folder in dict.fromkeys((*away, *_missing(catalog.roots()))):
        rows = list(catalog.files_under(folder))
        moved = [row for row in rows if catalog.has_arrived(row.doc_id)]
        for row in moved:
            catalog.drop_file(row.path)
        if moved:
            there = _common(catalog.arrived_at(row.doc_id for row in moved))
            count = _pictures(len({row.doc_id for row in moved}))
            yield Note(f"folder {folder} is gone; its {count} in {there}", len(moved))
        if folder in away and (left := len(rows) - len(moved)):
            yield Note(
                f"folder {folder} is not there, or empty: its {_pictures(left)} still found. If "
                f"they are gone for good: lexsearch remove {folder}"
            )


def _missing(folders: Iterable[str]) -> list[str]:
    return [folder for folder in folders if not is_folder(folder)]


def _common(rows: Iterable[FileRow]) -> str:
    return os.path.commonpath([os.path.dirname(row.path) for row in rows])


def _pictures(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count:,} pictures are"
