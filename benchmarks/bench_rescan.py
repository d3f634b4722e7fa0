"""A second `lexsearch index` of an unchanged folder (aim: 2 s for 10,000 files).

    python benchmarks/bench_rescan.py
    python benchmarks/bench_rescan.py --files 1000

The first run is made with a captioner that only says "a picture" and signs as the tagger.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from common import LEXSEARCH, Command, fresh, say, seconds, table
from PIL import Image

from lexsearch.captioners import Captioner
from lexsearch.errors import CaptionerError
from lexsearch.records import CaptionText, View


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, index = Path(scratch) / "pictures", Path(scratch) / "index"
        say(f"making and indexing {options.files:,} pictures ...")
        make_pictures(folder, options.files)
        fresh(index_first, folder, index)
        again: Command = [LEXSEARCH, "index", folder, "--index", index, "--quiet"]
        nothing: Command = [LEXSEARCH, "status", "--index", index]
        times = [(seconds(again), seconds(nothing)) for _ in range(options.runs)]
    rescan, status = (statistics.median(column) for column in zip(*times, strict=True))
    rows = [
        ("lexsearch index, nothing new", f"{rescan:.2f}", "2"),
        ("lexsearch status, to compare", f"{status:.2f}", ""),
    ]
    table((f"{options.files:,} files", "seconds", "aim"), rows)


def make_pictures(folder: Path, count: int) -> None:
    for number in range(count):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        colour = (number % 256, number // 256 % 256, 128)
        Image.new("RGB", (48, 48), colour).save(place / f"{number:06}.png")


def index_first(folder: Path, index: Path) -> None:
    import lexsearch

    with lexsearch.open(index) as opened:
        opened.add(folder, captioner=_Parrot())


class _Parrot(Captioner):
    view_side = 48
    batch_size = 1000

    def __init__(self) -> None:
        from lexsearch.captioners import open_captioner

        self.key = open_captioner("auto").key

    def caption(self, views: Sequence[View]) -> list[list[CaptionText] | CaptionerError]:
        return [[CaptionText("a picture")] for _ in views]


if __name__ == "__main__":
    main()
