"""Likenesses of pictures that were described before these were kept: opened once, small."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import attrgetter

from lexsearch.errors import ImageError
from lexsearch.images.files import open_picture
from lexsearch.indexing.jobs import known_by_likeness
from lexsearch.records import LIKENESS, Caption, Progress, ProgressCallback
from lexsearch.storage.catalog import FileRow
from lexsearch.storage.writer import Writer

_THREADS = max(2, min(8, os.cpu_count() or 2))
_SIDE = 320  # pixels of the longer side that are enough
_CHUNK = 500  # pictures kept at once


def keep_likenesses(writer: Writer, progress: ProgressCallback) -> None:
    """Keep the likeness of every picture that has none; of those that cannot be opened, none."""
    known = writer.store.texts(LIKENESS)
    rows = writer.catalog.files()
    lacking = [
        [*places]
        for doc_id, places in groupby(rows, key=attrgetter("doc_id"))
        if doc_id not in known
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(lacking), _CHUNK):
            progress(Progress("comparing", start, len(lacking), "picture"))
            writer.keep(filter(None, pool.map(_likeness, lacking[start : start + _CHUNK])))


def _likeness(places: Sequence[FileRow]) -> Caption | None:
    for place in places:
        try:
            return known_by_likeness(place.doc_id, open_picture(place.path, _SIDE).likeness)
        except ImageError:  # named when it is to be described
            continue
    return None
