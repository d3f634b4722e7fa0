"""Text chunks of PNG, and comments of JPEG and GIF."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, PngImagePlugin

from lexsearch.images.metadata.statements import Statement, decoded

_ABOUT = ("title", "description", "comment", "subject", "caption", "keywords", "parameters")
_TAKEN = ("creation time", "date", "exif:datetimeoriginal")
_UNWANTED = "Negative prompt:"  # image generators write there what is not in the picture


def read(image: Image.Image) -> Iterator[Statement]:
    """What is written into the file outside of EXIF, IPTC and XMP."""
    comment = image.info.get("comment")
    if isinstance(comment, bytes | str):
        yield _statement(decoded(comment) if isinstance(comment, bytes) else comment)
    if isinstance(image, PngImagePlugin.PngImageFile):
        for name, text in image.text.items():
            if name.lower() in _ABOUT:
                yield _statement(_text(text))
            elif name.lower() in _TAKEN:
                yield Statement(str(text), "taken")


def _text(text: str) -> str:
    """A tEXt chunk is Latin-1 by the standard, and UTF-8 by the custom of many programs."""
    try:
        return decoded(text.encode("latin-1"))
    except UnicodeEncodeError:  # an iTXt chunk: UTF-8, and read as such
        return str(text)


def _statement(text: str) -> Statement:
    wanted = text.partition(_UNWANTED)[0].strip("\0 \n")
    printable = all(letter.isprintable() or letter.isspace() for letter in wanted)
    return Statement(wanted if printable and not wanted.startswith(("{", "[")) else "")
