"""Data sets read in their own formats: which pictures there are, their labels and captions.

MS-COCO          instances_*.json and captions_*.json, or the folder `annotations` of both
PASCAL VOC 2007  the folder VOC2007 (ImageSets, Annotations)
NUS-WIDE         the folder with ImageList and Groundtruth
Flickr30k, COCO  Karpathy's dataset_*.json
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lexsearch.errors import EvaluationError
from lexsearch.evaluation.dataset import Dataset, read_text, stem
from lexsearch.evaluation.nuswide import read_nus_wide
from lexsearch.evaluation.voc import read_voc

_FORMATS = (
    "expected COCO's instances_*.json or captions_*.json, Karpathy's dataset_*.json, the folder "
    "VOC2007 of PASCAL VOC, or the folder of NUS-WIDE with ImageList and Groundtruth"
)


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
            else:
                raise EvaluationError(f"{path} is not the folder of a known data set: {_FORMATS}")
        else:
            parts.append(read_json(path, split))
    joined = _join(parts)
    if not joined.images:
        raise EvaluationError(f"{', '.join(map(str, paths))}: there are no pictures in it")
    return joined


def _coco_files(folder: Path) -> list[Path]:
    """COCO's val2017 files in its folder `annotations`, or in the folder above."""
    for place in (folder, folder / "annotations"):
        names = ("instances_val2017.json", "captions_val2017.json")
        if files := [place / name for name in names if (place / name).exists()]:
            return files
    return []


def _join(parts: Sequence[Dataset]) -> Dataset:
    """Labels of one file and captions of another, about the same pictures.

    Where there are labels, pictures without any are left out, as in the paper.
    """
    if len({part.name for part in parts}) > 1:
        names = " and ".join(sorted({part.name for part in parts}))
        raise EvaluationError(f"these are files of different data sets: {names}")
    labels = {name: row for part in parts for name, row in part.labels.items()}
    captions = {name: row for part in parts for name, row in part.captions.items()}
    images = tuple(dict.fromkeys(name for part in parts for name in part.images))
    notes = [note for part in parts for note in part.notes]
    if labels and (bare := [name for name in images if name not in labels]):
        images = tuple(name for name in images if name in labels)
        notes.append(f"{len(bare)} pictures without labels are left out (the first: {bare[0]})")
    known = set(images)
    files = {name: file for part in parts for name, file in part.files.items() if name in known}
    return replace(
        parts[0],
        images=images,
        labels={name: labels[name] for name in images if name in labels},
        captions={name: captions[name] for name in images if name in captions},
        files=files,
        notes=tuple(notes),
    )


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
    files = {image["id"]: str(image["file_name"]) for image in content["images"]}
    names = {row["id"]: str(row["name"]) for row in content.get("categories", ())}
    order = {category: place for place, category in enumerate(names)}
    categories: dict[str, set[Any]] = {}
    captions: dict[str, list[str]] = {}
    strangers: Counter[Any] = Counter()
    for row in content["annotations"]:
        if row["image_id"] not in files:
            strangers[row["image_id"]] += 1
            continue
        name = stem(files[row["image_id"]])
        if "caption" in row:
            captions.setdefault(name, []).append(" ".join(str(row["caption"]).split()))
        elif row["category_id"] not in names:
            raise EvaluationError(f"{path}: there is no category {row['category_id']}")
        else:
            categories.setdefault(name, set()).add(row["category_id"])
    notes: tuple[str, ...] = ()
    if strangers:
        first = next(iter(strangers))
        notes = (
            f"{path}: {strangers.total()} annotations are of pictures that it does not list "
            f"(the first: {first}); they are left out",
        )
    return Dataset(
        "coco",
        tuple(stem(file) for file in files.values()),
        {
            name: tuple(names[category] for category in sorted(ids, key=order.__getitem__))
            for name, ids in categories.items()
        },
        {name: tuple(filter(None, texts)) for name, texts in captions.items()},
        {stem(file): file for file in files.values()},
        notes,
    )


def _read_karpathy(path: Path, content: Mapping[str, Any], split: str) -> Dataset:
    wanted = set(split.split("+"))
    images = [image for image in content["images"] if image["split"] in wanted]
    there = Counter(str(image["split"]) for image in content["images"])
    if missing := wanted - there.keys():
        splits = ", ".join(f"{name} ({count})" for name, count in there.items())
        raise EvaluationError(f"{path} has no split {', '.join(missing)}; it has: {splits}")
    files = {
        stem(image["filename"]): "/".join(filter(None, (image.get("filepath"), image["filename"])))
        for image in images
    }
    captions = {
        stem(image["filename"]): tuple(
            " ".join(sentence["raw"].split())
            for sentence in image["sentences"]
            if sentence["raw"].strip()
        )
        for image in images
    }
    name = str(content.get("dataset", "karpathy"))
    return Dataset(name, tuple(files), captions=captions, files=files)
