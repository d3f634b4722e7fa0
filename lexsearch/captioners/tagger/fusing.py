"""How likely each of COCO's 80 things is in a picture, from all that the networks say of its views.

One logistic regression, whose weights all things share, in place of a threshold for each view. The
weights are in fusion.tsv, made by tools/make_fusion.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lexsearch.captioners.tagger.classifier import classes_of
from lexsearch.captioners.tagger.detector import NAMES, Detection
from lexsearch.images.crops import stage_of
from lexsearch.records import WHOLE, Crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIKELY = 0.3
"""A thing is named from this probability on: so that as many are named as are there."""

THINGS = tuple(NAMES.values())
SIZES = (WHOLE, "half", "quarter", "ninth")
FEATURES = (*SIZES, "patches", "class", "classed")
"""Of a thing: its log-odds by the detector, the best of the views of each size; how many patches
show it, in fours; its log-odds by the classifier, the best of the views; whether the classifier
knows it at all.
"""

_SHOWN = 0.3  # by the detector, for a patch to count
_FLOOR = 1e-3  # keeps log-odds finite


class Look(NamedTuple):
    """What the networks say of one view.

    scores: the detector's surest of each of the 80 things, 0 where there is hardly any sign of it.
    found: where it sees things, the surest first. classes: the classifier's probabilities of the
    1000 classes; None where it was not asked.
    """

    crop: Crop
    scores: NDArray[np.float32]
    found: Sequence[Detection]
    classes: NDArray[np.float32] | None = None

    @property
    def size(self) -> str:
        """One of SIZES."""
        return self.crop.name.rpartition(" ")[2]


class Fusion(NamedTuple):
    """A regression: a bias, and a weight for each of FEATURES."""

    bias: float
    weights: NDArray[np.float64]

    def probabilities(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """evidence: things x features."""
        chances: NDArray[np.float64] = 1 / (1 + np.exp(-(evidence @ self.weights + self.bias)))
        return chances


def likely_things(
    looks: Sequence[Look], fusions: Mapping[str, Fusion] | None = None
) -> NDArray[np.float64]:
    """The probability of each of the 80 things. looks: of the whole, and of patches if any.

    fusions: in place of those that come along; "whole" for a picture without patches, and "all".
    """
    fusion = (fusions or read_fusions())["all" if len(looks) > 1 else "whole"]
    return fusion.probabilities(evidence(looks))


def evidence(looks: Sequence[Look]) -> NDArray[np.float64]:
    """Things x FEATURES; without overlapped patches, which the weights are not fitted to."""
    looks = [look for look in looks if stage_of(look.crop.name) != "between"]
    nothing = np.zeros(len(THINGS))
    best = [_surest([look.scores for look in looks if look.size == size]) for size in SIZES]
    patches = [look.scores >= _SHOWN for look in looks if look.size != WHOLE]
    shown = np.sum([nothing, *patches], 0) / 4
    kinds = classes_of(THINGS)
    told = nothing
    for look in looks:
        if look.classes is not None:
            told = np.maximum(told, [look.classes[list(kind)].sum() for kind in kinds])
    known = np.array([bool(kind) for kind in kinds], float)
    return np.stack([*map(_log_odds, best), shown, _log_odds(told), known], 1)


def _surest(scores: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    rows = np.array(scores, float).reshape(-1, len(THINGS))
    surest: NDArray[np.float64] = rows.max(0, initial=0)
    return surest


def _log_odds(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = np.log((chances + _FLOOR) / (1 - chances + _FLOOR))
    return odds


@cache
def read_fusions() -> dict[str, Fusion]:
    """The regressions that come along, by name."""
    lines = Path(__file__).with_name("fusion.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {
        name: Fusion(float(bias), np.array([float(weight) for weight in weights]))
        for name, bias, *weights in rows
    }
