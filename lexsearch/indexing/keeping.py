"""Keep outcomes as they come: into the store, the catalog, the text index and the report."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from lexsearch.captioners import Waiting
from lexsearch.errors import CaptionerUnavailable
from lexsearch.images import metadata
from lexsearch.indexing.estimating import Estimate, Pace
from lexsearch.indexing.jobs import Job, Outcome, most_views
from lexsearch.indexing.scan import Report, fail
from lexsearch.records import CaptionerKey, Progress, ProgressCallback
from lexsearch.storage.writer import Writer

KEEP_SECONDS = 2.0
"""So long after it came an answer is stored and searchable; it may take twice that."""

_TIDY_EVERY = 64  # times that something is kept


class Keeper:
    """Takes outcomes and keeps them; knows no runner.

    jobs: all that there is to do. key, pace: the captioner's.
    """

    def __init__(
        self,
        writer: Writer,
        report: Report,
        key: CaptionerKey,
        jobs: Iterable[Job],
        pace: Pace,
        progress: ProgressCallback,
    ) -> None:
        self._writer = writer
        self._report = report
        self._key = key
        self._progress = progress
        self._done = 0  # views with an answer or a failure
        self._total = 0  # put right as pictures turn out to have fewer
        self._estimate = Estimate(pace)
        for job in jobs:
            self._expect(job, most_views(job))
        self._unkept: list[Outcome] = []
        self._unkept_since = 0.0
        self._kept_at = time.monotonic()
        self._times_kept = 0
        self._open: dict[Job, int] = {}  # views that are still to come
        self._partly: set[Job] = set()  # those of the open ones that have an answer
        self._described: Counter[str] = Counter()  # pictures, by stage
        self._useless: set[str] = set()  # doc_ids of which no more views are asked about

    def _expect(self, job: Job, views: int) -> None:
        self._total += views
        self._estimate.expect(job.stage, views)

    def wanted(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """The jobs without those that an earlier stage has shown to be in vain."""
        for job in jobs:
            if job.doc_id in self._useless:
                self._expect(job, -most_views(job))
            else:
                yield job

    def take(self, item: Outcome | Waiting) -> None:
        """Note an outcome, and keep those that have waited for long enough."""
        now = time.monotonic()
        if isinstance(item, Outcome):
            self._expect_own_words(item)
            self._unkept_since = self._unkept_since if self._unkept else now
            self._unkept.append(item)
            self._count(item)
            due = now - self._unkept_since > KEEP_SECONDS
        else:  # what came in a burst is kept together, before a long wait for more
            due = now - self._kept_at > KEEP_SECONDS
        if due and self._unkept:
            self.keep()
        self._tell(item.reason if isinstance(item, Waiting) else "")

    def _expect_own_words(self, outcome: Outcome) -> None:
        """Words under another key would count for nothing, and be asked for again for ever."""
        for other in {row.captioner for row in outcome.captions} - {self._key, metadata.KEY}:
            raise CaptionerUnavailable(
                f"another machine describes as {other.name} ({other.version}), this one as "
                f"{self._key.name} ({self._key.version}); say what differs, such as --precision, "
                "and install the same lexsearch on all"
            )

    def announce(self, pictures: int) -> None:
        """Say how much there is to do, before the first question."""
        self._tell(f"{pictures:,} to describe, {self._total:,} views at most")

    def _tell(self, note: str) -> None:
        failed, estimate = self._report.failed_views, self._estimate
        told = Progress("describing", self._done, self._total, "view", failed, note)
        self._progress(told._replace(share=estimate.share(), left=estimate.left()))

    def keep(self) -> None:
        """Store what came so far and make it searchable; Ctrl-C waits until that is done."""
        with _uninterrupted():
            self._writer.keep(row for outcome in self._unkept for row in outcome.captions)
            with self._writer.catalog.transaction():
                for outcome in self._unkept:
                    self._note(outcome)
            self._writer.sync()
            self._unkept = []
            self._report.captioned = max(self._described.values(), default=0)
            self._kept_at = time.monotonic()
            self._times_kept += 1
            if self._times_kept % _TIDY_EVERY == 0:
                self._writer.tidy()

    def _count(self, outcome: Outcome) -> None:
        job = outcome.job
        if job not in self._open:
            self._expect(job, outcome.views - most_views(job))
            self._open[job] = max(1, outcome.views)
        self._open[job] -= 1
        if outcome.views:
            self._done += 1
            self._estimate.done(job.stage, 1)
            self._report.failed_views += outcome.error is not None
            if outcome.error is None and job not in self._partly:
                self._partly.add(job)
                self._described[job.stage] += 1
        if not self._open[job]:
            del self._open[job]
            self._partly.discard(job)
        if outcome.refused and outcome.crop == "whole":
            self._useless.add(job.doc_id)

    def _note(self, outcome: Outcome) -> None:
        """Note in the catalog what the captions do not tell."""
        job, catalog = outcome.job, self._writer.catalog
        if outcome.error is not None and outcome.views:
            catalog.coverage.fail(
                job.doc_id, self._key, outcome.crop, outcome.error, refused=outcome.refused
            )
        elif outcome.error is not None:
            self._fail_file(job, outcome.error)
        elif not outcome.views:
            catalog.coverage.complete(job.doc_id, self._key, job.stage)

    def _fail_file(self, job: Job, reason: str) -> None:
        """A file that cannot be used. It leaves the index where nothing is known of its picture."""
        self._useless.add(job.doc_id)
        rows = (row for _, said in self._writer.store.scan([job.doc_id]) for row in said)
        if any(row.crop != metadata.FILE for row in rows):
            return fail(self._writer, self._report, job.path, reason)
        places = self._writer.catalog.files_of([job.doc_id])[job.doc_id]
        for place in places:
            self._writer.catalog.drop_file(place.path)
            fail(self._writer, self._report, place.path, reason)
        self._report.added = max(0, self._report.added - 1)
        self._report.duplicates = max(0, self._report.duplicates - (len(places) - 1))
        return None


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the block is done."""
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not heeded or threading.current_thread() is not threading.main_thread():
        yield
        return
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt
