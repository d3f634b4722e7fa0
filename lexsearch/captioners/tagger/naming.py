"""What is said of a picture and of its crops, from what the networks say of its views: pure.

What is named is decided for the picture as a whole, by the probability of each thing. Which crops
name it follows from where the detector sees it; the likelier it is, the more crops may name it, the
surest ones, so that BM25 ranks by how likely a thing is and not by how large.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from lexsearch.captioners.tagger.classifier import surest_name
from lexsearch.captioners.tagger.detector import Detection, without_doubles
from lexsearch.captioners.tagger.fusing import LIKELY, THINGS, Fusion, Look, likely_things
from lexsearch.captioners.tagger.scenes import Scene, told_by
from lexsearch.captioners.tagger.wording import listed, quantity, with_kinds
from lexsearch.records import WHOLE, Box, CaptionText

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_DETECTED = {WHOLE: 0.15, "half": 0.35, "quarter": 0.45, "ninth": 0.55}
"""How sure the detector must be of a thing in a crop of that size: in smaller ones it errs more."""

_LEAST_SEVERAL = 0.4
"""How sure it must be of a second thing of the same name, or it is the first again."""

_LEAST_CLASSIFIED = 0.5
"""How probable a class, or a kind of class, must be: likelier than not."""

_MOST_CROPS = 6
"""A thing that is certain is named by so many crops at most, the whole among them."""

_LEAST_VIEWS = 2
"""In so many views the classifier must see what the detector does not know."""

_ANIMALS = slice(THINGS.index("bird"), THINGS.index("giraffe") + 1)
_PLACE = {name: place for place, name in enumerate(THINGS)}


def said_of(
    looks: Sequence[Look],
    words: Sequence[str] = (),
    fusions: Mapping[str, Fusion] | None = None,
) -> list[CaptionText]:
    """For each crop a caption, "" where it shows nothing, and where exactly what is.

    looks: of the whole first. words: of the whole picture, told otherwise. fusions: see
    `likely_things`. Of the whole, the places do not depend on the other looks, so that saying it
    again with patches replaces each.
    """
    things = likely_things(looks, fusions)
    named = _crops_naming(looks, things)
    classified = _believed([_classified(look) for look in looks], things)
    said = []
    for look, names, kinds in zip(looks, named, classified, strict=True):
        found = without_doubles([thing for thing in look.found if _is_sure(look, thing)])
        is_whole = look.crop.name == WHOLE
        several = _several(found)
        parts = [listed([quantity(name, name in several) for name in names]), kinds]
        if is_whole:
            parts += [*map(_reasoned, told_by(things)), *words]
        said.append(CaptionText("; ".join(filter(None, parts)), crop=look.crop))
        said += [
            CaptionText(thing.name, "seen", _box(thing, look.crop.box), look.crop)
            for thing in found
            if is_whole or things[_PLACE[thing.name]] >= LIKELY
        ]
    return said


def _crops_naming(looks: Sequence[Look], things: NDArray[np.float64]) -> list[list[str]]:
    """For each view the things that its caption names, the likeliest first."""
    named: list[list[str]] = [[] for _ in looks]
    scores = np.array([look.scores for look in looks])
    least = np.array([LEAST_DETECTED[look.size] for look in looks])
    for thing in np.argsort(-things, kind="stable"):
        if things[thing] < LIKELY:
            break
        named[0].append(THINGS[thing])
        most = ceil(_MOST_CROPS * things[thing]) - 1
        for place in 1 + np.argsort(-scores[1:, thing], kind="stable")[:most]:
            if scores[place, thing] >= least[place]:
                named[place].append(THINGS[thing])
    return named


def _classified(look: Look) -> tuple[str, ...]:
    return () if look.classes is None else surest_name(look.classes, _LEAST_CLASSIFIED)


def _believed(names: Sequence[tuple[str, ...]], things: NDArray[np.float64]) -> list[str]:
    """The classifier's names where something speaks for them beside it, else "".

    A thing of COCO's must be likely by all that was seen, another animal needs some likely animal,
    and anything else two views.
    """
    counts = Counter(names)

    def is_believed(name: tuple[str, ...]) -> bool:
        known = [_PLACE[word.lower()] for word in name if word.lower() in _PLACE]
        if known or "animal" in name:
            return bool(things[known or _ANIMALS].max() >= LIKELY)
        return counts[name] >= _LEAST_VIEWS

    return [with_kinds(name) if name and is_believed(name) else "" for name in names]


def _several(found: Sequence[Detection]) -> set[str]:
    counts = Counter(thing.name for thing in found if thing.score >= _LEAST_SEVERAL)
    return {name for name, count in counts.items() if count > 1}


def _is_sure(look: Look, thing: Detection) -> bool:
    return thing.score >= LEAST_DETECTED[look.size]


def _box(thing: Detection, crop: Box) -> Box:
    """Where a thing is in the picture, seen in a crop of it."""
    return Box(
        crop.left + round(thing.left * crop.width),
        crop.top + round(thing.top * crop.height),
        crop.left + round(thing.right * crop.width),
        crop.top + round(thing.bottom * crop.height),
    )


def _reasoned(scene: Scene) -> str:
    """For one: kitchen, as there are an oven and a sink."""
    reasons = [quantity(name, several=False) for name in scene.reasons]
    plural = len(reasons) > 1 or reasons[0] == scene.reasons[0]
    return f"{scene.word}, as there {'are' if plural else 'is'} {listed(reasons)}"
