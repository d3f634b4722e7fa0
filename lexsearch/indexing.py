"""Add pictures to an index: find, identify, caption in stages, keep as one goes."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from lexsearch.captioners import Captioner, View, Words
from lexsearch.catalog import FileRow
from lexsearch.crops import SCHEMES, STAGES
from lexsearch.errors import CaptionerError, ImageError
from lexsearch.images import ImageFile, Unreadable, find, hash_file, open_picture, pixel_bound
from lexsearch.records import Caption, Failure, Progress
from lexsearch.writing import ProgressCallback, Writer

_THREADS = max(2, min(8, os.cpu_count() or 2))
_AHEAD = 2 * _THREADS  # pictures decoded before they are needed
_KEEP_SECONDS = 5.0  # captions are stored at least this often
_HASH_CHUNK = 500  # files recorded in one transaction


@dataclass(slots=True)
class Report:
    """What came of adding pictures; counts of files.

    added: new pictures. unchanged: known and the same. moved: a known picture at a new place,
    its old place gone. duplicates: a further place of a picture. removed: places gone.
    captioned: pictures that got captions in this run, in the stage that most of them had to do.
    """

    added: int = 0
    unchanged: int = 0
    moved: int = 0
    duplicates: int = 0
    removed: int = 0
    captioned: int = 0
    failed: list[Failure] = field(default_factory=list)


class _Viewed(NamedTuple):
    """A decoded picture, cut for one stage. Its size in pixels, upright."""

    row: FileRow
    size: tuple[int, int]
    views: list[View]


def add(
    writer: Writer,
    paths: Sequence[str],
    captioner: Captioner,
    scheme: str,
    max_pixels: int,
    progress: ProgressCallback,
) -> Report:
    """Bring the index up to date with files and folders; see `Index.add`."""
    report = Report()
    with pixel_bound(max_pixels):
        _take_stock(writer, paths, report, progress)
        writer.sync()
        _Captioning(writer, report, captioner, max_pixels, progress).run(SCHEMES[scheme])
        writer.tidy()
    report.failed.sort()
    return report


def _take_stock(
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
                _fail(writer, report, entry.path, entry.reason)
                continue
            before = catalog.file(entry.path)
            if before is not None and (before.size, before.mtime_ns) == entry[1:]:
                catalog.see(entry.path)
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
                _fail(writer, report, file.path, str(error))
                continue
            before = catalog.file(file.path)
            if before is not None and before.doc_id == doc_id:
                report.unchanged += 1
            elif catalog.has_document(doc_id):
                arrivals.append(doc_id)
            else:
                report.added += 1
            catalog.put_file(FileRow(file.path, root, file.size, file.mtime_ns, doc_id))
            catalog.see(file.path)


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
        writer.catalog.wait(arrivals)


def _fail(writer: Writer, report: Report, path: str, reason: str) -> None:
    failure = Failure(path, reason)
    report.failed.append(failure)
    writer.catalog.put_failure(failure)


class _Captioning:
    """Captions pictures stage by stage, decoding ahead on threads, keeping as it goes."""

    def __init__(
        self,
        writer: Writer,
        report: Report,
        captioner: Captioner,
        max_pixels: int,
        progress: ProgressCallback,
    ) -> None:
        self._writer = writer
        self._report = report
        self._captioner = captioner
        self._captioner_id = writer.catalog.captioner_id(captioner.key)
        self._max_pixels = max_pixels
        self._progress = progress
        self._captions: list[Caption] = []
        self._done: list[tuple[str, str]] = []  # (doc_id, stage) since the last keep
        self._counts: Counter[str] = Counter()  # pictures kept, by stage
        self._kept_at = time.monotonic()

    def run(self, stages: Sequence[str]) -> None:
        for stage in stages:
            rows = self._writer.catalog.to_caption(self._captioner.key, stage)
            if rows:
                self._captioner.load()
            try:
                self._run_stage(stage, rows)
            finally:  # Ctrl-C as well: what is captioned is kept
                self._keep()

    def _run_stage(self, stage: str, rows: Sequence[FileRow]) -> None:
        batch: list[_Viewed] = []
        waiting_views = 0
        total = len(rows)
        for count, viewed in enumerate(self._decoded(stage, rows), 1):
            if isinstance(viewed, _Viewed):
                batch.append(viewed)
                waiting_views += len(viewed.views)
            if waiting_views >= self._captioner.batch_size or count == total:
                self._caption(stage, batch)
                batch, waiting_views = [], 0
            if time.monotonic() - self._kept_at > _KEEP_SECONDS:
                self._keep()
            name = "pictures" if stage == "whole" else "patches"
            self._progress(
                Progress(f"captioning {name}", count, total, "picture", len(self._report.failed))
            )

    def _decoded(self, stage: str, rows: Iterable[FileRow]) -> Iterator[_Viewed | None]:
        """The pictures' views in order of `rows`, decoded ahead; None for one that failed."""
        ahead: deque[tuple[FileRow, Future[_Viewed]]] = deque()
        queue = iter(rows)
        with ThreadPoolExecutor(_THREADS) as pool:
            try:
                while True:
                    while len(ahead) < _AHEAD and (row := next(queue, None)) is not None:
                        ahead.append((row, pool.submit(self._view, stage, row)))
                    if not ahead:
                        return
                    row, decoding = ahead.popleft()
                    try:
                        yield decoding.result()
                    except ImageError as error:
                        self._give_up(stage, row, str(error))
                        yield None
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _view(self, stage: str, row: FileRow) -> _Viewed:
        status = os.stat(row.path) if os.path.exists(row.path) else None
        if status is None or (status.st_size, status.st_mtime_ns) != (row.size, row.mtime_ns):
            raise ImageError("changed while it was being indexed; run `lexsearch index` again")
        side = self._captioner.view_side
        # A ninth is a third as wide as the picture.
        enough = side if stage == "whole" else 3 * side
        picture = open_picture(row.path, enough, self._max_pixels)
        crops = STAGES[stage](picture.width, picture.height)
        views = [picture.view(crop, side) for crop in crops]
        return _Viewed(row, (picture.width, picture.height), views)

    def _caption(self, stage: str, batch: Sequence[_Viewed]) -> None:
        """Caption a batch; if that fails, one picture at a time, so that one costs no other."""
        views = [view for viewed in batch for view in viewed.views]
        try:
            words = iter(self._captioner.caption(views) if views else [])
        except CaptionerError as error:
            if len(batch) == 1:
                self._give_up(stage, batch[0].row, str(error))
            else:
                for viewed in batch:
                    self._caption(stage, [viewed])
            return
        now = time.time_ns() // 1000
        for row, (width, height), picture_views in batch:
            captions = [
                Caption(
                    row.doc_id,
                    view.crop.name,
                    text,
                    field,
                    captioner=self._captioner.key,
                    box=view.crop.box,
                    width=width,
                    height=height,
                    time=now,
                )
                for view in picture_views
                for text, field in next(words) or [Words("")]
            ]
            self._captions.extend(captions)  # all of a stage or none, should Ctrl-C come now
            self._done.append((row.doc_id, stage))

    def _give_up(self, stage: str, row: FileRow, reason: str) -> None:
        """Note a failure. A picture without any caption is not in the index at all."""
        catalog = self._writer.catalog
        if stage != "whole":
            return _fail(self._writer, self._report, row.path, reason)
        places = catalog.files_of([row.doc_id])[row.doc_id]
        for place in places:
            catalog.drop_file(place.path)
            _fail(self._writer, self._report, place.path, reason)
        self._report.added = max(0, self._report.added - 1)
        self._report.duplicates = max(0, self._report.duplicates - (len(places) - 1))
        return None

    def _keep(self) -> None:
        """Store what is captioned so far and make it searchable."""
        self._writer.keep(self._captions)
        with self._writer.catalog.transaction():
            for doc_id, stage in self._done:  # also pictures too small to have patches
                self._writer.catalog.set_captioned(doc_id, self._captioner_id, stage)
        self._writer.sync()
        self._counts.update(stage for _, stage in self._done)
        self._report.captioned = max(self._counts.values(), default=0)
        self._captions, self._done = [], []
        self._kept_at = time.monotonic()
