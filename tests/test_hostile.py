"""Four hundred hostile and odd files are indexed without a crash, each bad one with a reason."""

import random
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from fakes import FakeCaptioner
from PIL import Image

import lexsearch

pytestmark = pytest.mark.slow

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I",
         "F", "I;16", "I;16B")  # fmt: skip
ENDINGS = ("png", "jpg", "gif", "bmp", "tif", "webp", "jp2", "ppm", "tga", "ico", "pcx", "sgi",
           "dds", "avif", "heic", "im")  # fmt: skip


def bomb(side: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def make(folder: Path) -> int:
    """Write the files; returns how many."""
    folder.mkdir()
    noise = random.Random(1)
    grey = Image.linear_gradient("L").resize((32, 32))
    for ending in ENDINGS:
        for mode in MODES:
            place = folder / f"{mode.replace(';', '_')}.{ending}"
            with suppress(Exception):  # not every format takes every mode
                image = grey.convert(mode) if ";" not in mode else grey.convert("I").convert(mode)
                image.save(place)
            if place.exists() and place.stat().st_size == 0:
                place.unlink()
        whole = folder / f"RGB.{ending}"
        content = whole.read_bytes() if whole.exists() else b"x"
        for share in range(1, 12):  # truncated
            (folder / f"cut{share}.{ending}").write_bytes(content[: len(content) * share // 12])
        for step in (7, 31, 101):  # spoiled
            spoiled = bytearray(content)
            spoiled[20::step] = noise.randbytes(len(spoiled[20::step]))
            (folder / f"spoiled{step}.{ending}").write_bytes(spoiled)
        for number, other in enumerate((b"", b"<html>", bomb(60_000), bytes(64), b"\xff" * 64)):
            (folder / f"wrong{number}.{ending}").write_bytes(other)
    return len(list(folder.iterdir()))


def test_hostile_files_have_a_reason_each(tmp_path: Path) -> None:
    number = make(tmp_path / "hostile")
    assert number >= 400
    with lexsearch.open(tmp_path / "index") as index:
        report = index.add(tmp_path / "hostile", captioner=FakeCaptioner(), crops="none")
        assert report.added + report.duplicates + report.unchanged + len(report.failed) == number
        assert all(failure.reason.strip() for failure in report.failed)
        assert report.added > 100
        assert len(index.search("whole", k=1000)) == report.added
