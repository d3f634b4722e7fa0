"""Where in a picture a thing most likely is, told from which of its crops name it: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from lexsearch.records import Box

_MORE = 1 + 1e-9  # sums of the same votes in another order differ by less


def locate(crops: Mapping[Box, float]) -> Box | None:
    """The region that most speaks for a thing, or None when no crop names it.

    crops: for each crop that was captioned, how surely its captions name the thing (0: not).

    Every point is given 1/sqrt(area) of each crop around it that names the thing, so that small
    crops tell more. The region encloses the cells (of those that the crops' edges make) with the
    most: where only the whole picture is said to show it, that is the whole picture.
    """
    naming = {box: sure for box, sure in crops.items() if sure > 0 and box.area}
    if not naming:
        return None
    columns = sorted({edge for box in crops for edge in (box.left, box.right)})
    rows = sorted({edge for box in crops for edge in (box.top, box.bottom)})
    best, most = Box(0, 0, 0, 0), 0.0
    for left, right in pairwise(columns):
        for top, bottom in pairwise(rows):
            votes = sum(
                sure / box.area**0.5
                for box, sure in naming.items()
                if box.left <= left
                and right <= box.right
                and box.top <= top
                and bottom <= box.bottom
            )
            cell = Box(left, top, right, bottom)
            if votes > most * _MORE:
                best, most = cell, votes
            elif votes * _MORE >= most:
                best = _around(best, cell)
    return best


def agreed(seen: Sequence[Box]) -> Box | None:
    """Of the boxes in which a captioner saw a thing, the one that the others overlap most: the
    same thing is seen again in every crop around it. The first of equals; None of none.
    """
    if not seen:
        return None
    return max(seen, key=lambda box: sum(_overlap(box, other) for other in seen))


def _overlap(one: Box, other: Box) -> float:
    """The area that two boxes share, as a part of all they cover."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (one.area + other.area - width * height)


def _around(one: Box, other: Box) -> Box:
    """The smallest box that holds both."""
    return Box(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
    )
