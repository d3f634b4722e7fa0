"""What an index holds, in numbers, and what it knows of one picture."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lexsearch.images import filesystem
from lexsearch.records import Caption, CaptionerKey, Failure
from lexsearch.sizes import size_of
from lexsearch.storage.catalog import Catalog
from lexsearch.storage.settings import Settings


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What is known of one picture: where it lies, and its captions in effect."""

    doc_id: str
    paths: tuple[str, ...]
    captions: tuple[Caption, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """How many pictures have the captions of one stage by one captioner."""

    captioner: CaptionerKey
    stage: str
    pictures: int


@dataclass(frozen=True, slots=True)
class Status:
    """What is in an index, what is missing, and what failed. Sizes in bytes.

    failures: files that cannot be used. undescribed: pictures that a captioner, wholly or in
        part, could not describe.
    away: those of the folders that are not there, or are as empty as where no drive is mounted.
    """

    path: str
    folders: tuple[str, ...]
    files: int
    pictures: int
    imported: int
    searchable: int
    waiting: int
    stages: tuple[Stage, ...]
    failures: tuple[Failure, ...]
    undescribed: tuple[tuple[CaptionerKey, Failure], ...]
    settings: Settings
    caption_bytes: int = 0
    text_index_bytes: int = 0
    away: tuple[str, ...] = ()


def status_of(folder: Path, settings: Settings, catalog: Catalog, searchable: int) -> Status:
    """searchable: how many documents the text index has."""
    roots = tuple(catalog.roots())
    return Status(
        path=str(folder),
        folders=roots,
        away=tuple(root for root in roots if is_away(catalog, root)),
        files=catalog.places(),
        pictures=catalog.pictures(),
        imported=catalog.imported(),
        searchable=searchable,
        waiting=catalog.waiting(),
        stages=tuple(Stage(*row) for row in catalog.coverage.stages()),
        failures=tuple(catalog.failures()),
        undescribed=tuple(catalog.coverage.undescribed()),
        settings=settings,
        caption_bytes=size_of(folder / "captions"),
        text_index_bytes=size_of(folder / "lucene"),
    )


def is_away(catalog: Catalog, path: str) -> bool:
    """Whether a known folder is not there, or is as empty as where no drive is mounted."""
    if not any(catalog.files_under(path)):
        return False
    try:
        return not filesystem.scan(path)
    except NotADirectoryError:
        return False
    except FileNotFoundError:
        return not filesystem.is_folder(os.path.dirname(path)) or any(
            row.path != path for row in catalog.files_under(path)
        )
    except OSError:  # a folder that may not be read is named by the scan
        return False
