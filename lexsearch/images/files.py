"""Find image files, identify them by content, and open one safely.

Everything a decoder can throw at a bad file becomes an ImageError with a reason that a person
understands; nothing here changes Pillow's bounds for the rest of the process.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.Image import Resampling

from lexsearch.errors import ImageError
from lexsearch.images import filesystem, kinds
from lexsearch.images.filesystem import Entry, Status
from lexsearch.images.ignoring import JUNK, NO_MEDIA, Ignoring
from lexsearch.images.likeness import likeness
from lexsearch.images.metadata import sidecars
from lexsearch.images.pillow import MAX_PIXELS, pixel_bound
from lexsearch.records import Crop, View

if TYPE_CHECKING:
    import rawpy

_WHITE = (255, 255, 255, 255)
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_PREVIEW = 1000  # pixels of a longer side with which ninths can be seen
_BLOCK = 32  # rows, at most, that a JPEG decoder holds back until it has seen the end

log = logging.getLogger("lexsearch")


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


class LeftOut(NamedTuple):
    """A file or folder that is not indexed, and of what kind it is."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: upright, RGB, at least as large as the views it is for need.

    width, height: of the upright picture at full size, in pixels; `image` may be smaller.
    likeness: by which it is known again (see `lexsearch.images.likeness`).
    """

    image: Image.Image
    width: int
    height: int
    likeness: str = ""

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


class Part(NamedTuple):
    """Some files and folders, of which alone something is wanted, and all folders above these."""

    named: frozenset[str]
    above: frozenset[str]

    @classmethod
    def of(cls, paths: Collection[str]) -> Part:
        return cls(frozenset(paths), frozenset(folder for path in paths for folder in _above(path)))


def _above(path: str) -> Iterator[str]:
    while (folder := os.path.dirname(path)) != path:
        yield folder
        path = folder


def find(
    path: str, ignoring: Ignoring | None = None, part: Part | None = None
) -> Iterator[ImageFile | Unreadable | LeftOut]:
    """The pictures in a folder and below it, in order of name; or the one file named.

    In a folder, files are chosen by name ending, those without one by their first bytes. Hidden
    files and folders are left out, and what `ignoring` says; the rest of what a person may take
    for pictures is named. Symbolic links are followed, each folder being entered once.

    part: look at this part of the folder alone, by the same rules.
    """
    try:
        status = filesystem.stat(path)
        if stat.S_ISDIR(status.st_mode):
            rules = ignoring or Ignoring.below(path)
            entered = {(status.st_dev, status.st_ino)}
            yield from _walk(path, entered, rules, _below(path, part), named=True)
        elif stat.S_ISREG(status.st_mode):
            yield ImageFile(path, status.st_size, status.st_mtime_ns, sidecars.stamp(path))
        else:
            yield Unreadable(path, "not a file or folder")
    except OSError as error:
        yield Unreadable(path, _reason(error))


def _walk(
    folder: str,
    entered: set[tuple[int, int]],
    ignoring: Ignoring,
    part: Part | None,
    *,
    named: bool = False,
) -> Iterator[ImageFile | Unreadable | LeftOut]:
    try:
        entries = filesystem.scan(folder)
    except OSError as error:
        yield Unreadable(folder, _reason(error))
        return
    names = frozenset(entry.name for entry in entries)
    if NO_MEDIA in names and not named:
        yield LeftOut(folder, JUNK)
        return
    ignoring = ignoring.entering(folder, names)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if part and entry.path not in part.named and entry.path not in part.above:
            continue
        try:
            status = entry.stat()
            is_folder = stat.S_ISDIR(status.st_mode)
            if not is_folder and not _interests(entry, status):
                continue
            if kind := ignoring.kind(entry.path, is_folder=is_folder) or kinds.left_out(entry.name):
                yield LeftOut(entry.path, kind)
            elif is_folder:
                if (identity := (status.st_dev, status.st_ino)) not in entered:
                    entered.add(identity)
                    yield from _walk(entry.path, entered, ignoring, _below(entry.path, part))
            else:
                beside = sidecars.stamp(entry.path, names)
                yield ImageFile(entry.path, status.st_size, status.st_mtime_ns, beside)
        except OSError as error:
            if entry.is_symlink() and kinds.ending(entry.name) not in kinds.suffixes():
                continue
            yield Unreadable(entry.path, _reason(error))


def _below(folder: str, part: Part | None) -> Part | None:
    """The part as it is below a folder; None where that is all of it."""
    return None if part and folder in part.named else part


def _interests(entry: Entry, status: Status) -> bool:
    """Whether it is a picture, or something that a person may take for one."""
    if not stat.S_ISREG(status.st_mode):
        return False
    suffix = kinds.ending(entry.name)
    if suffix in kinds.suffixes() or kinds.left_out(entry.name):
        return True
    if suffix:
        return False
    with filesystem.open_file(entry.path, in_parts=True) as file:
        return kinds.starts_like_a_picture(file.read(kinds.LONGEST_START))


def content_hash(file: IO[bytes]) -> str:
    """32 hexadecimal digits (BLAKE2b, 128 bit) that name a file's content."""
    return hashlib.file_digest(
        file,  # type: ignore[arg-type]
        lambda: hashlib.blake2b(digest_size=16),
    ).hexdigest()


