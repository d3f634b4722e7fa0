"""Captioning on this machine: pictures are decoded ahead on threads, one captioner describes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

from lexsearch.captioners import Captioner, CaptionerSpec, Waiting, open_captioner
from lexsearch.errors import CaptionerError, CaptionerUnavailable, ImageError
from lexsearch.images.crops import NAMES, stage_of
from lexsearch.images.pillow import pixel_bound
from lexsearch.indexing.jobs import Cut, Job, Outcome, cut, failed, outcomes_of
from lexsearch.records import View

_THREADS = max(2, min(8, os.cpu_count() or 2))
_AHEAD = 2 * _THREADS  # pictures decoded before they are needed, at least
_BATCHES_AHEAD = 2


class LocalRunner:
    """Runs jobs in this process. captioner: one that is open already, in place of the spec's."""

    def __init__(self, captioner: Captioner | None = None) -> None:
        self._captioner = captioner

    def run(
        self, jobs: Iterable[Job], spec: CaptionerSpec, max_pixels: int
    ) -> Generator[Outcome | Waiting, None, None]:
        """See `lexsearch.indexing.jobs.Runner`."""
        captioner = self._captioner or open_captioner(spec.name, **spec.options)
        try:
            with pixel_bound(max_pixels):
                yield from _run(iter(jobs), captioner, max_pixels)
        finally:
            if self._captioner is None:
                captioner.close()


def _run(jobs: Iterator[Job], captioner: Captioner, max_pixels: int) -> Iterator[Outcome | Waiting]:
    first = next(jobs, None)
    if first is None:
        return
    captioner.load()
    without_views: deque[Outcome] = deque()

    def views() -> Iterator[tuple[tuple[Cut, View], View]]:
        for made in _ahead(chain([first], jobs), captioner, max_pixels):
            if isinstance(made, Outcome):
                without_views.append(made)
            elif not made.views:
                without_views.append(Outcome(made.job, 0))
            else:
                yield from (((made, view), view) for view in made.views)

    for item in captioner.describe(views()):
        while without_views:
            yield without_views.popleft()
        if isinstance(item, Waiting):
            yield item
        else:
            (made, view), answer = item
            yield from outcomes_of(made, view, answer, captioner.key)
    yield from without_views


def _ahead(jobs: Iterator[Job], captioner: Captioner, max_pixels: int) -> Iterator[Cut | Outcome]:
    """The cut pictures in order of `jobs`; an Outcome for one that failed.

    So far ahead that the captioner, after a batch, finds the views of the next one ready.
    """
    ahead: deque[tuple[Job, Future[Cut]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            while True:
                while len(ahead) < _pictures_ahead(ahead, captioner):
                    if (job := next(jobs, None)) is None:
                        break
                    ahead.append((job, pool.submit(cut, job, captioner, max_pixels)))
                if not ahead:
                    return
                job, cutting = ahead.popleft()
                try:
                    yield cutting.result()
                except CaptionerUnavailable:
                    raise
                except (ImageError, CaptionerError) as error:
                    yield failed(job, error)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _pictures_ahead(ahead: deque[tuple[Job, Future[Cut]]], captioner: Captioner) -> int:
    stage = ahead[0][0].stage if ahead else "whole"
    most_views = 1 if captioner.joint else sum(stage_of(name) == stage for name in NAMES)
    return max(_AHEAD, -(-_BATCHES_AHEAD * captioner.batch_size // most_views))
