"""Cut a picture into named boxes: pure geometry.

Sec. 3.1 of Nakata et al. 2024 cuts each image into fixed patches: 2 vertical halves,
2 horizontal halves, 4 quarters and 9 ninths (17), or the same four patterns at half-patch
stride (3 + 3 + 9 + 25 = 40 overlapped patches).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from lexsearch.records import WHOLE, Box, Crop

MIN_SIDE = 16
"""A pattern whose patches would have a side shorter than this many pixels is left out."""


class _Pattern(NamedTuple):
    columns: int
    rows: int
    noun: str


_PATTERNS = (
    _Pattern(2, 1, "half"),
    _Pattern(1, 2, "half"),
    _Pattern(2, 2, "quarter"),
    _Pattern(3, 3, "ninth"),
)
_ACROSS = {
    1: ("",),
    2: ("left", "right"),
    3: ("left", "centre", "right"),
    5: ("left", "centre left", "centre", "centre right", "right"),
}
_DOWN = {
    1: ("",),
    2: ("top", "bottom"),
    3: ("top", "middle", "bottom"),
    5: ("top", "upper", "middle", "lower", "bottom"),
}


def whole(width: int, height: int) -> tuple[Crop, ...]:
    """The picture itself as a crop."""
    return (Crop(WHOLE, Box(0, 0, width, height)),)


def fixed(width: int, height: int, min_side: int = MIN_SIDE) -> tuple[Crop, ...]:
    """The paper's 17 fixed patches; each pattern tiles the picture exactly.

    Patterns that would give a patch shorter than `min_side` pixels (at least 1) are left out.
    """
    return _patches(width, height, min_side, stride=2)


def overlapped(width: int, height: int, min_side: int = MIN_SIDE) -> tuple[Crop, ...]:
    """The paper's 40 overlapped patches: the four fixed patterns at half-patch stride.

    Every fixed patch is also an overlapped one, with the same box.
    """
    return _patches(width, height, min_side, stride=1)


def between(width: int, height: int) -> tuple[Crop, ...]:
    """The 23 overlapped patches that are not fixed ones."""
    tiles = set(fixed(width, height))
    return tuple(crop for crop in overlapped(width, height) if crop not in tiles)


@lru_cache(maxsize=256)
def boxes(width: int, height: int) -> Mapping[str, Box]:
    """The box of every crop, by its name, in a picture of this size."""
    return dict((*whole(width, height), *overlapped(width, height)))


STAGES: Mapping[str, Callable[[int, int], tuple[Crop, ...]]] = {
    "whole": whole,
    "fixed": fixed,
    "between": between,
}
"""Crops are captioned in stages, so that every picture can be found before any is done twice."""

SCHEMES: Mapping[str, tuple[str, ...]] = {
    "none": ("whole",),
    "fixed": ("whole", "fixed"),
    "overlapped": ("whole", "fixed", "between"),
}
"""The stages of each way to cut."""

ANY_SIDE = 3600
"""Pixels of a side that is long enough for every patch."""


def stage_of(name: str) -> str | None:
    """The stage that a crop of this name belongs to; None for a name that is not of ours."""
    return _STAGE_OF.get(name)


def _patches(width: int, height: int, min_side: int, stride: int) -> tuple[Crop, ...]:
    crops = []
    for columns, rows, noun in _PATTERNS:
        if width // columns < max(min_side, 1) or height // rows < max(min_side, 1):
            continue
        lefts, tops = _starts(columns, stride), _starts(rows, stride)
        for row, top in enumerate(tops):
            for column, left in enumerate(lefts):
                name = _name(_DOWN[len(tops)][row], _ACROSS[len(lefts)][column], noun)
                box = Box(
                    left * width // (2 * columns),
                    top * height // (2 * rows),
                    (left + 2) * width // (2 * columns),
                    (top + 2) * height // (2 * rows),
                )
                crops.append(Crop(name, box))
    return tuple(crops)


def _starts(count: int, stride: int) -> range:
    """Where patches start along one side, in half patches."""
    return range(0, 2 * count - 1, stride)


def _name(down: str, across: str, noun: str) -> str:
    if (down, across) == ("middle", "centre"):
        return f"centre {noun}"
    return " ".join(part for part in (down, across, noun) if part)


_STAGE_OF = {crop.name: stage for stage, cut in STAGES.items() for crop in cut(ANY_SIDE, ANY_SIDE)}
NAMES = tuple(_STAGE_OF)
"""Every crop's name: the whole first, then fixed patches from large to small, then the others."""
