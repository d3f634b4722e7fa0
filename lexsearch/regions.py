"""Where in a picture a thing most likely is, told from which of its crops name it: pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from lexsearch.records import Box


def locate(crops: Mapping[Box, float]) -> Box | None:
    """The region that most speaks for a thing, or None when no crop names it.

    crops: for each crop that was captioned, how surely its captions name the thing (0: not).

    Every point is given 1/sqrt(area) of each crop around it that names the thing, so that small
    crops tell more. The region is the cell (of those that the crops' edges make) with the most.
    """
    naming = {box: sure for box, sure in crops.items() if sure > 0 and box.area}
    if not naming:
        return None
    columns = sorted({edge for box in crops for edge in (box.left, box.right)})
    rows = sorted({edge for box in crops for edge in (box.top, box.bottom)})
    best, most = None, 0.0
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
            if votes > most:
                best, most = Box(left, top, right, bottom), votes
    return best
