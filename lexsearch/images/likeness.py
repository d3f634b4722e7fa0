"""Know a picture again after its file has changed: a rating, a rotation, an edit.

A likeness is a line of text: the upright picture's size, the size at which it was decoded, a hash
of the pixels as they were decoded, and 16 x 16 greys of the upright picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from statistics import StatisticsError, correlation
from typing import NamedTuple

from PIL import Image
from PIL.Image import Resampling, Transpose

from lexsearch.records import Box

SIDE = 16
"""Greys across, and greys down."""

_ALIKE = 0.85
"""How strongly the greys of an edited picture go with those before. Of 4,000 pairs among 100 photos
none goes so far; a photo that was turned, brightened, made grey or halved in size always does.
"""

Point = tuple[float, float]
TURNS: Mapping[Transpose | None, Callable[[float, float], Point]] = {
    None: lambda x, y: (x, y),
    Transpose.ROTATE_90: lambda x, y: (y, 1 - x),
    Transpose.ROTATE_180: lambda x, y: (1 - x, 1 - y),
    Transpose.ROTATE_270: lambda x, y: (1 - y, x),
    Transpose.FLIP_LEFT_RIGHT: lambda x, y: (1 - x, y),
    Transpose.FLIP_TOP_BOTTOM: lambda x, y: (x, 1 - y),
    Transpose.TRANSPOSE: lambda x, y: (y, x),
    Transpose.TRANSVERSE: lambda x, y: (1 - y, 1 - x),
}
"""Where a point of the unit square comes to lie."""


class Likeness(NamedTuple):
    """A likeness, read. size: of the upright picture; decoded: when it was compared, in pixels.
    greys: row by row, a byte each.
    """

    size: tuple[int, int]
    decoded: tuple[int, int]
    pixels: str
    greys: bytes

    @classmethod
    def parse(cls, text: str) -> Likeness:
        size, decoded, pixels, greys = text.split()
        return cls(_numbers(size), _numbers(decoded), pixels, bytes.fromhex(greys))


def _numbers(size: str) -> tuple[int, int]:
    width, height = size.split("x")
    return int(width), int(height)


class Relation(NamedTuple):
    """What became of a picture.

    same: not a pixel is another, so that all that was said holds.
    turn: how it was turned or mirrored; None when it was not.
    size: width and height of the upright picture now, in pixels.
    """

    same: bool
    turn: Transpose | None
    size: tuple[int, int]

    def moved(self, box: Box, size: tuple[int, int]) -> Box:
        """Where a box of the picture of that size, in pixels, comes to lie."""
        across, down = size
        corners = [
            TURNS[self.turn](x / across, y / down)
            for x, y in ((box.left, box.top), (box.right, box.bottom))
        ]
        (left, right), (top, bottom) = (sorted(axis) for axis in zip(*corners, strict=True))
        width, height = self.size
        return Box(*map(round, (left * width, top * height, right * width, bottom * height)))


def likeness(decoded: Image.Image, upright: Image.Image, size: tuple[int, int]) -> str:
    """decoded: the pixels as they lie in the file. upright: the same as RGB, upright; size: its
    width and height at full size.
    """
    pixels = hashlib.blake2b(decoded.tobytes(), digest_size=16).hexdigest()
    greys = upright.convert("L").resize((SIDE, SIDE), Resampling.BOX).tobytes().hex()
    return f"{size[0]}x{size[1]} {decoded.width}x{decoded.height} {pixels} {greys}"


def side_of(text: str) -> int:
    """The longer side, in pixels, to decode another picture for comparison."""
    return max(Likeness.parse(text).decoded)


def relation(before: str, now: str) -> Relation | None:
    """How the second picture came from the first; None for another picture."""
    old, new = Likeness.parse(before), Likeness.parse(now)
    if old._replace(decoded=new.decoded) == new:
        return Relation(True, None, new.size)
    then = Image.frombytes("L", (SIDE, SIDE), old.greys)
    greys = list(new.greys)
    alike, turn = max(
        ((_alike(then if turn is None else then.transpose(turn), greys), turn) for turn in TURNS),
        key=lambda each: each[0],
    )
    return Relation(False, turn, new.size) if alike >= _ALIKE else None


def _alike(then: Image.Image, now: list[int]) -> float:
    try:
        return correlation(list(then.tobytes()), now)
    except StatisticsError:  # all of one grey
        return 0.0
