"""Keep what files say of themselves: of new pictures, and again where more can be read."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from lexsearch.images import metadata
from lexsearch.records import Caption, Progress, ProgressCallback
from lexsearch.storage.catalog import FileRow
from lexsearch.storage.writer import Writer

_THREADS = max(2, min(8, os.cpu_count() or 2))
_CHUNK = 2000  # pictures kept at once

Place = tuple[str, str]
"""Field and number of one thing that a file says."""


def read_metadata(writer: Writer, progress: ProgressCallback) -> None:
    """Read what is said of the pictures seen in this run, where it was not read as it is now.

    So an index of an older version learns what this one reads, and nothing is described again.
    """
    waiting = writer.catalog.to_read(metadata.edition())
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(waiting), _CHUNK):
            part = waiting[start : start + _CHUNK]
            progress(Progress("reading metadata", start, len(waiting), "file"))
            read = list(pool.map(metadata.read, (row.path for row, _, _ in part)))
            again = [row.doc_id for row, _, before in part if before]
            said_before = _said_before(writer, again)
            writer.keep(
                caption
                for (row, _, _), said in zip(part, read, strict=True)
                for caption in _captions(row, said, said_before.get(row.doc_id, set()))
            )
            with writer.catalog.transaction():
                for row, stamp, _ in part:
                    writer.catalog.set_read(row.doc_id, stamp)


def _captions(row: FileRow, said: Sequence[tuple[str, str]], before: set[Place]) -> list[Caption]:
    """What is said now; an empty text in place of what was said before and is no longer."""
    now = time.time_ns() // 1000
    texts = {(field, str(number)): text for number, (field, text) in enumerate(said)}
    return [
        Caption(row.doc_id, metadata.FILE, text, field, number, captioner=metadata.KEY, time=now)
        for (field, number), text in (dict.fromkeys(before, "") | texts).items()
    ]


def _said_before(writer: Writer, doc_ids: Sequence[str]) -> dict[str, set[Place]]:
    """What was kept of each document, by this version or an older one."""
    return {
        doc_id: {(row.field, row.caption_id) for row in rows if row.crop == metadata.FILE}
        for doc_id, rows in (writer.store.scan(doc_ids) if doc_ids else ())
    }
