"""A data set in memory: pictures, their labels and captions, and what the pictures are called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from lexsearch.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pictures with labels, captions or both.

    images: the names of the pictures that are searched, in the data set's order. Readers name
        them by file; `join` gives them the names that people use.
    labels: of each picture that has any, its labels, in the order of the data set's categories.
    captions: of each picture that has any, what people wrote of it, in order.
    files: of each picture, its file name in the data set.
    notes: what was left out, for people.
    """

    name: str
    images: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_bytes(path: Path) -> bytes:
    """What a file holds; EvaluationError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}") from error


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark.

    Raises EvaluationError when it is not there, or is another thing.
    """
    try:
        return read_bytes(path).decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise EvaluationError(
            f"{path} is not a text file in UTF-8 (at byte {error.start}); convert it, for "
            "example with iconv"
        ) from error


def stem(file: str) -> str:
    """A picture's name: its file name without folders (of any system) and extension."""
    return PurePosixPath(file.replace("\\", "/")).stem


def names_of(path: str) -> Iterator[str]:
    """What a picture at a path may be called: a/b/c.jpg, b/c.jpg and c.jpg, each as it is and
    percent-encoded, and c.
    """
    steps = path.replace("\\", "/").strip("/").split("/")
    for at in range(len(steps)):
        part = "/".join(steps[at:])
        yield part
        yield quote(os.fsencode(part))
    yield stem(path)


def join(parts: Sequence[Dataset]) -> Dataset:
    """Labels of one file and captions of another, about the same pictures.

    A picture is called by its file name without folder and extension where no other picture has
    that name, else by its file. Where there are labels, pictures without any are left out, as in
    the paper.
    """
    if len({part.name for part in parts}) > 1:
        names = " and ".join(sorted({part.name for part in parts}))
        raise EvaluationError(f"these are files of different data sets: {names}")
    named = list(_named(parts))
    labels = {name: row for part in named for name, row in part.labels.items()}
    captions = {name: row for part in named for name, row in part.captions.items()}
    images = tuple(dict.fromkeys(name for part in named for name in part.images))
    notes = [note for part in parts for note in part.notes]
    if labels and (bare := [name for name in images if name not in labels]):
        images = tuple(name for name in images if name in labels)
        notes.append(f"{len(bare)} pictures without labels are left out (the first: {bare[0]})")
    known = set(images)
    files = {name: file for part in named for name, file in part.files.items() if name in known}
    return replace(
        parts[0],
        images=images,
        labels={name: labels[name] for name in images if name in labels},
        captions={name: captions[name] for name in images if name in captions},
        files=files,
        notes=tuple(notes),
    )


def _named(parts: Sequence[Dataset]) -> Iterator[Dataset]:
    """The parts with a name in place of each file."""
    unique = all(len(set(map(stem, part.images))) == len(set(part.images)) for part in parts)
    everywhere = {file for part in parts for file in part.images}
    shared = {name for name, count in Counter(map(stem, everywhere)).items() if count > 1}

    def name_of(file: str) -> str:
        return stem(file) if unique or stem(file) not in shared else file

    for part in parts:
        yield replace(
            part,
            images=tuple(map(name_of, part.images)),
            labels={name_of(file): row for file, row in part.labels.items()},
            captions={name_of(file): row for file, row in part.captions.items()},
            files={name_of(file): file for file in part.images},
        )
