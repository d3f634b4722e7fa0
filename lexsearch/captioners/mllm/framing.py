"""How a view becomes the square that a vision model looks at.

Most vision encoders look at a square. What they make of another shape differs: LLaVA-1.5's
processor cuts the middle square out of it, so that of a wide photo a third is never seen, and of
the lower half of one two thirds. Padding to a square shows the model everything.
"""

from __future__ import annotations

from PIL import Image

from lexsearch.errors import CaptionerError

FILL = (122, 116, 104)
"""The mean colour of CLIP's training pictures, with which LLaVA-1.5 was trained to be padded
(Liu et al. 2023, arXiv 2310.03744; `expand2square` with `image_mean` in the authors' code)."""

FRAMINGS = ("pad", "processor")
"""pad: the view in the middle of a square. processor: as the model's own processor wants it."""

MAX_RATIO = 8
"""A view that is longer than this many times its width is padded up to it even where the
processor is to have its own way: scaling the short side of a line up to full size makes pictures
of gigabytes."""


LEAST_SIDE = 56
"""Pixels of the shorter side of what a model gets. The processors of Qwen2-VL, Qwen2.5-VL and GLM-V
refuse less than 28, Qwen3-VL's less than 32; 56 is two of their patches."""


def frame(image: Image.Image, framing: str) -> Image.Image:
    """The picture as the model's processor gets it; see FRAMINGS."""
    long = max(image.size)
    shortest = long if framing == "pad" else -(-long // MAX_RATIO)
    size = max(image.width, shortest), max(image.height, shortest)
    if size != image.size:
        framed = Image.new("RGB", size, FILL)
        framed.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
        image = framed
    if (short := min(image.size)) < LEAST_SIDE:
        image = image.resize(
            (-(-image.width * LEAST_SIDE // short), -(-image.height * LEAST_SIDE // short)),
            Image.Resampling.BICUBIC,
        )
    return image


def check_framing(framing: str) -> None:
    if framing not in FRAMINGS:
        raise CaptionerError(f"there is no framing {framing!r}; choose {' or '.join(FRAMINGS)}")
