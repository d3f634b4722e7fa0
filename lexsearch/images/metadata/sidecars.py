"""Files beside a picture that speak of it: `.xmp` of photo managers, `.json` of Google Takeout
and of downloaders, `.txt` with a caption.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Container, Iterator
from typing import Any

from lexsearch.images import filesystem
from lexsearch.images.metadata import dates, places, xmp
from lexsearch.images.metadata.statements import Statement, decoded

_LARGEST = 1 << 20  # bytes; a caption is shorter
_TAKEOUT_LENGTH = 46  # characters to which Takeout cuts the name before ".json"
_NUMBERED = re.compile(r"(.+)(\(\d+\))(\.\w+)$")
_ABOUT = ("description", "caption", "tags", "keywords", "people", "alt_text")
_NUMBERS = re.compile(r"[\d\s.,:;eE+-]*")  # labels of a training set, not words


def names(name: str) -> tuple[str, ...]:
    """The names that a file beside the picture called `name` may have."""
    stem, ending = os.path.splitext(name)
    original = stem.removesuffix("-edited") + ending  # Takeout tells it of the original alone
    numbered = _NUMBERED.fullmatch(original)
    plain, number = (numbered[1] + numbered[3], numbered[2]) if numbered else (original, "")
    takeout = (plain, f"{plain}.supplemental-metadata", f"{plain}.suppl")
    return tuple(
        dict.fromkeys(
            (
                f"{name}.xmp",
                f"{stem}.xmp",
                *(f"{each[:_TAKEOUT_LENGTH]}{number}.json" for each in takeout),
                f"{original[:_TAKEOUT_LENGTH]}.json",
                f"{stem}.json",
                f"{name}.txt",
                f"{stem}.txt",
            )
        )
    )


def stamp(path: str, present: Container[str] | None = None) -> int:
    """Changes when a file beside the picture comes, goes or changes; 0 where there is none.

    present: the names in the folder, where they are known already.
    """
    folder, name = os.path.split(path)
    total = 0
    for beside in names(name):
        if present is None or beside in present:
            try:
                total += filesystem.stat(os.path.join(folder, beside)).st_mtime_ns
            except OSError:
                continue
    return total & (1 << 62) - 1


def read(path: str) -> Iterator[Statement]:
    """What the files beside a picture say of it."""
    folder, name = os.path.split(path)
    try:
        present = filesystem.names_in(folder)
    except OSError:
        return
    for beside in names(name):
        if present is not None and beside not in present:
            continue
        try:
            with filesystem.open_file(os.path.join(folder, beside)) as file:
                content = file.read(_LARGEST + 1)
            if len(content) <= _LARGEST:
                yield from list(_PARSERS[os.path.splitext(beside)[1]](content))
        except Exception:  # no such file, or not in the form that its ending tells
            continue


def _read_text(content: bytes) -> Iterator[Statement]:
    text = decoded(content)
    if not _NUMBERS.fullmatch(text):
        yield Statement(text)


def _read_json(content: bytes) -> Iterator[Statement]:
    told = json.loads(content.decode("utf-8-sig"))
    if not isinstance(told, dict):
        return
    for key in _ABOUT:
        yield from map(Statement, _texts(told.get(key)))
    title = told.get("title")
    if isinstance(title, str) and not re.search(r"\.\w{2,5}$", title):  # Takeout: the file's name
        yield Statement(title)
    if isinstance(place := told.get("geoData"), dict):
        latitude, longitude = (float(place.get(key, 0)) for key in ("latitude", "longitude"))
        yield Statement(places.name_of(latitude, longitude))
    taken = told.get("photoTakenTime")
    if isinstance(taken, dict) and (seconds := taken.get("timestamp")):
        yield Statement(dates.of_seconds(float(seconds)), "taken")
    elif isinstance(written := told.get("date"), str):
        yield Statement(written, "taken")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(value.get("name"))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


_PARSERS = {".xmp": xmp.parse, ".json": _read_json, ".txt": _read_text}
ENDINGS = frozenset(_PARSERS)
"""What the names of such files end with, in lower case."""
