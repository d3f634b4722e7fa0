"""One thing that is said of a picture, and how its bytes become text."""

from __future__ import annotations

from typing import NamedTuple


class Statement(NamedTuple):
    """kind: "about" for words, "camera" for those that name one, "taken" or "changed" for a date as
    it was written.
    """

    text: str
    kind: str = "about"

    @property
    def is_text(self) -> bool:
        return self.kind in ("about", "camera")


def decoded(data: bytes) -> str:
    """Text of an encoding that nobody told: UTF-8 where it is that, or else Windows' Latin.

    Text of another encoding is hardly ever valid UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace").replace("\ufffd", " ")
