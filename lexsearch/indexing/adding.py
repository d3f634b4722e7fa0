"""Bring an index up to date with files: find them, describe what is new, keep as one goes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing

from lexsearch.captioners import CaptionerSpec, does_for, is_outdated
from lexsearch.images.crops import SCHEMES, stage_of
from lexsearch.images.pillow import pixel_bound
from lexsearch.indexing.estimating import Pace
from lexsearch.indexing.identity import follow_changes
from lexsearch.indexing.jobs import Job, Runner
from lexsearch.indexing.keeping import Keeper
from lexsearch.indexing.metadata import read_metadata
from lexsearch.indexing.scan import ALL, Report, Shard, scan_files
from lexsearch.records import CaptionerKey
from lexsearch.storage.catalog import Catalog
from lexsearch.storage.writer import ProgressCallback, Writer


class Enough(Exception):
    """For a progress callback to raise while pictures are described: the run ends there, what is
    described is kept, and the report says that it is not complete.
    """


def add(
    writer: Writer,
    paths: Sequence[str],
    runner: Runner,
    spec: CaptionerSpec,
    key: CaptionerKey,
    scheme: str,
    max_pixels: int,
    progress: ProgressCallback,
    *,
    pace: Pace = Pace(),  # noqa: B008 (a tuple)
    again: bool = False,
    limit: int | None = None,
    exclude: Sequence[str] = (),
    include_removed: bool = False,
    shard: Shard = ALL,
    only: Collection[str] | None = None,
) -> Report:
    """See `Index.add`. runner, spec, key, pace: who describes, how it is opened, what it goes
    by, and what it is expected to take.
    """
    report = Report()
    with writer.catalog.transaction():
        for pattern in exclude:
            writer.catalog.exclude_pattern(pattern)
        if include_removed:
            writer.catalog.restore()
    with pixel_bound(max_pixels):
        changes = scan_files(writer, paths, report, progress, shard, only)
        follow_changes(writer, changes, report)
        read_metadata(writer, progress)
    writer.sync()
    coverage = writer.catalog.coverage
    if again:
        with writer.catalog.transaction():
            coverage.describe_again(key, limit)
    earlier = [one for one in coverage.captioners() if does_for(one, key)]
    stages = _jobs(writer.catalog, key, [] if again else earlier, SCHEMES[scheme], limit)
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
