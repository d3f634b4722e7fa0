"""Find files and compare them with the catalog: what is new, known, moved or gone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from lexsearch.errors import ImageError
from lexsearch.images import filesystem
from lexsearch.images.files import ImageFile, LeftOut, Part, Unreadable, find, hash_file
from lexsearch.images.ignoring import Ignoring
from lexsearch.indexing.moves import note_moves
from lexsearch.records import Failure, Progress, ProgressCallback
from lexsearch.storage.catalog import FileRow
from lexsearch.storage.status import is_away
from lexsearch.storage.writer import Writer

_THREADS = max(2, min(8, os.cpu_count() or 2))
_HASH_CHUNK = 500  # files recorded in one transaction


@dataclass(slots=True)
class Report:
    """What came of adding pictures; counts of files.

    added: new pictures. unchanged: known and the same. moved: a known picture at a new place,
    its old place gone. duplicates: a further place of a picture. removed: places gone.
    captioned: pictures that were described in this run, in the stage that most had to do.
    left_out: files and folders by kind. notes: sentences about folders that moved or are away, and
    pictures that changed. failed: files that cannot be used. undescribed: pictures that can, but
    the captioner could not describe them or some of their views; failed_views: how many, in this
    run.
    outdated: pictures that an earlier version of the captioner described, and this one did not.
    complete: whether all was done; False where the progress callback raised Enough.
    """

    added: int = 0
    unchanged: int = 0
    moved: int = 0
    duplicates: int = 0
    removed: int = 0
    captioned: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    undescribed: list[Failure] = field(default_factory=list)
    failed_views: int = 0
    outdated: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number`, from 1, of `count` into which pictures are dealt by their doc_id, so that each
    process that looks at all files knows its own without asking the others.
    """

    number: int = 1
    count: int = 1

    def has(self, doc_id: str) -> bool:
        return int(doc_id, 16) % self.count == self.number - 1


class Change(NamedTuple):
    """A known file that has other bytes now."""

    path: str
    before: str
    now: str


ALL = Shard()
"""All pictures."""


@dataclass(slots=True)
class _Found:
    """What the scan of all paths gathers.

    arrivals: doc_ids of known pictures at new places. unreadable, away: files and folders of which
    nobody knows whether they are gone. changes: known files with other bytes.
    """

    arrivals: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    away: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


def scan_files(
    writer: Writer,
    paths: Sequence[str],
    report: Report,
    progress: ProgressCallback,
    shard: Shard = ALL,
    only: Collection[str] | None = None,
) -> list[Change]:
    """Compare the files with the catalog; hash those that are new or touched. Pictures of other
    shards are left out. only: look at these files and folders, at or below the paths, alone.

    Returns the known files that have other bytes now.
    """
    catalog = writer.catalog
    found = _Found()
    with catalog.transaction():
        for path in paths if only is None else ():
            catalog.restore(path)
    looked_at = _places(paths, set(catalog.removed()), only)
    for path, places in looked_at.items():
        with catalog.transaction():
            for place in places:
                catalog.drop_failures(place)
        if not filesystem.exists(path) and not any(catalog.files_under(path)):
            fail(writer, report, path, "there is no such file or folder")
        elif is_away(catalog, path):
            found.away.append(path)
        elif filesystem.exists(path):
            part = None if only is None else Part.of(places)
            _scan(writer, path, report, found, progress, shard, part)
    with catalog.transaction():
        for places in looked_at.values():
            for place in places:
                _drop_vanished(writer, place, report, found)
        for note in note_moves(catalog, found.away):
            report.notes.append(note.text)
            report.removed += note.dropped
    _count_arrivals(writer, report, found.arrivals)
    return found.changes


def _places(
    paths: Sequence[str], removed: Collection[str], only: Collection[str] | None
) -> dict[str, list[str]]:
    """What to look at, at or below each of the paths; those where there is nothing are left out."""
    if only is None:
        return {path: [path] for path in paths}
    places = {
        path: [one for one in only if one == path or one.startswith(path.rstrip("/") + "/")]
        for path in paths
        if path not in removed
    }
    return {path: below for path, below in places.items() if below}


def _scan(
    writer: Writer,
    path: str,
    report: Report,
    found: _Found,
    progress: ProgressCallback,
    shard: Shard,
    part: Part | None,
) -> None:
    catalog = writer.catalog
    root = path if filesystem.is_folder(path) else os.path.dirname(path)
    ignoring = Ignoring.below(root, catalog.excluded(), catalog.removed())
    pending: list[ImageFile] = []
    for entry in find(path, ignoring, part):
        if isinstance(entry, LeftOut):
            report.left_out[entry.kind] += 1
            continue
        if isinstance(entry, Unreadable):
            found.unreadable.append(entry.path)
            fail(writer, report, entry.path, entry.reason)
            continue
        before = catalog.file(entry.path)
        if before is not None and (before.size, before.mtime_ns) == (entry.size, entry.mtime_ns):
            catalog.mark_seen(entry.path, entry.beside)
            report.unchanged += 1
        else:
            pending.append(entry)
        if len(pending) == _HASH_CHUNK:
            _identify(writer, root, pending, report, found, shard)
            pending = []
        done = report.unchanged + len(found.arrivals) + len(report.failed)
        if done and done % 100 == 0:
            progress(Progress("looking for pictures", done, None, "file", len(report.failed)))
    _identify(writer, root, pending, report, found, shard)


def _drop_vanished(writer: Writer, path: str, report: Report, found: _Found) -> None:
    kept = (*found.unreadable, *found.away)
    for gone in writer.catalog.vanished(path):
        if not any(gone == place or gone.startswith(place + "/") for place in kept):
            writer.catalog.drop_file(gone)
            report.removed += 1


def _identify(
    writer: Writer,
    root: str,
    files: Iterable[ImageFile],
    report: Report,
    found: _Found,
    shard: Shard,
) -> None:
    """Hash files and record what they are."""
    catalog = writer.catalog
    with ThreadPoolExecutor(_THREADS) as pool, catalog.transaction():
        for file, hashing in [(file, pool.submit(hash_file, file.path)) for file in files]:
            before = catalog.file(file.path)
            try:
                doc_id = hashing.result()
            except ImageError as error:
                found.unreadable.append(file.path)  # known, perhaps, and not to be had just now
                fail(writer, report, file.path, str(error))
                continue
            if not shard.has(doc_id):
                report.left_out["pictures of other shards"] += 1
                continue
            if before is not None and before.doc_id == doc_id:
                report.unchanged += 1
            elif catalog.has_document(doc_id):
                found.arrivals.append(doc_id)
            else:
                report.added += 1
            if before is not None and before.doc_id != doc_id:
                found.changes.append(Change(file.path, before.doc_id, doc_id))
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
