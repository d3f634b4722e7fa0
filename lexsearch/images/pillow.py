"""Pillow, made ready for hostile files: more formats, a bound on pixels, and no chatter.

Import this before Pillow is asked to open anything.
"""

from __future__ import annotations

import ctypes
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module

import pillow_heif
from PIL import Image, features

MAX_PIXELS = 200_000_000
"""Pictures with more pixels are refused unless asked otherwise (decompression bombs)."""

pillow_heif.register_heif_opener()
with suppress(ImportError):
    import_module("pillow_jxl")  # whoever has installed it can read JPEG XL


def _quieten_libtiff() -> None:
    """Keep libtiff from writing to standard error: what it says is in the exception as well."""
    if features.check("libtiff"):
        with open("/proc/self/maps") as maps:
            loaded = {line.split()[-1] for line in maps if "libtiff" in line}
        for path in loaded:
            library = ctypes.CDLL(path)
            library.TIFFSetErrorHandler(None)
            library.TIFFSetWarningHandler(None)


with suppress(OSError, AttributeError):  # a system without /proc, or another libtiff
    _quieten_libtiff()


class _Bound:
    """The bounds that hold now, in whatever threads, and what to bring back after the last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.active: list[int] = []
        self.before: int | None = None
        self.quiet = ExitStack()


_BOUND = _Bound()


@contextmanager
def pixel_bound(max_pixels: int) -> Iterator[None]:
    """Let Pillow open pictures up to `max_pixels`, quietly, while the block runs.

    Pillow has one bound for all threads: the largest one asked for holds.
    """
    with _BOUND.lock:
        if not _BOUND.active:
            _BOUND.before = Image.MAX_IMAGE_PIXELS
            _BOUND.quiet.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\b")
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        _BOUND.active.append(max_pixels)
        Image.MAX_IMAGE_PIXELS = max(_BOUND.active)
    try:
        yield
    finally:
        with _BOUND.lock:
            _BOUND.active.remove(max_pixels)
            if _BOUND.active:
                Image.MAX_IMAGE_PIXELS = max(_BOUND.active)
            else:
                Image.MAX_IMAGE_PIXELS = _BOUND.before
                _BOUND.quiet.close()
