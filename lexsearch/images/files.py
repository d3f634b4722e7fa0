"""Find image files, identify them by content, and open one safely.

Everything a decoder can throw at a bad file becomes an ImageError with a reason that a person
understands; nothing here changes Pillow for the rest of the process, except inside
`pixel_bound`.
"""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import IO, NamedTuple

import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.Image import Resampling

from lexsearch.errors import ImageError
from lexsearch.images.metadata import sidecars
from lexsearch.records import Crop, View

MAX_PIXELS = 200_000_000
"""Pictures with more pixels are refused unless asked otherwise (decompression bombs)."""

_NOT_PICTURES = {"PDF", "MPEG", "EPS", "WMF", "HDF5", "GRIB", "BUFR", "FITS"}
_WHITE = (255, 255, 255, 255)
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height

pillow_heif.register_heif_opener()


class ImageFile(NamedTuple):
    """A regular file that may be a picture. Size in bytes, time in nanoseconds.

    beside: the stamp of the files beside it that speak of it (see `metadata.sidecars`).
    """

    path: str
    size: int
    mtime_ns: int
    beside: int = 0


class Unreadable(NamedTuple):
    """A file or folder that could not even be looked at, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: upright, RGB, at least as large as the views it is for need.

    width, height: of the upright picture at full size, in pixels; `image` may be smaller.
    """

    image: Image.Image
    width: int
    height: int

    def view(self, crop: Crop, side: int) -> View:
        """The crop's pixels, shrunk so that the longer side is at most `side` pixels."""
        across = self.image.width / self.width
        down = self.image.height / self.height
        box = (
            crop.box.left * across,
            crop.box.top * down,
            crop.box.right * across,
            crop.box.bottom * down,
        )
        width, height = box[2] - box[0], box[3] - box[1]
        shrink = min(1.0, side / max(width, height))
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        return View(crop, self.image.resize(size, Resampling.HAMMING, box, reducing_gap=1.0))


@cache
def suffixes() -> frozenset[str]:
    """Lower-case file name endings of the picture formats that can be opened."""
    Image.init()
    return frozenset(
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in Image.OPEN and name not in _NOT_PICTURES
    )


def find(path: str) -> Iterator[ImageFile | Unreadable]:
    """The pictures in a folder and below it, in order of name; or the one file named.

    In a folder, files are chosen by name ending, and hidden files and folders are left out.
    Symbolic links are followed, each folder being entered once.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(path, {(status.st_dev, status.st_ino)})
        elif stat.S_ISREG(status.st_mode):
            yield ImageFile(path, status.st_size, status.st_mtime_ns, sidecars.stamp(path))
        else:
            yield Unreadable(path, "not a file or folder")
    except OSError as error:
        yield Unreadable(path, _reason(error))


def _walk(folder: str, entered: set[tuple[int, int]]) -> Iterator[ImageFile | Unreadable]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        yield Unreadable(folder, _reason(error))
        return
    names = frozenset(entry.name for entry in entries)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            status = entry.stat()
            if stat.S_ISDIR(status.st_mode):
                if (identity := (status.st_dev, status.st_ino)) not in entered:
                    entered.add(identity)
                    yield from _walk(entry.path, entered)
            elif os.path.splitext(entry.name)[1].lower() in suffixes() and stat.S_ISREG(
                status.st_mode
            ):
                beside = sidecars.stamp(entry.path, names)
                yield ImageFile(entry.path, status.st_size, status.st_mtime_ns, beside)
        except OSError as error:
            if entry.is_symlink() and os.path.splitext(entry.name)[1].lower() not in suffixes():
                continue
            yield Unreadable(entry.path, _reason(error))


def content_hash(file: IO[bytes]) -> str:
    """32 hexadecimal digits (BLAKE2b, 128 bit) that name a file's content."""
    return hashlib.file_digest(
        file,  # type: ignore[arg-type]
        lambda: hashlib.blake2b(digest_size=16),
    ).hexdigest()


def hash_file(path: str) -> str:
    """The content hash of the file at `path`; raises ImageError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return content_hash(file)
    except OSError as error:
        raise ImageError(_reason(error)) from error


def open_picture(path: str, side: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture: first frame, upright, RGB, transparency on white.

    side: the longer side need not have more pixels than this, so that large JPEGs are decoded
        at a fraction of their size; None decodes every pixel.
    Raises ImageError, the message saying why without naming the file.
    """
    try:
        with open(path, "rb") as file:
            return _decode(file, side, max_pixels)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(_unidentified(path)) from error
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(max_pixels)) from error
    except OSError as error:
        raise ImageError(_reason(error)) from error
    except Exception as error:  # decoders of hostile files raise anything at all
        raise ImageError(f"damaged ({type(error).__name__}: {error})") from error


def _decode(file: IO[bytes], side: int | None, max_pixels: int) -> Picture:
    image: Image.Image = Image.open(file)
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(_too_large(max_pixels, width, height))
    if side is not None:
        scale = side / max(width, height)
        image.draft("RGB", (round(width * scale), round(height * scale)))
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS:
        width, height = height, width
    rgb = _to_rgb(ImageOps.exif_transpose(image))
    if side is not None and (factor := max(rgb.size) // (2 * side)) > 1:
        rgb = rgb.reduce(factor)
    return Picture(rgb, width, height)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = image.convert("I")
    if image.mode in ("I", "F"):
        image = _to_grey(image)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba)
    return image.convert("RGB")


def _to_grey(image: Image.Image) -> Image.Image:
    """Spread the range of values over 0 to 255: 16-bit and float pictures have no fixed one."""
    low, high = image.getextrema()
    spread = (high - low) or 1  # type: ignore[operator]
    return image.convert("F").point(lambda value: (value - low) * (255 / spread)).convert("L")


@contextmanager
def pixel_bound(max_pixels: int) -> Iterator[None]:
    """Let Pillow open pictures up to `max_pixels`, quietly, while the block runs."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _too_large(max_pixels: int, *size: int) -> str:
    what = f"{size[0]:,} x {size[1]:,} pixels" if size else "it"
    return f"{what} is more than the limit of {max_pixels:,} pixels (--max-pixels raises it)"


def _unidentified(path: str) -> str:
    return "the file is empty" if os.path.getsize(path) == 0 else "not a picture, or damaged"


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone (or a link that leads nowhere)"
    if error.errno is not None:
        return os.strerror(error.errno).lower()
    text = str(error)
    return "the file is cut short" if "truncated" in text else f"damaged ({text})"
