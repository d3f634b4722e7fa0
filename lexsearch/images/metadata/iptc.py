"""IPTC-IIM: title, headline, caption, keywords, place and date.

A record (1:90) may tell the encoding, by escape sequences of ISO 2022. It is often missing, and
often wrong about UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, ImageFile, IptcImagePlugin

from lexsearch.images.metadata.statements import Statement, decoded

_ABOUT = ((2, 5), (2, 105), (2, 120), (2, 25), (2, 92), (2, 90), (2, 95), (2, 101))
"""Title, headline, caption, keywords, place in the city, city, state, country."""
_TAKEN = (2, 55)
_CHARSET = (1, 90)
_LATIN = {  # ISO 8859, by the last byte of the sequence that calls it
    "A": 1,
    "B": 2,
    "C": 3,
    "D": 4,
    "L": 5,
    "G": 6,
    "F": 7,
    "H": 8,
    "M": 9,
    "V": 10,
    "T": 11,
    "Y": 13,
    "_": 14,
    "b": 15,
    "f": 16,
}
_WIDE = {
    **dict.fromkeys((b"%/@", b"%/C", b"%/E", b"%/J", b"%/K", b"%/L"), "utf-16-be"),
    **dict.fromkeys((b"%/A", b"%/D", b"%/F"), "utf-32-be"),
    b"$)A": "gb2312",
    b"$)B": "euc_jp",
    b"$)C": "euc_kr",
    **dict.fromkeys((b"$@", b"$B", b"$(D"), "iso2022_jp_2"),
}
"""Encodings of several bytes a sign, by their sequences: such bytes may look like UTF-8."""


def read(image: Image.Image) -> Iterator[Statement]:
    """What IPTC says."""
    if not isinstance(image, ImageFile.ImageFile):
        return
    stored = IptcImagePlugin.getiptcinfo(image) or {}
    charset = _first(stored.get(_CHARSET, b""))
    for record in (*_ABOUT, _TAKEN):
        values = stored.get(record, [])
        for value in values if isinstance(values, list) else [values]:
            yield Statement(_text(value, charset), "taken" if record == _TAKEN else "about")


def _first(values: bytes | list[bytes]) -> bytes:
    return values[0] if isinstance(values, list) else values


def _text(value: bytes, charset: bytes) -> str:
    """A value as it is marked; where it is not, or that makes no text, as its bytes look."""
    called = [sequence.strip() for sequence in charset.split(b"\x1b")]
    wide = next((sequence for sequence in called if sequence in _WIDE), None)
    try:
        if wide is not None:
            begun = b"\x1b" + wide + value if _WIDE[wide].startswith("iso2022") else value
            return begun.decode(_WIDE[wide])
        value.decode("utf-8")
    except UnicodeDecodeError:
        parts = [one[-1:].decode("latin-1") for one in called if one[:1] in (b"-", b".", b"/")]
        for part in filter(_LATIN.__contains__, parts):
            return value.decode(f"iso8859-{_LATIN[part]}", "replace").replace("\ufffd", " ")
    return decoded(value)
