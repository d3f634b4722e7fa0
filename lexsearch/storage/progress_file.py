"""How far a running `lexsearch index` is, for others to see: a small file in the index.

It is written anew at most once a second and removed at the end. One that a killed process left
behind counts for nothing, since that process is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lexsearch.records import Progress

_NAME = "running.json"
_EVERY = 1.0  # seconds
_FORGOTTEN = 60.0  # seconds of silence after which another machine's process is not believed in


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
            who = {"pid": os.getpid(), "host": platform.node()}
            what = {**who, "progress": now._asdict(), "started": started, "told": told}
            with contextlib.suppress(OSError):  # a full disk is somebody else's to report
                part.write_text(json.dumps(what))
                os.replace(part, place)

    try:
        yield tell
    finally:
        for file in (place, part):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)


def running(folder: Path) -> Running | None:
    """What a process is doing to the index in `folder`; None when nothing is being done."""
    try:
        what = json.loads((folder / _NAME).read_text())
        told = Running(Progress(**what["progress"]), what["started"], what["told"])
        here, pid = what["host"] == platform.node(), what["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    alive = _is_alive(pid) if here else time.time() - told.told < _FORGOTTEN
    return told if alive else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
