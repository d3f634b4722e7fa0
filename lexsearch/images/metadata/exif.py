"""EXIF: description, comment, camera and dates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PIL import ExifTags, Image

from lexsearch.images.metadata import places
from lexsearch.images.metadata.statements import Statement, decoded

_WINDOWS = (
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPSubject,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPKeywords,
)
_TAKEN = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized)
_COMMENT_CODES = {b"ASCII\0\0\0": "", b"JIS\0\0\0\0\0": "iso2022_jp", b"\0" * 8: ""}
_WORDS = ("apple", "nothing", "leaf", "palm", "essential")
"""Makers whose name means something else in a search; their models tell enough."""


def read(image: Image.Image) -> Iterator[Statement]:
    """What EXIF says, the directory of the picture first: the other may be damaged alone."""
    exif = image.getexif()
    yield Statement(_text(exif.get(ExifTags.Base.ImageDescription)))
    for tag in _WINDOWS:
        value = exif.get(tag) or b""
        words = bytes(value).decode("utf-16-le", "ignore") if not isinstance(value, str) else value
        yield Statement(words.replace(";", ", "))
    made_by = _camera(_text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model)))
    yield Statement(made_by, "camera")
    yield Statement(_text(exif.get(ExifTags.Base.DateTime)), "changed")
    more = exif.get_ifd(ExifTags.IFD.Exif)
    for taken in _TAKEN:
        yield Statement(_text(more.get(taken) or exif.get(taken)), "taken")
    yield Statement(_comment(more.get(ExifTags.Base.UserComment), image))
    yield Statement(_place(exif.get_ifd(ExifTags.IFD.GPSInfo)))


def _text(value: Any) -> str:
    """Pillow reads text as Latin-1; many programs write UTF-8."""
    if isinstance(value, str):
        try:
            value = value.encode("latin-1")
        except UnicodeEncodeError:
            return str(value)
    return decoded(value) if isinstance(value, bytes) else ""


def _comment(value: Any, image: Image.Image) -> str:
    """A UserComment: eight letters name the encoding of the rest."""
    if not isinstance(value, bytes):
        return _text(value)
    code, rest = value[:8], value[8:]
    if code == b"UNICODE\0":
        return _readable(_utf16(rest, image.getexif().endian))
    if code not in _COMMENT_CODES:
        return _readable(decoded(value))
    encoding = _COMMENT_CODES[code]
    return _readable(rest.decode(encoding, "ignore") if encoding else decoded(rest))


def _utf16(data: bytes, endian: str | None) -> str:
    """Of the two orders of bytes that programs use whatever the standard says, the one that
    gives more of the commonest letters.
    """
    orders = ("utf-16-be", "utf-16-le") if endian == ">" else ("utf-16-le", "utf-16-be")
    return max(
        (data.decode(order, "ignore").lstrip("\ufeff") for order in orders), key=_commonest_letters
    )


def _commonest_letters(text: str) -> int:
    return sum(letter == " " or (letter.isascii() and letter.isalnum()) for letter in text)


def _readable(text: str) -> str:
    """Nothing where a program keeps data of its own in the comment."""
    text = text.strip("\0 ")
    strange = sum(not letter.isprintable() and not letter.isspace() for letter in text)
    return "" if strange or text.startswith(("{", "[")) else text


def _place(gps: Mapping[int, Any]) -> str:
    try:
        latitude, longitude = (
            _degrees(gps[value], _text(gps.get(letter)))
            for value, letter in (
                (ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef),
                (ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef),
            )
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return ""
    return places.name_of(latitude, longitude)


def _degrees(angle: Sequence[Any], letter: str) -> float:
    degrees, minutes, seconds = (float(part) for part in angle)
    size = degrees + minutes / 60 + seconds / 3600
    return -size if letter[:1] in ("S", "W") else size


def _camera(make: str, model: str) -> str:
    make, model = (" ".join(each.replace("\0", " ").split()) for each in (make, model))
    maker = make.partition(" ")[0]
    if model and (maker.lower() in _WORDS or model.lower().startswith(maker.lower())):
        return model
    return f"{maker} {model}".strip()
