"""Words of a whole picture that its pixels alone tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL.Image import Resampling

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_SIDE = 64
_COLOURLESS = 8  # of 255: the most that the channels of all but 1 % of the pixels differ
_BLANK = 8  # of 255: so little does the light differ in a picture of nothing
_SKY = 16  # rows at the top, a quarter
_MOST_BLUE, _LEAST_BLUE = 255, 165  # hues, in degrees
_OF_SKY = 0.6  # of those rows must be blue,
_SMOOTH = 6  # and so little, of 255, may the light change from one pixel to the next
_PANORAMA = 2.0  # times as wide as high


def words_of(image: Image) -> list[str]:
    """Such as "black and white"; most pictures have none."""
    pixels = np.asarray(image.resize((_SIDE, _SIDE), Resampling.BICUBIC), np.float32)
    words = []
    if np.percentile(pixels.max(2) - pixels.min(2), 99) < _COLOURLESS:
        words += ["black and white"] if pixels.std() > _BLANK else []
    elif _is_sky(pixels[:_SKY]):
        words.append("blue sky")
    if image.width >= _PANORAMA * image.height and image.height >= _SIDE:
        words.append("panorama")
    return words


def _is_sky(top: NDArray[np.float32]) -> bool:
    light = top @ np.array((0.299, 0.587, 0.114), np.float32)
    smooth = np.abs(np.diff(light, axis=1)).mean() < _SMOOTH
    return bool(smooth and _is_blue(top).mean() > _OF_SKY)


def _is_blue(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which pixels are plainly blue: neither grey nor dark."""
    red, green, blue = np.moveaxis(pixels / 255, 2, 0)
    high, low = np.max((red, green, blue), 0), np.min((red, green, blue), 0)
    spread = np.maximum(high - low, 1e-6)
    hue = 60 * ((red - green) / spread + 4)
    plain = (high - low >= 0.09) & (high - low >= 0.22 * high) & (high >= 0.16)
    found: NDArray[np.bool_] = plain & (high == blue) & (hue >= 180) & (hue < _MOST_BLUE)
    cyan = plain & (high == green) & (60 * ((blue - red) / spread + 2) >= _LEAST_BLUE)
    either: NDArray[np.bool_] = found | cyan
    return either