def hash_file(path: str) -> str:
    """The content hash of the file at `path`; raises ImageError if it cannot be read."""
    try:
        with filesystem.open_file(path) as file:
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
        with pixel_bound(max_pixels), filesystem.open_file(path) as file:
            developed = _developed(file) if kinds.ending(path) in kinds.RAW else None
            return _decode(developed or file, side, max_pixels, path)
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


def _decode(file: IO[bytes], side: int | None, max_pixels: int, path: str) -> Picture:
    image: Image.Image = Image.open(file)
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(_too_large(max_pixels, width, height))
    if side is not None:
        scale = side / max(width, height)
        image.draft("RGB", (round(width * scale), round(height * scale)))
    try:
        image.load()
    except OSError as error:
        if image.format not in ("JPEG", "MPO") or "truncated" not in str(error):
            raise
        image = _completed(file, image, height)
        _say_cut(path)
    if image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS:
        width, height = height, width
    upright = _to_rgb(ImageOps.exif_transpose(image))
    rgb = upright
    if side is not None and (factor := max(rgb.size) // (2 * side)) > 1:
        rgb = rgb.reduce(factor)
    return Picture(rgb, width, height, likeness(image, upright, (width, height)))


def _completed(file: IO[bytes], cut: Image.Image, height: int) -> Image.Image:
    """A JPEG that lacks its end, decoded as if it had one; raises ImageError where rows lack.

    height: of the whole picture, of which `cut` may be decoded at a fraction.
    """
    rows = cut.im.getbbox()
    lost = cut.height - (rows[3] if rows else 0)  # what was not decoded is black
    if lost * height > max(_BLOCK, height // 20) * cut.height:
        raise ImageError("the file is cut short")
    file.seek(0)
    image = Image.open(io.BytesIO(file.read() + b"\xff\xd9"))
    image.draft("RGB", cut.size)
    image.load()
    return image


@cache
def _say_cut(path: str) -> None:
    log.warning("%s: the file lacks its last bytes; it is used as far as it goes", path)


def _developed(file: BinaryIO) -> BinaryIO | None:
    """The picture that the camera put into a RAW file, or one made from its raw pixels; None for
    what is no RAW, or where nothing reads it: a phone may write a JPEG under such a name.
    """
    if not kinds.has_raw():
        return None
    import rawpy

    try:
        with rawpy.imread(file) as raw:
            return _preview(raw) or _as_file(raw.postprocess(use_camera_wb=True, half_size=True))
    except rawpy.LibRawError:
        file.seek(0)
        return None


def _preview(raw: rawpy.RawPy) -> BinaryIO | None:
    """The JPEG in a RAW file, if it is no mere thumbnail."""
    import rawpy

    try:
        preview = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if not isinstance(preview.data, bytes):
        return None
    made = io.BytesIO(preview.data)
    if max(Image.open(made).size) < _PREVIEW:
        return None
    made.seek(0)
    return made


def _as_file(pixels: NDArray[np.uint8]) -> BinaryIO:
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "BMP")
    made.seek(0)
    return made


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
    """Spread the range of values over 0 to 255: 16-bit and float pictures have no fixed one.

    Infinity is as bright, or as dark, as it gets; what is no number is dark.
    """
    values = np.asarray(image, dtype=np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    return Image.fromarray(np.rint((values - low) * (255 / ((high - low) or 1))).astype(np.uint8))


def _too_large(max_pixels: int, *size: int) -> str:
    what = f"{size[0]:,} x {size[1]:,} pixels" if size else "it"
    return f"{what} is more than the limit of {max_pixels:,} pixels (--max-pixels raises it)"


def _unidentified(path: str) -> str:
    if filesystem.stat(path).st_size == 0:
        return "the file is empty"
    return kinds.left_out(path) or "not a picture, or damaged"


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone (or a link that leads nowhere)"
    if isinstance(error, filesystem.Unreached):
        return str(error)
    if error.errno is not None:
        return os.strerror(error.errno).lower()
    text = str(error)
    return "the file is cut short" if "truncated" in text else f"damaged ({text})"
