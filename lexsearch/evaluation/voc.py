"""PASCAL VOC: image sets and one XML file of objects a picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring

from lexsearch.errors import EvaluationError
from lexsearch.evaluation.dataset import Dataset, read_bytes, read_text

_CLASSES = [
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
]
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([\w.-]+)""")
_WORDS = {"diningtable": "dining table", "pottedplant": "potted plant", "tvmonitor": "tv monitor"}


def read_voc(folder: Path, split: str = "test", *, difficult: bool = False) -> Dataset:
    """The pictures of one image set with the classes of their objects.

    folder: VOC2007, with ImageSets/Main/<split>.txt and Annotations/<picture>.xml.
    difficult: objects marked as difficult count too. Without, a picture of which all objects of
        a class are difficult does not have that label, where VOC's own lists say 0.

    Names written as one word become what a person would type ("dining table").
    Raises EvaluationError naming a file that is missing or damaged.
    """
    image_set = folder / "ImageSets" / "Main" / f"{split}.txt"
    if not image_set.exists():
        there = sorted(file.stem for file in image_set.parent.glob("*.txt") if "_" not in file.stem)
        raise EvaluationError(
            f"{folder} has no image set {split!r}; it has: {', '.join(there) or 'none'}"
        )
    images = [line.split()[0] for line in read_text(image_set).splitlines() if line.strip()]
    missing = [name for name in images if not _annotation(folder, name).exists()]
    if missing:
        raise EvaluationError(
            f"{len(missing)} of the {len(images)} pictures of {image_set} have no file in "
            f"{folder / 'Annotations'} (the first: {missing[0]}.xml); VOC2007's test "
            "annotations come in an archive of their own"
        )
    labels = {name: _classes(_annotation(folder, name), difficult) for name in images}
    files = {name: f"{name}.jpg" for name in images}
    return Dataset(
        "voc2007",
        tuple(files.values()),
        {files[name]: found for name, found in labels.items() if found},
    )


def _annotation(folder: Path, name: str) -> Path:
    return folder / "Annotations" / f"{name}.xml"


def _classes(file: Path, difficult: bool) -> tuple[str, ...]:
    """The classes in a file: VOC's in its order, then others, as data sets of one's own have."""
    found = set()
    for item in _parse(file).iterfind(".//{*}object"):
        marked = (item.findtext("{*}difficult") or "").strip().lower()
        if difficult or marked not in ("1", "true", "yes"):
            found.add((item.findtext("{*}name") or "").strip())
    others = sorted(found - set(_CLASSES) - {""})
    return (*(_WORDS.get(name, name) for name in _CLASSES if name in found), *others)


def _parse(file: Path) -> Any:
    """The root element of a file in whatever encoding it declares."""
    content = read_bytes(file)
    try:
        try:
            return fromstring(content)
        except (ValueError, LookupError):  # of several bytes a sign, which expat does not know
            declared = _ENCODING.search(content[:200])
            if not declared:
                raise
            text = content.decode(declared[1].decode("ascii"))
            return fromstring(text[text.index("?>") + 2 :])
    except (ParseError, ValueError, LookupError) as error:
        raise EvaluationError(f"{file} is damaged: {error}") from error
