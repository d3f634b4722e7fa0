"""How often the box that a hit shows lies on the thing that was asked for.

    benchmarks/bench_regions.py                           # coco-boxes of the test data
    benchmarks/bench_regions.py --keep indexes/regions    # keep the index, or use one made before

For each thing that MS-COCO's annotators drew boxes around, and that the captions of the picture
mention: does the centre of the box shown lie inside one of theirs? Beside it, the same for boxes
told from which crops have the word, as with captioners that do not say where they saw what, and for
guesses that know nothing: the picture's centre, and the mean over its ninths. By the real command;
about five minutes on 2 cores. The tagger's detector was trained on photos of MS-COCO's training
set, from which these are: on other photos its boxes will be less exact.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from unittest.mock import patch

from common import LEXSEARCH, Command

import lexsearch
from lexsearch.images.crops import NAMES, boxes, stage_of
from lexsearch.records import Box
from lexsearch.searching import evidence

REPOSITORY = Path(__file__).resolve().parent.parent
NINTHS = [name for name in NAMES if stage_of(name) == "fixed" and name.endswith("ninth")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("LEXSEARCH_SHARED_DATA") or REPOSITORY.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared, help="folder of the sets")
    parser.add_argument("--keep", type=Path, help="index folder to make, or to use again")
    options = parser.parse_args()
    folder = Path(options.data) / "coco-boxes"
    if not folder.is_dir():
        sys.exit(f"bench-regions: there is no {folder}; --data says where the test data is")
    with tempfile.TemporaryDirectory() as scratch:
        measure(folder, options.keep or Path(scratch) / "index")


def measure(folder: Path, place: Path) -> None:
    command: Command = [LEXSEARCH, "index", folder / "images", "--index", place]
    subprocess.run(command, check=True, stdout=sys.stderr)
    asked, tried = 0, []
    with lexsearch.open(place, create=False) as index:
        for (file, label), true in drawn(folder / "instances.json").items():
            asked += 1
            picture = folder / "images" / file
            hit = index.explain(label, picture)
            if hit and hit.width and hit.height and (shown := hit.evidence[0].box):
                with patch.object(evidence, "agreed", lambda seen: None):
                    told = index.explain(label, picture).evidence[0].box
                crops = boxes(hit.width, hit.height)
                ninths = [inside(crops[name], true) for name in NINTHS]
                guesses = inside(crops["whole"], true), sum(ninths) / len(ninths)
                tried.append((inside(shown, true), inside(told or crops["whole"], true), *guesses))
    print(f"{len(tried)} of {asked} things are mentioned by the captions of their picture")
    print("| where                                  | inside a true box |")
    print("| -------------------------------------- | ----------------- |")
    names = (
        "the box shown",
        "as told from which crops' words alone",
        "the centre of the picture",
        "any of the ninths",
    )
    for name, values in zip(names, zip(*tried, strict=True), strict=True):
        print(f"| {name:38} | {sum(values) / len(tried):17.3f} |")


def drawn(file: Path) -> dict[tuple[str, str], list[tuple[float, ...]]]:
    """For each file name and label, the boxes drawn: left, top, right, bottom."""
    stored = json.loads(file.read_text())
    labels = {row["id"]: row["name"] for row in stored["categories"]}
    files = {row["id"]: row["file_name"] for row in stored["images"]}
    found: dict[tuple[str, str], list[tuple[float, ...]]] = defaultdict(list)
    for row in stored["annotations"]:
        if not row.get("iscrowd"):
            left, top, width, height = row["bbox"]
            key = files[row["image_id"]], labels[row["category_id"]]
            found[key].append((left, top, left + width, top + height))
    return found


def inside(box: Box, true: list[tuple[float, ...]]) -> bool:
    """Whether the centre of a box lies in one of the true ones."""
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in true)


if __name__ == "__main__":
    main()
