"""NUS-WIDE: image lists and a file of 0 and 1 a concept."""

from __future__ import annotations

import random
from pathlib import Path

from lexsearch.errors import EvaluationError
from lexsearch.evaluation.dataset import Dataset, read_text, stem

CONCEPTS, DRAWN = 21, 100
"""The commonest concepts, and how many test images of each: 2,100, as is usual."""


def read_nus_wide(folder: Path, image_list: Path | None = None) -> Dataset:
    """2,100 test images with those of the 21 commonest concepts that they have.

    folder: with ImageList/Imagelist.txt and Groundtruth/AllLabels/Labels_<concept>.txt, which
        has one line an image, 1 or 0, in the order of the list.
    image_list: a file that names the test images, one a line ("0001_2124494179.jpg");
        without it, 100 are drawn of every concept, from the rarest on, none twice, always the
        same ones. Which 2,100 the paper drew is not known.

    Raises EvaluationError naming a file that is missing, or does not fit the image list.
    """
    listed = folder / "ImageList" / "Imagelist.txt"
    names = _names(listed)
    place = folder / "Groundtruth" / "AllLabels"
    files = sorted(place.glob("Labels_*.txt"))
    if len(files) < CONCEPTS:
        raise EvaluationError(
            f"{place} holds {len(files)} files Labels_<concept>.txt; NUS-WIDE has 81"
        )
    having = {file.stem.removeprefix("Labels_"): _positives(file, len(names)) for file in files}
    commonest = sorted(having, key=lambda concept: (-len(having[concept]), concept))[:CONCEPTS]
    stems = [stem(name) for name in names]
    if image_list is None:
        chosen = [stems[place] for place in _draw([having[concept] for concept in commonest])]
    else:
        chosen = _chosen(image_list, set(stems))
    places = {name: place for place, name in enumerate(stems)}
    sets = {concept: set(having[concept]) for concept in sorted(commonest)}
    lies_at = {name: names[places[name]].replace("\\", "/") for name in chosen}
    labels = {
        lies_at[name]: tuple(concept for concept, having in sets.items() if places[name] in having)
        for name in chosen
    }
    return Dataset(
        "nus-wide",
        tuple(lies_at.values()),
        {file: found for file, found in labels.items() if found},
    )


def _names(file: Path) -> list[str]:
    names = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    if not names:
        raise EvaluationError(f"{file} is empty")
    return names


def _chosen(image_list: Path, known: set[str]) -> list[str]:
    chosen = list(dict.fromkeys(stem(name) for name in _names(image_list)))
    if strangers := [name for name in chosen if name not in known]:
        raise EvaluationError(
            f"{image_list}: {len(strangers)} of {len(chosen)} pictures are not NUS-WIDE's "
            f"(the first: {strangers[0]})"
        )
    return chosen


def _positives(file: Path, count: int) -> list[int]:
    """The places of the images that have the concept."""
    flags = read_text(file).split()
    if len(flags) != count or not {"0", "1"}.issuperset(flags):
        raise EvaluationError(
            f"{file} should have {count} lines of 0 or 1, one for each image of the list, "
            f"and has {len(flags)}"
        )
    return [place for place, flag in enumerate(flags) if flag == "1"]


def _draw(concepts: list[list[int]]) -> list[int]:
    generator = random.Random(0)
    drawn: dict[int, None] = {}
    for having in reversed(concepts):
        free = [place for place in having if place not in drawn]
        drawn.update(dict.fromkeys(generator.sample(free, min(DRAWN, len(free)))))
    return list(drawn)
