"""Pictures that are copies of one another: made smaller, compressed anew, a little brighter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lexsearch.images.likeness import SIDE, Likeness
from lexsearch.records import PictureCopy

ALIKE = 0.97
"""How strongly the greys of copies go together (Pearson's r of 16 x 16 greys). Of the 16,000 pairs
among 180 photos none comes to 0.83; a copy of a sixth of the size, or at quality 30, does not fall
below 0.99.
"""

_SHAPE = 0.02  # by which the proportions of copies may differ
_FLAT = 4.0  # standard deviation of greys, of 255, below which there is nothing to compare
_BANDS = 4  # parts of a hash; of copies, one at least is the same
_AT_ONCE = 2000  # pictures of which all pairs are compared at a time

Floats = NDArray[np.float32]


def copies(
    places: Mapping[str, Sequence[str]], likenesses: Mapping[str, str]
) -> list[tuple[PictureCopy, ...]]:
    """Groups of pictures that are copies of the first of them, the largest; one that lies at
    several places is a group by itself. In order of path.

    places: the paths of each doc_id. likenesses: of each that has one, as
        `lexsearch.images.likeness` writes it.
    """
    known = {
        doc_id: Likeness.parse(likenesses[doc_id]) for doc_id in places if doc_id in likenesses
    }
    groups = _groups(known)
    grouped = {doc_id for group in groups for doc_id in group}
    groups += [[doc_id] for doc_id in places if len(places[doc_id]) > 1 and doc_id not in grouped]
    made = (
        tuple(
            PictureCopy(one, tuple(places[one]), known[one].size if one in known else None)
            for one in group
        )
        for group in groups
    )
    return sorted(made, key=lambda group: group[0].paths)


def _groups(known: Mapping[str, Likeness]) -> list[list[str]]:
    if not known:
        return []
    # The largest first, so that it is what others are copies of.
    names = sorted(known, key=lambda name: (-math.prod(known[name].size), name))
    greys = np.array([np.frombuffer(known[name].greys, np.uint8) for name in names], np.float32)
    sizes = np.array([known[name].size for name in names], np.float64)
    alike: dict[int, list[int]] = {}
    for first, second in sorted(_pairs(greys, sizes[:, 0] / sizes[:, 1])):
        alike.setdefault(first, []).append(second)
    groups = []
    taken: set[int] = set()
    for best in sorted(alike):
        others = [other for other in alike[best] if other not in taken]
        if best not in taken and others:
            taken.update(others)
            groups.append([names[number] for number in (best, *others)])
    return groups


def _pairs(greys: Floats, shapes: NDArray[np.float64]) -> set[tuple[int, int]]:
    """Pairs of rows that are alike, the lower number first."""
    spread = greys.std(axis=1)
    centred = greys - greys.mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    found: set[tuple[int, int]] = set()
    for members in _buckets(_hashes(unit), np.flatnonzero(spread >= _FLAT)):
        for rows, columns in _blocks(members):
            close = unit[rows] @ unit[columns].T >= ALIKE
            ratio = shapes[rows][:, None] / shapes[columns][None, :]
            close &= (ratio < 1 + _SHAPE) & (ratio > 1 / (1 + _SHAPE))
            for row, column in np.argwhere(close):
                one, other = int(rows[row]), int(columns[column])
                if one != other:
                    found.add((min(one, other), max(one, other)))
    return found


def _hashes(unit: Floats) -> NDArray[np.uint16]:
    """64 bits of each row, as 4 numbers: the signs of its 64 slowest waves, as in pHash."""
    places = np.arange(SIDE)
    waves = np.cos(np.pi * (2 * places + 1) * np.arange(1, 9)[:, None] / (2 * SIDE))
    slow = waves @ unit.reshape(-1, SIDE, SIDE) @ waves.T
    steepest_last = np.add.outer(np.arange(8), np.arange(8)).ravel().argsort(kind="stable")
    bits = slow.reshape(len(unit), 64)[:, steepest_last] > 0
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint16)


def _buckets(hashes: NDArray[np.uint16], which: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Rows that have a part of their hash in common."""
    for band in range(_BANDS):
        ordered = which[np.argsort(hashes[which, band], kind="stable")]
        borders = np.flatnonzero(np.diff(hashes[ordered, band])) + 1
        yield from (part for part in np.split(ordered, borders) if len(part) > 1)


def _blocks(members: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The members against one another, a bounded number at a time."""
    parts = [members[start : start + _AT_ONCE] for start in range(0, len(members), _AT_ONCE)]
    yield from ((part, part) for part in parts)
    yield from combinations(parts, 2)
