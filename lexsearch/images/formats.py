"""What pictures are told apart by beside their words: the format of the file, and the shape."""

from __future__ import annotations

import os
from collections.abc import Iterable

_SAME = {
    "jpg": "jpeg",
    "jpe": "jpeg",
    "jfif": "jpeg",
    "tif": "tiff",
    "heif": "heic",
    "avifs": "avif",
}
_LONG = 2.0  # times as long as wide: a panorama


def kind_of(text: str) -> str:
    """A kind as it is kept: jpeg for jpg."""
    plain = text.strip().lower().removeprefix(".")
    return _SAME.get(plain, plain)


def kinds_of(paths: Iterable[str], size: tuple[int, int] | None) -> list[str]:
    """The formats of a picture's files by their endings (all of cameras' own are "raw"), and its
    shape, where the size is known: panorama, portrait, landscape or square.
    """
    from lexsearch.images.kinds import RAW, ending  # loads Pillow, which a search does not need

    found = []
    for path in paths:
        suffix = ending(os.path.basename(path))
        found.append("raw" if suffix in RAW else kind_of(suffix))
    if size and all(size):
        width, height = size
        if max(size) >= _LONG * min(size):
            found.append("panorama")
        found.append("square" if width == height else "landscape" if width > height else "portrait")
    return list(dict.fromkeys(filter(None, found)))
