"""Words of scenes and actions (kitchen, street, surfer), told from the things in a picture.

scenes.tsv has a logistic regression for each, learnt by tools/make_scenes.py from people's captions
of other pictures.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lexsearch.captioners.tagger.fusing import LIKELY, THINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_REASONS = 2


class Scene(NamedTuple):
    """A word, and the named things that speak most for it, the strongest first."""

    word: str
    reasons: tuple[str, ...]


class _Table(NamedTuple):
    """words; for each the probability from which on it is named, a bias, and weights by thing."""

    words: list[str]
    least: NDArray[np.float64]
    biases: NDArray[np.float64]
    weights: NDArray[np.float64]


def told_by(things: NDArray[np.float64]) -> list[Scene]:
    """Words that the probabilities of the 80 things make likely, each with its reasons.

    A word that no named thing speaks for is left out: nobody could see why.
    """
    table = _read()
    chances = 1 / (1 + np.exp(-(table.weights @ things + table.biases)))
    scenes = []
    for row in np.nonzero(chances >= table.least)[0]:
        weighed = np.where(things >= LIKELY, table.weights[row] * things, 0)
        strongest = np.argsort(-weighed, kind="stable")[:_MOST_REASONS]
        reasons = tuple(THINGS[thing] for thing in strongest if weighed[thing] > 0)
        if reasons:
            scenes.append(Scene(table.words[row], reasons))
    return scenes


@cache
def _read() -> _Table:
    lines = Path(__file__).with_name("scenes.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    numbers = np.array([[float(number) for number in row[1:]] for row in rows])
    return _Table([row[0] for row in rows], numbers[:, 0], numbers[:, 1], numbers[:, 2:])
