"""Kinds of files: what can be opened, and what is left out, by name ending or first bytes."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

from PIL import Image

_NOT_PICTURES = {"PDF", "MPEG", "EPS", "WMF", "HDF5", "GRIB", "BUFR", "FITS"}
_STEREO = (".mpo", ".jps")  # JPEG with a second picture behind the first
RAW = frozenset(
    f".{ending}"
    for ending in (
        *("3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "k25", "kdc"),
        *("mef", "mos", "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2"),
        *("srf", "srw", "x3f"),
    )
)
_VIDEO = frozenset(
    f".{ending}"
    for ending in (
        *("3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv"),
        *("webm", "wmv"),
    )
)
_JPEG_XL = ".jxl"
_STARTS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM"),
    *(b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
)
_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
LONGEST_START = 16
"""So many bytes tell whether a file without an ending is a picture."""


@cache
def suffixes() -> frozenset[str]:
    """Lower-case file name endings of the picture formats that can be opened."""
    Image.init()
    known = {
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in Image.OPEN and name not in _NOT_PICTURES
    }
    return frozenset((*known, *_STEREO, *(RAW if has_raw() else ())))


def has_raw() -> bool:
    """Whether the reader of RAW files is installed (extra `raw`)."""
    return find_spec("rawpy") is not None


def ending(name: str) -> str:
    """The lower-case ending of a file's name, with its dot; "" when it has none."""
    return os.path.splitext(name)[1].lower()


def left_out(name: str) -> str | None:
    """The kind of a file that a person may take for a picture, but that is not opened."""
    suffix = ending(name)
    if suffix in suffixes():
        return None
    if suffix in RAW:
        return "RAW (the extra `raw` reads them)"
    if suffix == _JPEG_XL:
        return "JPEG XL (pillow-jxl-plugin reads them)"
    return "video" if suffix in _VIDEO else None


def starts_like_a_picture(start: bytes) -> bool:
    """Whether the first bytes are those of a usual picture format."""
    return (
        start.startswith(_STARTS)
        or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
        or (start[4:8] == b"ftyp" and start[8:12] in _BRANDS)
    )
