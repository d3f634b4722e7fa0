"""Pictures as data URLs, to be sent to a server."""

from __future__ import annotations

import base64
import io

from PIL import Image

_JPEG_QUALITY = 90


def data_url(image: Image.Image) -> str:
    """An RGB picture as JPEG, without what its file says of itself."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
