"""What a picture file says of itself, and what the files beside it say of it.

EXIF, IPTC, XMP, comments and text chunks are read from the file, each block on its own: a damaged
one costs none of the others. Sidecars (`.xmp`, `.json`, `.txt`) and dates in names come last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator

from PIL import Image

from lexsearch.images import filesystem
from lexsearch.images.metadata import comments, dates, exif, iptc, places, sidecars, xmp
from lexsearch.images.metadata.statements import Statement
from lexsearch.images.pillow import MAX_PIXELS, pixel_bound
from lexsearch.records import CaptionerKey

KEY = CaptionerKey("metadata", "4")
"""Under which it is kept among the captions; the version goes up when more is read, and indexing
reads the files again then."""

FILE = "file"
"""The name of the crop under which it is kept: it is said of no part of the picture."""

_BLOCKS: tuple[Callable[[Image.Image], Iterator[Statement]], ...] = (
    exif.read,
    xmp.read,
    iptc.read,
    comments.read,
)
_BOILERPLATE = re.compile(
    r"(?i)^(konica )?(olympus|sony|samsung|minolta|kodak) (digital camera|dsc|camera)\W*$"
    r"|^default$|^charset="
    r"|^(creator: gd-jpeg|file written by|created with|lead tech|lavc|optimized|compressed by)"
    r"|^(ascii|screenshot|untitled|applemark|processed with \w+)$"
)
_LONGEST = 5000  # characters


def edition() -> str:
    """What is read, as a whole: indexing reads files again when it is another than before."""
    return f"{KEY.version} with places" if places.known() else KEY.version


def read(path: str) -> list[tuple[str, str]]:
    """(field, text) of what is said of the picture at `path`: "about", and at most one "date"
    (YYYY-MM-DD) and one "camera", which is among "about" too. Damaged metadata are no reason to
    refuse a picture: what is readable counts.
    """
    said = [*_embedded(path), *_readable(sidecars.read(path))]
    texts = (" ".join(each.text.replace("\0", " ").split()) for each in said if each.is_text)
    rows = [
        ("about", text[:_LONGEST])
        for text in dict.fromkeys(texts)
        if text and not _BOILERPLATE.search(text)
    ]
    date = (
        dates.first(each.text for each in said if each.kind == "taken")
        or dates.in_name(os.path.basename(path))
        or dates.first(each.text for each in said if each.kind == "changed")
    )
    if date:
        rows.append(("date", date))
    cameras = (" ".join(one.text.split()) for one in said if one.kind == "camera")
    return (
        rows
        + [("camera", camera[:_LONGEST]) for camera in cameras if ("about", camera) in rows][:1]
    )


def _embedded(path: str) -> list[Statement]:
    said: list[Statement] = []
    try:
        with (
            pixel_bound(MAX_PIXELS),
            filesystem.open_file(path, in_parts=True) as file,
            Image.open(file) as image,
        ):
            for block in _BLOCKS:
                said += _readable(block(image))
    except Exception:  # whatever a decoder raises at a hostile file
        return said
    return said


def _readable(statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements up to one that cannot be read: decoders raise anything at all."""
    try:
        yield from statements
    except Exception:
        return
