"""A data set as all readers give it, and how they read files.

Pictures are named by their file names without folder and extension ("000000000139"), which is
how documents are matched to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lexsearch.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pictures with labels, captions or both.

    images: the names of the pictures that are searched, in the data set's order.
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


def stem(file: str) -> str:
    """A picture's name: its file name without folders (of any system) and extension."""
    return PurePosixPath(file.replace("\\", "/")).stem


def read_text(path: Path) -> str:
    """A text file; EvaluationError when it is not there, or is none."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not a text file (UTF-8)") from error
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}") from error
