"""Small copies of pictures for the page: bounded in size, kept on disk, in a bounded folder.

Always a JPEG made here, never the file itself: so nothing of a file but its pixels reaches a
browser, neither script in an SVG nor the place where a photo was taken.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import threading
from pathlib import Path

from lexsearch.errors import ImageError
from lexsearch.images.filesystem import stat
from lexsearch.images.jpeg import small_jpeg

SIDES = (160, 320, 640, 1280, 2048, 4096, 8192)
"""The longer side, in pixels, that a copy may have."""

_SWEEP_EVERY = 500  # copies made between two looks at the folder's size
_SWEEP_TO = 0.8  # of the bound, so that not every look must remove something

log = logging.getLogger("lexsearch")


class Thumbnails:
    """JPEG copies in a folder, the longest unused of them removed beyond `max_bytes`."""

    def __init__(self, folder: Path, max_bytes: int = 2_000_000_000) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._made = 0
        self._sweeping = threading.Lock()

    def get(self, path: str, side: int) -> bytes:
        """The picture at `path` as a JPEG whose longer side is at most `side` pixels.

        Raises ImageError when the file is gone, or not a picture.
        """
        try:
            status = stat(path)
        except (OSError, ValueError) as error:
            raise ImageError("the file is gone") from error
        version = f"{path}\0{status.st_mtime_ns}\0{status.st_size}\0{side}"
        name = hashlib.blake2b(
            version.encode("utf-8", "surrogateescape"), digest_size=16
        ).hexdigest()
        place = self._folder / name[:2] / f"{name}.jpg"
        try:
            copy = place.read_bytes()
            os.utime(place)  # used just now
            return copy
        except OSError:
            copy = small_jpeg(path, side)
        self._keep(place, copy)
        return copy

    def _keep(self, place: Path, copy: bytes) -> None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=place.parent, suffix=".part", delete=False
            ) as file:
                file.write(copy)
            os.replace(file.name, place)
        except OSError as error:  # a full disk costs time, not the page
            log.warning("%s: thumbnails cannot be kept (%s)", self._folder, error.strerror)
            return
        self._made += 1
        if self._made % _SWEEP_EVERY == 0:
            self.sweep()

    def sweep(self) -> None:
        """Remove the longest unused copies where there are too many."""
        if not self._sweeping.acquire(blocking=False):
            return
        try:
            found = []
            for file in self._folder.glob("??/*"):
                status = file.stat()
                found.append((status.st_mtime_ns, status.st_size, file))
            total = sum(size for _, size, _ in found)
            if total <= self._max_bytes:
                return
            for _, size, file in sorted(found):
                file.unlink(missing_ok=True)
                total -= size
                if total <= _SWEEP_TO * self._max_bytes:
                    return
        except OSError as error:  # another server sweeps as well
            log.warning("%s: %s", self._folder, error.strerror)
        finally:
            self._sweeping.release()
