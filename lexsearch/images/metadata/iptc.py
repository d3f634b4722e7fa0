"""IPTC-IIM: title, headline, caption, keywords, place and date."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, ImageFile, IptcImagePlugin

from lexsearch.images.metadata.statements import Statement, decoded

_ABOUT = ((2, 5), (2, 105), (2, 120), (2, 25), (2, 92), (2, 90), (2, 95), (2, 101))
"""Title, headline, caption, keywords, place in the city, city, state, country."""
_TAKEN = (2, 55)


def read(image: Image.Image) -> Iterator[Statement]:
    """What IPTC says. The mark for UTF-8 (1:90) is often missing, so the bytes decide."""
    if not isinstance(image, ImageFile.ImageFile):
        return
    stored = IptcImagePlugin.getiptcinfo(image) or {}
    for record in (*_ABOUT, _TAKEN):
        values = stored.get(record, [])
        for value in values if isinstance(values, list) else [values]:
            yield Statement(decoded(value), "taken" if record == _TAKEN else "about")
