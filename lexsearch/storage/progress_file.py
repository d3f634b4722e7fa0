"""How far a running `lexsearch index` is, for others to see: a small file in the index.

It is written anew at most once a second and removed at the end. One that a killed process left
behind counts for nothing: somebody is writing if, and only if, the writer's lock is held.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from lexsearch.records import Progress

_NAME = "running.json"
_EVERY = 1.0  # seconds
_FORGOTTEN = 60.0  # seconds of silence that are believed where nobody may look at the lock


class Running(NamedTuple):
    """What a process does right now; `started` and `told` in seconds since 1970."""

    progress: Progress
    started: float
    told: float


@contextlib.contextmanager
def publish_progress(
    folder: Path, progress: Callable[[Progress], None]
) -> Iterator[Callable[[Progress], None]]:
    """A progress callback that tells other processes as well. For the only writer of an index."""
    place, part = folder / _NAME, folder / f"{_NAME}.part"
    stage, started, told = "", 0.0, 0.0

    def tell(now: Progress) -> None:
        nonlocal stage, started, told
        progress(now)
        if now.stage != stage:
            stage, started, told = now.stage, time.time(), 0.0
        if time.time() - told >= _EVERY:
            told = time.time()
            what = {"progress": now._asdict(), "started": started, "told": told}
            with contextlib.suppress(OSError):  # a full disk is somebody else's to report
                part.write_text(json.dumps(what))
                os.replace(part, place)

    try:
        yield tell
    finally:
        forget_progress(folder)


def forget_progress(folder: Path) -> None:
    """Remove what was published; for the only writer."""
    for name in (_NAME, f"{_NAME}.part"):
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def running(folder: Path) -> Running | None:
    """What a process is doing to the index in `folder`; None when nothing is being done."""
    try:
        what = json.loads((folder / _NAME).read_text())
        told = Running(Progress(**what["progress"]), what["started"], what["told"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return told if _is_written(folder, told.told) else None


def writer_lock(folder: Path) -> FileLock:
    """The lock that the only writer of an index holds; the system lets go of a killed one's."""
    return FileLock(folder / "writer.lock")


def _is_written(folder: Path, told: float) -> bool:
    try:
        with writer_lock(folder).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # an index that may only be read
        return time.time() - told < _FORGOTTEN
