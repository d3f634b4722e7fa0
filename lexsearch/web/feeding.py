"""Filling an index from its page: a thread that describes what lies in its folders."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from lexsearch.captioners import Captioner, CaptionerSpec, does_for, open_captioner
from lexsearch.errors import IndexLocked, LexsearchError
from lexsearch.indexing.adding import Enough
from lexsearch.records import Progress

if TYPE_CHECKING:
    from lexsearch.index import Index
    from lexsearch.indexing.scan import Report

P = ParamSpec("P")
T = TypeVar("T")
_PATIENCE = 20.0  # seconds that a change waits for the thread to let the index go
log = logging.getLogger("lexsearch")


class Feeding(NamedTuple):
    """What a feeder does.

    runs: it describes, or looks for pictures, or (watches) waits for changes. ends: it is about to
    pause. error: why it ended by itself; "" where all went well.
    """

    runs: bool
    ends: bool
    watches: bool
    error: str


class Feeder:
    """Describes what lies in an index's folders, on a thread of its own, until it is paused.

    captioner: who describes. crops: as in `Index.add`.
    watch: when all is done, stay and follow changes, as `Index.watch` does.
    """

    def __init__(
        self,
        index: Index,
        captioner: CaptionerSpec = CaptionerSpec("auto"),  # noqa: B008 (a tuple)
        *,
        crops: str = "fixed",
        watch: bool = False,
    ) -> None:
        self._index = index
        self._spec = captioner
        self._crops = crops
        self._watch = watch
        self._added: dict[str, None] = {}  # folders that the index may not know yet
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._error = ""
        self._lock = threading.Lock()

    def run(self, folder: str | None = None) -> None:
        """Start or go on with all folders of the index, and with this one from now on. Raises
        LexsearchError for what is no folder.
        """
        if folder is not None:
            self._added[_checked(folder)] = None
        with self._lock:
            if self.now().runs and not self.now().ends and folder is None:
                return
            self._stop.set()
            self._stop, self._error = threading.Event(), ""
            target, given = self._feed, (self._thread, self._stop)
            self._thread = threading.Thread(target=target, args=given, name="lexsearch-feed")
            self._thread.start()

    def pause(self) -> None:
        """Stop soon; what is described by then is kept."""
        self._stop.set()

    def close(self) -> None:
        """Stop, and wait until all is kept."""
        self.pause()
        if self._thread is not None:
            self._thread.join()

    def now(self) -> Feeding:
        runs = self._thread is not None and self._thread.is_alive()
        return Feeding(runs, runs and self._stop.is_set(), self._watch, self._error)

    def aside(self, change: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a change of the index returns; where this feeder is in its way, it pauses for it."""
        try:
            return change(*args, **kwargs)
        except IndexLocked:
            thread, is_running = self._thread, self.now().runs and not self.now().ends
            if thread is None or not is_running:
                raise
        self.pause()
        thread.join(_PATIENCE)
        try:
            return change(*args, **kwargs)
        finally:
            self.run()

    def _feed(self, before: threading.Thread | None, stop: threading.Event) -> None:
        if before is not None:
            before.join()
        try:
            folders = [*dict.fromkeys([*self._index.status().folders, *self._added])]
            if not folders:
                raise LexsearchError("there is no folder yet; add one")
            with self._opened() as captioner:
                for _ in self._reports(folders, captioner, stop):
                    continue
        except LexsearchError as error:
            self._error = str(error)
        except Exception:  # a thread has nobody else to tell
            log.exception("describing pictures ended")
            self._error = "this should not have happened; the server's log says more"

    @contextmanager
    def _opened(self) -> Iterator[Captioner]:
        with closing(open_captioner(self._spec.name, **self._spec.options)) as captioner:
            before, now = self._index.settings.captioner, captioner.key
            if before is not None and before != now and not does_for(before, now):
                raise LexsearchError(
                    f"these pictures are described by {before.name} ({before.version}), and "
                    f"{now.name} ({now.version}) would do so anew; start `lexsearch serve` with "
                    "the captioner that you gave `lexsearch index`"
                )
            yield captioner

    def _reports(
        self, folders: list[str], captioner: Captioner, stop: threading.Event
    ) -> Iterator[Report]:
        def tell(progress: Progress) -> None:
            if progress.unit == "view" and stop.is_set():
                raise Enough

        how = {"captioner": captioner, "crops": self._crops}
        if self._watch:
            yield from self._index.watch(*folders, stop=stop, **how)  # type: ignore[arg-type]
        elif not stop.is_set():
            yield self._index.add(*folders, progress=tell, **how)  # type: ignore[arg-type]


def _checked(folder: str) -> str:
    path = os.path.expanduser(folder.strip())
    if not os.path.isabs(path):
        raise LexsearchError(f"write the whole path of the folder, such as {_example()}")
    if not os.path.isdir(path):
        raise LexsearchError(f"there is no folder {path} on this machine")
    return os.path.normpath(path)


def _example() -> str:
    return os.path.join(os.path.expanduser("~"), "Pictures")
