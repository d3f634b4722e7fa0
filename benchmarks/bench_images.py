"""Opening pictures: decoding and cutting 18 views, beside plain decoding of the same files.

    python benchmarks/bench_images.py
    python benchmarks/bench_images.py --pictures 4 --rounds 1

"18 views" is one decode and all views of it, at the size that the tagger looks at. "as indexed"
is what `lexsearch index` does: the whole picture in one pass, its 17 patches in a later one.
Plain is Pillow alone: open, load, convert to RGB. One thread; of the rounds, the median counts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from common import data_folder, table
from PIL import Image
from PIL.Image import Resampling

from lexsearch.captioners.tagger import Tagger
from lexsearch.images.crops import STAGES
from lexsearch.images.files import open_picture

_SIDE = Tagger.view_side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=12, help="synthetic ones")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        sets = {"12 megapixels": large_pictures(Path(scratch), options.pictures)}
        photos = sorted((data_folder() / "coco-photos" / "images").glob("*.jpg"))
        if photos:
            sets["coco-photos (0.3)"] = photos
        rows = [row for name, files in sets.items() for row in measure(name, files, options.rounds)]
    table(("JPEG pictures", "work", "ms a picture", "times plain"), rows)


def measure(name: str, files: Sequence[Path], rounds: int) -> list[tuple[object, ...]]:
    work = {"plain": plain, "18 views": views_18, "as indexed": as_indexed}
    times: dict[str, list[float]] = {what: [] for what in work}
    for _ in range(rounds):
        for what, function in work.items():
            times[what].append(_time(function, files) / len(files))
    medians = {what: statistics.median(taken) for what, taken in times.items()}
    return [
        (name, what, f"{taken * 1000:.1f}", f"{taken / medians['plain']:.2f}")
        for what, taken in medians.items()
    ]


def _time(function: Callable[[str], None], files: Sequence[Path]) -> float:
    start = time.perf_counter()
    for file in files:
        function(str(file))
    return time.perf_counter() - start


def plain(path: str) -> None:
    with Image.open(path) as image:
        image.load()
        image.convert("RGB")


def views_18(path: str) -> None:
    picture = open_picture(path, 3 * _SIDE)
    for stage in ("whole", "fixed"):
        for crop in STAGES[stage](picture.width, picture.height):
            picture.view(crop, _SIDE)


def as_indexed(path: str) -> None:
    for stage, side in (("whole", _SIDE), ("fixed", 3 * _SIDE)):
        picture = open_picture(path, side)
        for crop in STAGES[stage](picture.width, picture.height):
            picture.view(crop, _SIDE)


def large_pictures(folder: Path, count: int) -> list[Path]:
    """Pictures with the smooth areas and the detail of photos, 4000 x 3000."""
    files = []
    for number in range(count):
        random = np.random.default_rng(number)
        image = Image.new("RGB", (4000, 3000))
        for side, share in ((8, 1.0), (60, 0.5), (500, 0.25), (2000, 0.1)):
            noise = random.integers(0, 256, (side * 3 // 4, side, 3), np.uint8)
            layer = Image.fromarray(noise).resize(image.size, Resampling.BICUBIC)
            image = Image.blend(image, layer, share)
        files.append(folder / f"{number}.jpg")
        image.save(files[-1], quality=90)
    return files


if __name__ == "__main__":
    main()
