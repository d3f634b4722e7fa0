"""Bring an index up to date with files: find them, describe what is new, keep as one goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lexsearch.captioners import Captioner, CaptionerSpec, does_for, is_outdated, open_captioner
from lexsearch.errors import LexsearchError
from lexsearch.images import filesystem
from lexsearch.images.crops import SCHEMES, stage_of
from lexsearch.images.pillow import MAX_PIXELS, pixel_bound
from lexsearch.indexing.estimating import Pace
from lexsearch.indexing.identity import follow_changes
from lexsearch.indexing.jobs import Job, Runner
from lexsearch.indexing.keeping import Keeper
from lexsearch.indexing.local import LocalRunner
from lexsearch.indexing.metadata import read_metadata
from lexsearch.indexing.scan import Report, Shard, scan_files
from lexsearch.records import CaptionerKey, ProgressCallback
from lexsearch.storage.catalog import Catalog
from lexsearch.storage.progress_file import publish_progress
from lexsearch.storage.settings import catalog_file
from lexsearch.storage.writer import Writer, writing


class Enough(Exception):
    """For a progress callback to raise while pictures are described: the run ends there, what is
    described is kept, and the report says that it is not complete.
    """


@dataclass(frozen=True, slots=True)
class Order:
    """What to bring up to date, and how: see `Index.add`. Raises LexsearchError for a way to cut,
    or a part, that there is not.

    paths, only: absolute.
    """

    paths: Sequence[str]
    crops: str = "fixed"
    max_pixels: int | None = None
    again: bool = False
    limit: int | None = None
    runner: Runner | None = None
    exclude: Sequence[str] = ()
    include_removed: bool = False
    engine: str | None = None
    shard: tuple[int, int] = (1, 1)
    only: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.crops not in SCHEMES:
            ways = ", ".join(SCHEMES)
            raise LexsearchError(f"there is no way to cut {self.crops!r}; choose {ways}")
        number, count = self.shard
        if not 1 <= number <= count:
            raise LexsearchError(f"there is no part {number} of {count}")


def add(
    folder: Path,
    order: Order,
    captioner: str | CaptionerSpec | Captioner,
    progress: ProgressCallback,
    *,
    create: bool = False,
) -> Report:
    """Bring the index in a folder up to date with files; see `Index.add`."""
    if order.only is None:
        _expect_any(folder, order.paths)
    with opened(captioner) as one:
        if one.spec is None and order.runner is not None:
            raise LexsearchError("another runner needs the captioner's name or spec")
        with writing(folder, create=create) as writer:
            if order.engine is not None:
                writer.move_text_index(order.engine, progress)
            writer.change_settings(replace(writer.settings, captioner=one.key))
            spec = one.spec or CaptionerSpec(one.key.name)
            pace = Pace(one.whole_pace, (one.pace - one.whole_pace) / 17)
            runner = order.runner or LocalRunner(one)
            with publish_progress(folder, progress) as tell:
                return _add(writer, order, runner, spec, one.key, pace, tell)


def _expect_any(folder: Path, paths: Sequence[str]) -> None:
    """One folder that is missing does not stop the others; nothing at all is a mistake."""
    if any(map(filesystem.exists, paths)):
        return
    if catalog_file(folder).exists():
        with closing(Catalog(catalog_file(folder))) as catalog:
            if any(any(catalog.files_under(path)) for path in paths):
                return
    raise LexsearchError(f"there is no file or folder {', '.join(paths)}")


@contextmanager
def opened(captioner: str | CaptionerSpec | Captioner) -> Iterator[Captioner]:
    """The captioner that is meant. One that is opened for this is closed at the end."""
    spec = CaptionerSpec(captioner) if isinstance(captioner, str) else captioner
    if not isinstance(spec, CaptionerSpec):
        yield spec
        return
    with closing(open_captioner(spec.name, **spec.options)) as one:
        yield one


def _add(
    writer: Writer,
    order: Order,
    runner: Runner,
    spec: CaptionerSpec,
    key: CaptionerKey,
    pace: Pace,
    progress: ProgressCallback,
) -> Report:
    """runner, spec, key, pace: who describes, how it is opened, what it goes by, and what it is
    expected to take.
    """
    limit, max_pixels = order.limit, order.max_pixels or MAX_PIXELS
    report = Report()
    with writer.catalog.transaction():
        for pattern in order.exclude:
            writer.catalog.exclude_pattern(pattern)
        if order.include_removed:
            writer.catalog.restore()
    with pixel_bound(max_pixels):
        changes = scan_files(writer, order.paths, report, progress, Shard(*order.shard), order.only)
        follow_changes(writer, changes, report)
        read_metadata(writer, progress)
    writer.sync()
    coverage = writer.catalog.coverage
    if order.again:
        with writer.catalog.transaction():
            coverage.describe_again(key, limit)
    earlier = [one for one in coverage.captioners() if does_for(one, key)]
    stages = _jobs(writer.catalog, key, [] if order.again else earlier, SCHEMES[order.crops], limit)
    keeper = Keeper(writer, report, key, [job for jobs in stages for job in jobs], pace, progress)
    pictures = len({job.doc_id for jobs in stages for job in jobs})
    try:
        if pictures:
            keeper.announce(pictures)
        for jobs in stages:
            with closing(runner.run(keeper.wanted(jobs), spec, max_pixels)) as outcomes:
                for item in outcomes:
                    keeper.take(item)
            keeper.keep()
    except Enough:
        report.complete = False
    finally:  # Ctrl-C as well: what is described is kept
        keeper.keep()
    writer.tidy()
    report.failed.sort()
    with writer.catalog.transaction():
        report.outdated = coverage.outdated(key, [one for one in earlier if is_outdated(one, key)])
        report.undescribed = [failure for _, failure in coverage.undescribed(key)]
    return report


def _jobs(
    catalog: Catalog,
    key: CaptionerKey,
    earlier: Sequence[CaptionerKey],
    stages: Sequence[str],
    limit: int | None,
) -> list[list[Job]]:
    """What there is to do, stage by stage, of at most `limit` pictures. earlier: captioners whose
    captions do.
    """
    with catalog.transaction():
        lacking = {stage: catalog.coverage.lacking(key, stage, earlier) for stage in stages}
    chosen = dict.fromkeys(row.doc_id for rows in lacking.values() for row in rows)
    some = set(list(chosen)[:limit])
    return [
        [
            Job(
                row.doc_id,
                row.path,
                stage,
                row.size,
                row.mtime_ns,
                frozenset(crop for crop in row.answered if stage_of(crop) == stage),
            )
            for row in rows
            if row.doc_id in some
        ]
        for stage, rows in lacking.items()
    ]
