"""The picture of a hit, for whoever wants to look at it."""

from __future__ import annotations

from PIL.Image import Image

from lexsearch.errors import ImageError
from lexsearch.images.files import open_picture
from lexsearch.records import Hit


def image(hit: Hit, side: int | None = None) -> Image:
    """The upright picture in RGB, from the first of its places that can be read.

    side: the longer side has at most so many pixels; None: as it is.
    Raises ImageError with the last reason when there is none.
    """
    reason = ImageError("these captions came without a picture")
    for path in hit.paths:
        try:
            found = open_picture(path, side).image
        except ImageError as error:
            reason = ImageError(f"{path}: {error}")
            continue
        if side is not None:
            found.thumbnail((side, side))
        return found
    raise reason
