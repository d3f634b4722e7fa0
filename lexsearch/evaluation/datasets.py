"""Data sets read in their own formats: which pictures there are, their labels and captions.

    MS-COCO          instances_*.json and captions_*.json, or the folder `annotations` of both
    PASCAL VOC 2007  the folder VOC2007 (ImageSets, Annotations)
    NUS-WIDE         the folder with ImageList and Groundtruth
    Flickr30k        results_20130124.token or results.csv, as it is distributed
    Flickr30k, COCO  Karpathy's dataset_*.json

Pictures are named by their file names without folder and extension ("000000000139"), which is
how documents are matched to them; by their paths where two have the same file name.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexsearch.errors import EvaluationError
from lexsearch.evaluation.dataset import Dataset, join, read_text
from lexsearch.evaluation.flickr import is_flickr, read_flickr
from lexsearch.evaluation.nuswide import read_nus_wide
from lexsearch.evaluation.voc import read_voc

_FORMATS = (
    "expected COCO's instances_*.json or captions_*.json, Karpathy's dataset_*.json, Flickr30k's "
    "results_20130124.token or results.csv, the folder VOC2007 of PASCAL VOC, or the folder of "
    "NUS-WIDE with ImageList and Groundtruth"
)
_COCO_SPLIT = "val2017"


def open_dataset(
    paths: Sequence[Path],
    *,
    split: str = "test",
    difficult: bool = False,
    image_list: Path | None = None,
) -> Dataset:
    """The data set that lies at `paths`, whatever its format is.

    paths: files of one data set (COCO's instances and captions go together), or its folder.
    split: of Karpathy's files, one or more of train, restval, val, test, joined by "+"; of
        PASCAL VOC, the name of an image set.
    difficult: of PASCAL VOC, whether objects marked as difficult count.
    image_list: of NUS-WIDE, a file that names the test images, one a line; without it 100 of
        each of the 21 concepts are drawn.

    Raises EvaluationError naming the file when one is missing or is of no known format.
    """
    parts: list[Dataset] = []
    for path in paths:
        if path.is_dir():
            voc = path / "VOC2007" if (path / "VOC2007").is_dir() else path
            if (voc / "ImageSets" / "Main").is_dir():
                parts.append(read_voc(voc, split, difficult=difficult))
            elif (path / "Groundtruth").is_dir():
                parts.append(read_nus_wide(path, image_list))
            elif files := _coco_files(path):
                parts += [read_json(file, split) for file in files]
            elif files := _flickr_files(path):
                parts += [read_flickr(file) for file in files[:1]]
            else:
                raise EvaluationError(f"{path} is not the folder of a known data set: {_FORMATS}")
        elif is_flickr(path):
            parts.append(read_flickr(path))
        else:
            parts.append(read_json(path, split))
    joined = join(parts)
    if not joined.images:
        raise EvaluationError(f"{', '.join(map(str, paths))}: there are no pictures in it")
    return joined


def _coco_files(folder: Path) -> list[Path]:
    """COCO's files of one split in its folder `annotations`, or in the folder above: those of
    val2017, or of the only split that is there.
    """
    for place in (folder, folder / "annotations"):
        files = sorted([*place.glob("instances_*.json"), *place.glob("captions_*.json")])
        by_split: dict[str, list[Path]] = {}
        for file in files:
            by_split.setdefault(file.stem.partition("_")[2], []).append(file)
        if len(by_split) > 1 and _COCO_SPLIT not in by_split:
            raise EvaluationError(
                f"{place} has files of several splits ({', '.join(by_split)}); name those of one, "
                f"for example --data {files[0]}"
            )
        if by_split:
            return by_split.get(_COCO_SPLIT) or files
    return []


def _flickr_files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.token"), *folder.glob("results*.csv")])


def read_json(path: Path, split: str = "test") -> Dataset:
    """COCO's instances or captions, or Karpathy's splits, told apart by what is in the file."""
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise EvaluationError(f"{path} is not JSON, or is cut off: {error}") from error
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise EvaluationError(f"{path} is not of a data set that is known: {_FORMATS}")
    try:
        if any("sentences" in image for image in images[:1]):
            return _read_karpathy(path, content, split)
        if "annotations" in content:
            return _read_coco(path, content)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise EvaluationError(
            f"{path} looks like COCO's or Karpathy's format, but is not: {error!r}"
        ) from error
    raise EvaluationError(
        f"{path} lists pictures without annotations (is it image_info_*.json?): {_FORMATS}"
    )


def _read_coco(path: Path, content: Mapping[str, Any]) -> Dataset:
    """COCO's format. A crowd (iscrowd 1) is a label like any other: the people are there, only
    not outlined one by one. Captions and instances may be in one file.
    """
    files = {image["id"]: _slashes(image["file_name"]) for image in content["images"]}
    names = {row["id"]: str(row["name"]) for row in content.get("categories", ())}
    order = {category: place for place, category in enumerate(names)}
    categories: dict[str, set[Any]] = {}
    captions: dict[str, list[str]] = {}
    strangers: Counter[Any] = Counter()
    empty: list[str] = []
    for row in content["annotations"]:
        if row["image_id"] not in files:
            strangers[row["image_id"]] += 1
            continue
        file = files[row["image_id"]]
        if "caption" in row:
            text = " ".join(str(row["caption"] or "").split())
            captions.setdefault(file, []).extend([text] if text else [])
            empty += [] if text else [file]
        elif row["category_id"] not in names:
            raise EvaluationError(f"{path}: there is no category {row['category_id']}")
        else:
            categories.setdefault(file, set()).add(row["category_id"])
    notes = []
    if strangers:
        first = next(iter(strangers))
        notes.append(
            f"{path}: {strangers.total()} annotations are of pictures that it does not list "
            f"(the first: {first!r}); they are left out"
        )
    if empty:
        notes.append(
            f"{path}: {len(empty)} captions are empty and left out (the first: of {empty[0]})"
        )
    return Dataset(
        "coco",
        tuple(files.values()),
        {
            file: tuple(names[category] for category in sorted(ids, key=order.__getitem__))
            for file, ids in categories.items()
        },
        {file: tuple(texts) for file, texts in captions.items()},
        notes=tuple(notes),
    )


def _read_karpathy(path: Path, content: Mapping[str, Any], split: str) -> Dataset:
    wanted = set(split.split("+"))
    images = [image for image in content["images"] if image["split"] in wanted]
    there = Counter(str(image["split"]) for image in content["images"])
    if missing := wanted - there.keys():
        splits = ", ".join(f"{name} ({count})" for name, count in there.items())
        raise EvaluationError(f"{path} has no split {', '.join(missing)}; it has: {splits}")
    captions = {
        _slashes("/".join(filter(None, (image.get("filepath"), image["filename"])))): tuple(
            text for row in image["sentences"] if (text := " ".join(str(row["raw"] or "").split()))
        )
        for image in images
    }
    name = str(content.get("dataset", "karpathy"))
    return Dataset(name, tuple(captions), captions=captions)


def _slashes(file: object) -> str:
    return str(file).replace("\\", "/")
