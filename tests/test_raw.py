"""RAW files of cameras: a DNG as small as can be, made here."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lexsearch.errors import ImageError
from lexsearch.images.files import find, open_picture

pytest.importorskip("rawpy", reason="RAW is read with the extra `raw`")

_LETTERS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 10: "i"}
_UNITY = [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]  # a 3 x 3 matrix of fractions
Tag = tuple[int, int, bytes | list[int]]


def tiff(tags: list[Tag], *, data: bytes, after: bytes = b"") -> bytes:
    """A TIFF of one directory; tag 273 tells where `data` begins, and `after` follows it."""
    start = 8 + 2 + 12 * len(tags) + 4
    packed = [
        (number, kind, len(values), struct.pack(f"<{len(values)}{_LETTERS[kind]}", *values))
        for number, kind, values in tags
    ]
    extra = b"".join(body for *_, body in packed if len(body) > 4)
    rows, place = b"", start
    for number, kind, count, body in packed:
        if number == 273:
            body = struct.pack("<I", start + len(extra))
        elif len(body) > 4:
            body, place = struct.pack("<I", place), place + len(body)
        count = count // 2 if kind in (5, 10) else count
        rows += struct.pack("<HHI", number, kind, count) + body.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + rows + b"\0" * 4 + extra + data + after


def dng(mosaic: NDArray[np.uint16]) -> bytes:
    """mosaic: height x width, light behind red, green, green and blue filters in turn."""
    height, width = mosaic.shape
    tags: list[Tag] = [
        (254, 4, [0]),
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [16]),
        (259, 3, [1]),
        (262, 3, [32803]),  # behind a colour filter array
        (271, 2, b"Maker\0"),
        (272, 2, b"Model\0"),
        (273, 4, [0]),
        (274, 3, [1]),
        (277, 3, [1]),
        (278, 4, [height]),
        (279, 4, [2 * mosaic.size]),
        (33421, 3, [2, 2]),
        (33422, 1, [0, 1, 1, 2]),
        (50706, 1, [1, 4, 0, 0]),
        (50708, 2, b"Maker Model\0"),
        (50721, 10, _UNITY),
        (50728, 5, [1, 1, 1, 1, 1, 1]),
    ]
    return tiff(tags, data=mosaic.astype("<u2").tobytes())


def red_beside_blue() -> NDArray[np.uint16]:
    mosaic = np.full((64, 96), 1000, np.uint16)
    mosaic[0::2, 0:48:2] = 40_000
    mosaic[1::2, 49::2] = 40_000
    return mosaic


def test_raw_pixels_are_developed(tmp_path: Path) -> None:
    place = tmp_path / "IMG_1.DNG"
    place.write_bytes(dng(red_beside_blue()))
    assert [file.path for file in find(str(tmp_path))] == [str(place)]
    picture = open_picture(str(place))
    left, right = (picture.image.getpixel((x, picture.height // 2)) for x in (5, picture.width - 5))
    assert left[0] > 200 > 60 > left[1]  # type: ignore[index]
    assert right[2] > 200 > 60 > right[0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"nothing of the kind", "not a picture, or damaged"),
        (dng(red_beside_blue())[:150], "not a picture|damaged"),
        (dng(red_beside_blue())[:-4000], "not a picture|damaged"),
    ],
)
def test_a_broken_raw_file_has_a_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.dng").write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        open_picture(str(tmp_path / "a.dng"))


def test_a_jpeg_under_the_name_of_a_raw_file_is_opened(tmp_path: Path) -> None:
    made = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(made, "JPEG")
    (tmp_path / "a.nef").write_bytes(made.getvalue())
    assert open_picture(str(tmp_path / "a.nef")).width == 20
