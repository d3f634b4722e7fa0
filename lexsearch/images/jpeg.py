"""Small copies of pictures, for pages and notebooks."""

from __future__ import annotations

import io

from PIL import Image

from lexsearch.images.files import open_picture

_QUALITY = 82


def small_jpeg(path: str, side: int) -> bytes:
    """The upright picture as a JPEG whose longer side is at most `side` pixels.

    Nothing of the file but its pixels and their colour profile is in it. Raises ImageError.
    """
    picture = open_picture(path, side)
    scale = min(1.0, side / max(picture.width, picture.height))
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    image = picture.image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    profile = picture.image.info.get("icc_profile") or b""
    if profile[16:20] != b"RGB ":  # of the file's own colours, which were CMYK or grey
        profile = b""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, progressive=True, icc_profile=profile)
    return file.getvalue()
