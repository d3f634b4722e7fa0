"""Find files and compare them with the catalog: what is new, known, moved or gone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lexsearch.errors import ImageError
from lexsearch.images.files import ImageFile, Unreadable, find, hash_file
from lexsearch.records import Failure, Progress
from lexsearch.storage.catalog import FileRow
from lexsearch.storage.writer import ProgressCallback, Writer

_THREADS = max(2, min(8, os.cpu_count() or 2))
_HASH_CHUNK = 500  # files recorded in one transaction


@dataclass(slots=True)
class Report:
    """What came of adding pictures; counts of files.

    added: new pictures. unchanged: known and the same. moved: a known picture at a new place,
    its old place gone. duplicates: a further place of a picture. removed: places gone.
    captioned: pictures that were described in this run, in the stage that most had to do.
    failed: files that cannot be used. undescribed: pictures that can, but the captioner could
    not describe them or some of their views; failed_views: how many, in this run.
    outdated: pictures that an earlier version of the captioner described, and this one did not.
    """

    added: int = 0
    unchanged: int = 0
    moved: int = 0
    duplicates: int = 0
    removed: int = 0
    captioned: int = 0
    failed: list[Failure] = field(default_factory=list)
    undescribed: list[Failure] = field(default_factory=list)
    failed_views: int = 0
    outdated: int = 0


def scan_files(
    writer: Writer, paths: Sequence[str], report: Report, progress: ProgressCallback
) -> None:
    """Compare the files with the catalog; hash those that are new or touched."""
    catalog = writer.catalog
    arrivals: list[str] = []
    unreadable: list[str] = []
    for path in paths:
        root = path if os.path.isdir(path) else os.path.dirname(path)
        with catalog.transaction():
            catalog.drop_failures(path)
        pending: list[ImageFile] = []
        for entry in find(path):
            if isinstance(entry, Unreadable):
                unreadable.append(entry.path)
                fail(writer, report, entry.path, entry.reason)
                continue
            before = catalog.file(entry.path)
            if before is not None and (before.size, before.mtime_ns) == (
                entry.size,
                entry.mtime_ns,
            ):
                catalog.mark_seen(entry.path, entry.beside)
                report.unchanged += 1
            else:
                pending.append(entry)
            if len(pending) == _HASH_CHUNK:
                _identify(writer, root, pending, report, arrivals)
                pending = []
            done = report.unchanged + len(arrivals) + len(report.failed)
            if done and done % 100 == 0:
                progress(Progress("looking for pictures", done, None, "file", len(report.failed)))
        _identify(writer, root, pending, report, arrivals)
        with catalog.transaction():
            for gone in catalog.vanished(path):
                if not any(gone == bad or gone.startswith(bad + "/") for bad in unreadable):
                    catalog.drop_file(gone)
                    report.removed += 1
    _count_arrivals(writer, report, arrivals)


def _identify(
    writer: Writer, root: str, files: Iterable[ImageFile], report: Report, arrivals: list[str]
) -> None:
    """Hash files and record what they are. `arrivals` gets the doc_ids of known pictures
    that turned up at a new place.
    """
    catalog = writer.catalog
    with ThreadPoolExecutor(_THREADS) as pool, catalog.transaction():
        for file, hashing in [(file, pool.submit(hash_file, file.path)) for file in files]:
            try:
                doc_id = hashing.result()
            except ImageError as error:
                catalog.drop_file(file.path)
                fail(writer, report, file.path, str(error))
                continue
            before = catalog.file(file.path)
            if before is not None and before.doc_id == doc_id:
                report.unchanged += 1
            elif catalog.has_document(doc_id):
                arrivals.append(doc_id)
            else:
                report.added += 1
            catalog.put_file(FileRow(file.path, root, file.size, file.mtime_ns, doc_id))
            catalog.mark_seen(file.path, file.beside)


def _count_arrivals(writer: Writer, report: Report, arrivals: list[str]) -> None:
    """A known picture at a new place has moved if an old place is gone in this run."""
    for doc_id, arrived in Counter(arrivals).items():
        if writer.catalog.has_lost(doc_id):
            report.moved += 1
            report.removed = max(0, report.removed - 1)
            arrived -= 1
        elif arrived == len(writer.catalog.files_of([doc_id])[doc_id]):
            report.added += 1  # known from long ago; its captions are still there
            arrived -= 1
        report.duplicates += arrived
    with writer.catalog.transaction():
        writer.catalog.mark_stale(arrivals)


def fail(writer: Writer, report: Report, path: str, reason: str) -> None:
    """Note a failure, in the report and for `lexsearch status`."""
    failure = Failure(path, reason)
    report.failed.append(failure)
    writer.catalog.put_failure(failure)
