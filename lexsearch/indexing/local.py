"""Caption pictures in stages on threads of this machine, keeping as one goes."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from lexsearch.captioners import Captioner
from lexsearch.errors import CaptionerError, CaptionerUnavailable, ImageError
from lexsearch.images import metadata
from lexsearch.images.crops import NAMES, SCHEMES, STAGES, stage_of
from lexsearch.images.files import open_picture, pixel_bound
from lexsearch.indexing.scan import Report, fail, scan_files
from lexsearch.records import Caption, CaptionText, Progress, View
from lexsearch.storage.catalog import FileRow
from lexsearch.storage.writer import ProgressCallback, Writer

_THREADS = max(2, min(8, os.cpu_count() or 2))
_AHEAD = 2 * _THREADS  # pictures decoded before they are needed, at least
_BATCHES_AHEAD = 2
_KEEP_SECONDS = 5.0  # captions are stored at least this often


@dataclass(slots=True)
class _Viewed:
    """A decoded picture, cut for one stage, and what has been said of its first views.

    size: width and height in pixels, upright. about: what the file says of itself (see
    lexsearch.images.metadata), with the first stage. given_up: a view failed; the others are
    left out.
    """

    row: FileRow
    size: tuple[int, int]
    views: list[View]
    about: list[tuple[str, str]]
    words: list[list[CaptionText]] = field(default_factory=list)
    given_up: bool = False


class _Waiting(NamedTuple):
    """A view that waits for its batch, and the picture that it is of."""

    viewed: _Viewed
    view: View


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
        scan_files(writer, paths, report, progress)
        writer.sync()
        _Captioning(writer, report, captioner, max_pixels, progress).run(SCHEMES[scheme])
        writer.tidy()
    report.failed.sort()
    return report


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
        waiting: deque[_Waiting] = deque()
        name = "pictures" if stage == "whole" else "patches"
        total = len(rows)
        for count, viewed in enumerate(self._decoded(stage, rows), 1):
            if viewed is not None:
                waiting += (_Waiting(viewed, view) for view in viewed.views)
                if not viewed.views:
                    self._finish(stage, viewed)
            while len(waiting) >= (size := max(1, self._captioner.batch_size)) or (
                waiting and count == total
            ):
                batch = [waiting.popleft() for _ in range(min(size, len(waiting)))]
                self._caption(stage, [entry for entry in batch if not entry.viewed.given_up])
                if time.monotonic() - self._kept_at > _KEEP_SECONDS:
                    self._keep()
            done = count - len({id(entry.viewed) for entry in waiting})
            failed = len(self._report.failed)
            self._progress(Progress(f"captioning {name}", done, total, "picture", failed))

    def _decoded(self, stage: str, rows: Iterable[FileRow]) -> Iterator[_Viewed | None]:
        """The pictures' views in order of `rows`, decoded ahead; None for one that failed.

        So far ahead that the captioner, after a batch, finds the views of the next one ready.
        """
        ahead: deque[tuple[FileRow, Future[_Viewed]]] = deque()
        most_views = sum(stage_of(name) == stage for name in NAMES)
        queue = iter(rows)
        with ThreadPoolExecutor(_THREADS) as pool:
            try:
                while True:
                    views = _BATCHES_AHEAD * self._captioner.batch_size
                    pictures = max(_AHEAD, -(-views // most_views))
                    while len(ahead) < pictures and (row := next(queue, None)) is not None:
                        ahead.append((row, pool.submit(self._view, stage, row)))
                    if not ahead:
                        return
                    row, decoding = ahead.popleft()
                    try:
                        yield decoding.result()
                    except CaptionerUnavailable:
                        raise
                    except (ImageError, CaptionerError) as error:
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
        views = [self._captioner.prepare(picture.view(crop, side)) for crop in crops]
        about = metadata.read(row.path) if stage == "whole" else []
        return _Viewed(row, (picture.width, picture.height), views, about)

    def _caption(self, stage: str, batch: Sequence[_Waiting]) -> None:
        """Caption a batch; if that fails, one picture at a time, so that one costs no other."""
        if not batch:
            return
        try:
            answers = self._captioner.caption([entry.view for entry in batch])
        except CaptionerUnavailable:
            raise
        except CaptionerError as error:
            pictures = {id(entry.viewed): entry.viewed for entry in batch}
            if len(pictures) == 1:
                self._give_up_viewed(stage, batch[0].viewed, error)
            else:
                for viewed in pictures.values():
                    self._caption(stage, [entry for entry in batch if entry.viewed is viewed])
            return
        for (viewed, _), answer in zip(batch, answers, strict=True):
            if viewed.given_up:
                continue
            if isinstance(answer, CaptionerError):
                self._give_up_viewed(stage, viewed, answer)
                continue
            viewed.words.append(answer)
            if len(viewed.words) == len(viewed.views):
                self._finish(stage, viewed)

    def _finish(self, stage: str, viewed: _Viewed) -> None:
        """Take over what was said of a picture: all of a stage or none, should Ctrl-C come."""
        now = time.time_ns() // 1000
        self._captions += [
            Caption(
                viewed.row.doc_id,
                view.crop.name,
                text,
                field,
                str(number) if field == "seen" else "",
                captioner=self._captioner.key,
                box=box or view.crop.box,
                width=viewed.size[0],
                height=viewed.size[1],
                time=now,
            )
            for view, words in zip(viewed.views, viewed.words, strict=True)
            for number, (text, field, box) in enumerate(words or [CaptionText("")])
        ]
        if stage == "whole":
            self._captions += [
                Caption(
                    viewed.row.doc_id,
                    metadata.FILE,
                    text,
                    field,
                    str(number),
                    captioner=metadata.KEY,
                    time=now,
                )
                for number, (field, text) in enumerate(viewed.about)
            ]
        self._done.append((viewed.row.doc_id, stage))

    def _give_up_viewed(self, stage: str, viewed: _Viewed, error: CaptionerError) -> None:
        viewed.given_up = True
        self._give_up(stage, viewed.row, str(error))

    def _give_up(self, stage: str, row: FileRow, reason: str) -> None:
        """Note a failure. A picture without any caption is not in the index at all."""
        catalog = self._writer.catalog
        if stage != "whole":
            return fail(self._writer, self._report, row.path, reason)
        places = catalog.files_of([row.doc_id])[row.doc_id]
        for place in places:
            catalog.drop_file(place.path)
            fail(self._writer, self._report, place.path, reason)
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
