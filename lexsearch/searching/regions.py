"""Where in a picture a thing most likely is, told from which of its crops name it: pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from lexsearch.records import Box

_NAMED, _IMAGINED = 0.8, 0.02  # how often a crop names a thing that it shows well, or not at all
_ENOUGH = 0.7  # of a thing must be in a crop for the crop to show it well,
_LARGE = 0.3  # and that must be so much of the crop
_MOST_CROPS = 100  # that are asked: a picture may have thousands of described regions
_MOST_GUESSES = 2_000  # boxes between edges; the paper's 41 crops have about a thousand


def locate(crops: Mapping[Box, float]) -> Box | None:
    """The box that best explains which crops name a thing; None when no crop does.

    crops: for each crop that was captioned, how surely its captions name the thing (0: not, 1).
        Each has an area.

    Of all boxes between edges of crops, the one most likely to be named by these crops and not by
    the others (maximum likelihood). A crop is the likelier to name a thing, the more of the thing
    is in it, and the larger it is there. Where a single crop names it, that is the answer. The
    boxes between edges grow with the fourth power of the number of crops: where they would be
    too many, only crops are guessed; and of very many crops the surest ones are asked.
    """
    if len(crops) > _MOST_CROPS:
        surest = sorted(crops, key=lambda box: -crops[box])[:_MOST_CROPS]
        crops = {box: crops[box] for box in surest}
    naming = {box: min(sure, 1.0) for box, sure in crops.items() if sure > 0}
    if not naming:
        return None
    if len(naming) == 1:
        return next(iter(naming))
    known = tuple(crops)
    return _likeliest(known, tuple((known.index(box), sure) for box, sure in naming.items()))


@lru_cache(maxsize=10_000)
def _likeliest(crops: tuple[Box, ...], naming: tuple[tuple[int, float], ...]) -> Box:
    """naming: the places of those crops that name the thing, and how surely they do."""
    guesses = _guesses(crops)
    likelihoods = guesses.unnamed
    for place, sure in naming:
        told = zip(likelihoods, guesses.odds[place], strict=True)
        likelihoods = [before + sure * more for before, more in told]
    return guesses.boxes[likelihoods.index(max(likelihoods))]


class _Guesses(NamedTuple):
    """Boxes where a thing might be; for each the log-likelihood that no crop names it, and, for
    each crop, the log-odds that it does.
    """

    boxes: list[Box]
    unnamed: list[float]
    odds: list[list[float]]


@lru_cache(maxsize=64)
def _guesses(crops: tuple[Box, ...]) -> _Guesses:
    columns = sorted({edge for box in crops for edge in (box.left, box.right)})
    rows = sorted({edge for box in crops for edge in (box.top, box.bottom)})
    if math.comb(len(columns), 2) * math.comb(len(rows), 2) > _MOST_GUESSES:
        boxes = list(crops)
    else:
        boxes = [
            Box(left, top, right, bottom)
            for left, right in combinations(columns, 2)
            for top, bottom in combinations(rows, 2)
        ]
    chances = [[_chance(box, crop) for box in boxes] for crop in crops]
    unnamed = [
        sum(math.log(1 - chance) for chance in of_all) for of_all in zip(*chances, strict=True)
    ]
    odds = [[math.log(chance / (1 - chance)) for chance in of_one] for of_one in chances]
    return _Guesses(boxes, unnamed, odds)


def _chance(thing: Box, crop: Box) -> float:
    """How likely a crop names a thing in that place."""
    common = _common(thing, crop)
    inside = min(common / thing.area / _ENOUGH, 1.0)
    large = math.sqrt(min(common / crop.area / _LARGE, 1.0))
    return _IMAGINED + (_NAMED - _IMAGINED) * inside * large


def agreed(seen: Sequence[Box]) -> Box | None:
    """Of the boxes in which a captioner saw a thing, the one that the others overlap most: the
    same thing is seen again in every crop around it. The first of equals; None of none.
    """
    if not seen:
        return None
    return max(seen, key=lambda box: sum(_overlap(box, other) for other in seen))


def _overlap(one: Box, other: Box) -> float:
    """The area that two boxes share, as a part of all they cover."""
    common = _common(one, other)
    return common / (one.area + other.area - common) if common else 0.0


def _common(one: Box, other: Box) -> int:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return width * height if width > 0 and height > 0 else 0
