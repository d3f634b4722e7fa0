"""Keep an index up to date with folders, for as long as somebody wants it.

The system tells of each change (inotify and the like, through watchfiles). What it does not tell is
looked up: every half second whether a folder vanished, or is there again, as a drive is; and every
hour everything, for the sake of drives in a network, which tell only of what this machine changes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import watchfiles

from lexsearch.captioners import Captioner, CaptionerSpec
from lexsearch.errors import CaptionerUnavailable, IndexLocked, LexsearchError
from lexsearch.images import filesystem
from lexsearch.images.ignoring import IGNORE_FILE, NO_MEDIA
from lexsearch.images.kinds import ending
from lexsearch.images.metadata import sidecars
from lexsearch.indexing.adding import Enough, Order, add, opened
from lexsearch.indexing.scan import Report
from lexsearch.records import Progress, ProgressCallback

UNDISTURBED = 30.0
"""Seconds for which a run describes before it ends for news: so it gets on, however much is new."""

_LOOK = 0.5  # seconds between two looks at what the system does not tell
_TRY_AGAIN = 5.0  # seconds until the next try, where something is in the way
_EVERYTHING = 3600.0  # seconds until everything is looked at again
_QUIET = 300  # milliseconds without a change that end a burst
_BURST = 2000  # milliseconds for which a burst is gathered at most
_MANY = 5000  # changes at once, of which the system may have dropped some


class Add(Protocol):
    """`add`, with all that stays the same from run to run."""

    def __call__(self, only: Sequence[str] | None, progress: ProgressCallback) -> Report: ...


def follow(
    folder: Path,
    order: Order,
    captioner: str | CaptionerSpec | Captioner,
    stop: threading.Event | None,
    progress: ProgressCallback,
    *,
    create: bool = False,
) -> Iterator[Report]:
    """Bring the index in a folder up to date, and again with each change: see `Index.watch`."""
    if remote := next(filter(filesystem.is_remote, order.paths), None):
        raise LexsearchError(
            f"nothing tells what changes at {remote}; run `lexsearch index` now and then"
        )
    with opened(captioner) as one:

        def run(only: Sequence[str] | None, progress: ProgressCallback) -> Report:
            now = replace(order, only=only)
            if only is not None:
                now = replace(now, again=False, include_removed=False)
            return add(folder, now, one, progress, create=create)

        yield from watch(run, order.paths, stop or threading.Event(), progress, folder)


def watch(
    add: Add,
    paths: Sequence[str],
    stop: threading.Event,
    progress: ProgressCallback,
    own: Path,
) -> Iterator[Report]:
    """A report of a first run over everything, and one whenever something has changed since, until
    `stop` is set. News come first: a long run ends for them, and goes on after.

    own: the index's folder, the changes of which mean nothing.
    Raises what the first run raises; later ones wait for whoever else writes, and for a captioner.
    """
    with _News(paths, stop, own) as news:
        wanted: list[str] | None = None  # everything
        has_run = is_done = False
        while not stop.is_set():
            try:
                report = add(wanted, _Disturbed(progress, stop, news))
            except (IndexLocked, CaptionerUnavailable) as error:
                if not has_run:
                    raise
                progress(Progress("waiting", 0, None, "try", note=f"{error} (trying again)"))
                stop.wait(_TRY_AGAIN)
                if wanted is not None:
                    wanted += news.take()
                continue
            is_done = report.complete and (is_done or wanted is None or wanted == [*paths])
            has_run = True
            yield report
            wanted = (news.wait() if is_done else news.take()) or [*paths]


class _Disturbed:
    """A progress callback that ends a run which describes, when it is to stop or there are news."""

    def __init__(self, progress: ProgressCallback, stop: threading.Event, news: _News) -> None:
        self._progress = progress
        self._stop = stop
        self._news = news
        self._began = time.monotonic()

    def __call__(self, now: Progress) -> None:
        self._progress(now)
        if now.unit != "view":
            return
        is_due = time.monotonic() - self._began > UNDISTURBED
        if self._stop.is_set() or (is_due and self._news.are_there()):
            raise Enough


class _News:
    """Which files and folders have changed, as gathered by a thread."""

    def __init__(self, paths: Sequence[str], stop: threading.Event, own: Path) -> None:
        self._paths = paths
        self._stop = stop
        self._own = str(own)
        self._changed: dict[str, None] = {}
        self._told = threading.Condition()
        self._listening = threading.Event()
        self._over = threading.Event()
        self._error: LexsearchError | None = None
        self._thread = threading.Thread(target=self._gather, name="lexsearch-watch", daemon=True)

    def __enter__(self) -> Self:
        """What changes from now on is told, though the first run has not begun."""
        self._thread.start()
        self._listening.wait()
        if self._error is not None:
            raise self._error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def are_there(self) -> bool:
        return bool(self._changed)

    def take(self) -> list[str]:
        """What has changed since it was last asked. Raises LexsearchError where nothing can be
        watched.
        """
        with self._told:
            if self._error is not None:
                raise self._error
            changed, self._changed = self._changed, {}
            return [*changed]

    def wait(self) -> list[str]:
        """The same, once there is something, or after an hour; nothing when it is to stop."""
        until = time.monotonic() + _EVERYTHING
        with self._told:
            while not (self._changed or self._error or self._stop.is_set()):
                self._told.wait(_LOOK)
                if time.monotonic() > until:
                    break
        return self.take()

    def _tell(self, paths: Iterable[str]) -> None:
        with self._told:
            self._changed |= dict.fromkeys(paths)
            self._told.notify_all()

    def _gather(self) -> None:
        try:
            while not self._over.is_set():
                self._listen()
        except Exception as error:  # watchfiles has errors of its own for what a system refuses
            self._error = LexsearchError(
                f"{', '.join(self._paths)} cannot be watched: {error}. Where folders are too many, "
                "raise fs.inotify.max_user_watches; WATCHFILES_FORCE_POLLING=1 looks instead"
            )
            self._error.__cause__ = error
            self._listening.set()
            self._tell(())

    def _listen(self) -> None:
        """Gather changes until a path is another file or folder than before, or it is over."""
        known = _identities(self._paths)
        for changes in self._changes([path for path, there in known.items() if there]):
            if not self._listening.is_set():
                self._listening.set()
            elif changes is None:  # what changed while nobody listened
                self._tell(self._paths)
            if changes:
                meant = filter(None, map(self._meant, changes))
                self._tell(self._paths if len(changes) > _MANY else meant)
            if _identities(self._paths) != known:
                return

    def _changes(self, paths: Sequence[str]) -> Iterator[set[str] | None]:
        """First None, once it listens; then what has changed, every half second or so."""
        if not paths:
            yield None
            while not self._over.wait(_LOOK):
                yield set()
            return
        listening = watchfiles.watch(
            *paths,
            watch_filter=None,
            debounce=_BURST,
            step=_QUIET,
            stop_event=self._over,
            rust_timeout=round(1000 * _LOOK),
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        try:
            first = next(listening, None)
        except FileNotFoundError:  # gone a moment ago
            return
        yield None
        yield {path for _, path in first or ()}
        for changes in listening:
            yield {path for _, path in changes}

    def _meant(self, path: str) -> str | None:
        """What is to be looked at, since something happened to this path."""
        if path == self._own or path.startswith(self._own + os.sep):
            return None
        folder, name = os.path.split(path)
        if name in (IGNORE_FILE, NO_MEDIA) or ending(name) in sidecars.ENDINGS:
            return folder
        return None if name.startswith(".") else path


def _identities(paths: Iterable[str]) -> dict[str, tuple[int, int] | None]:
    """What tells a file or folder from another one at its place; None where there is none."""
    found: dict[str, tuple[int, int] | None] = {}
    for path in paths:
        try:
            status = os.stat(path)
            found[path] = (status.st_dev, status.st_ino)
        except OSError:
            found[path] = None
    return found
