"""What a picture file says of itself: EXIF, IPTC and XMP, read from its head alone."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

from lexsearch.records import CaptionerKey

KEY = CaptionerKey("metadata", "1")
"""Under which it is kept among the captions; the version goes up when more is read."""

FILE = "file"
"""The name of the crop under which it is kept: it is said of no part of the picture."""

_DESCRIBING = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPSubject,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPKeywords,
)
_IPTC = ((2, 5), (2, 105), (2, 120), (2, 25), (2, 92), (2, 90), (2, 95), (2, 101))
"""Title, headline, caption, keywords, place in the city, city, state, country."""
_XMP = ("title", "description", "subject", "Headline", "Location", "City", "State", "Country")
_DATES = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized, ExifTags.Base.DateTime)
_DATE = re.compile(r"([12]\d{3})[:\-/.]([01]\d)[:\-/.]([0-3]\d)")
_CAMERAS = re.compile(
    r"(?i)^(olympus|sony|samsung|minolta) ?(digital|dsc|camera)|^default$|^charset="
)
_LONGEST = 5000  # characters


def read(path: str) -> list[tuple[str, str]]:
    """(field, text) of what the file says: "about" and "date" (YYYY-MM-DD). Nothing of a file
    that cannot be read: damaged metadata are no reason to refuse a picture.
    """
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")
            exif = image.getexif()
            more = exif.get_ifd(ExifTags.IFD.Exif)
            said = [*_exif(exif), *_iptc(image), *_xmp(image)]
            dates = (str(more.get(tag) or exif.get(tag) or "") for tag in _DATES)
            date = next((found for text in dates if (found := _DATE.match(text))), None)
    except Exception:  # whatever a decoder raises at hostile metadata
        return []
    cleaned = dict.fromkeys(" ".join(text.split())[:_LONGEST] for text in said)
    rows = [("about", text) for text in cleaned if text and not _CAMERAS.search(text)]
    if date and date[2] != "00":
        rows.append(("date", "-".join(date.groups())))
    return rows


def _exif(exif: Mapping[int, Any]) -> Iterator[str]:
    for tag in _DESCRIBING:
        value = exif.get(tag)
        if isinstance(value, bytes):  # Windows writes UTF-16
            yield value.decode("utf-16-le", "ignore").replace("\0", " ").replace(";", ", ")
        elif value:
            yield str(value).replace("\0", " ")


def _iptc(image: ImageFile.ImageFile) -> Iterator[str]:
    stored = IptcImagePlugin.getiptcinfo(image) or {}
    for record in _IPTC:
        values = stored.get(record, [])
        for value in values if isinstance(values, list) else [values]:
            yield value.decode("utf-8", "replace").replace("\0", " ")


def _xmp(image: Image.Image) -> Iterator[str]:
    described = image.getxmp().get("xmpmeta", {}).get("RDF", {}).get("Description", [])
    for description in described if isinstance(described, list) else [described]:
        for name in _XMP:
            yield from _texts(description.get(name))


def _texts(value: Any) -> Iterator[str]:
    """The texts in what Pillow makes of an XMP property: lists in dictionaries in lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key != "lang":
                yield from _texts(each)
