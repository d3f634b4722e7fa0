"""Flickr30k's captions as they are distributed: a table of picture, number and caption."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from lexsearch.errors import EvaluationError
from lexsearch.evaluation.dataset import Dataset, read_text


def is_flickr(path: Path) -> bool:
    """Whether a file is such a table, by its ending."""
    return path.suffix.lower() in (".token", ".csv", ".tsv", ".txt")


def read_flickr(path: Path) -> Dataset:
    """The pictures of a table with their captions.

    path: lines of `1000092795.jpg#0 TAB caption` (results_20130124.token), of
        `image_name| comment_number| comment` (results.csv), or of `image,caption`.

    Raises EvaluationError when a line is none of these.
    """
    captions: dict[str, list[str]] = {}
    empty: list[str] = []
    for number, (file, caption) in _rows(path):
        if not file:
            raise EvaluationError(f"{path}, line {number}: there is no name of a picture")
        text = " ".join(caption.split())
        captions.setdefault(file, []).extend([text] if text else [])
        empty += [] if text else [file]
    notes = (
        (f"{path}: {len(empty)} captions are empty and left out (the first: of {empty[0]})",)
        if empty
        else ()
    )
    rows = {file: tuple(texts) for file, texts in captions.items()}
    return Dataset("flickr30k", tuple(rows), captions=rows, notes=notes)


def _rows(path: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    lines = read_text(path).splitlines()
    head = next((line for line in lines if line.strip()), "")
    if "\t" in head and "#" in head.partition("\t")[0]:
        yield from ((number, _token(path, number, line)) for number, line in _numbered(lines))
    elif "|" in head:
        rows = ((number, _barred(path, number, line)) for number, line in _numbered(lines))
        yield from (row for row in rows if row[1][0] != "image_name")
    elif [name.strip() for name in head.lower().split(",")][:2] == ["image", "caption"]:
        for number, row in enumerate(csv.reader(lines), 1):
            if number > 1 and row:
                yield number, (row[0].strip(), ",".join(row[1:]))
    else:
        raise EvaluationError(
            f"{path} is not of a data set that is known: its first line is {head[:60]!r}; "
            "Flickr30k has lines of NAME.jpg#0 TAB caption, or of NAME.jpg| 0| caption"
        )


def _numbered(lines: list[str]) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(lines, 1) if line.strip())


def _token(path: Path, number: int, line: str) -> tuple[str, str]:
    name, tab, caption = line.partition("\t")
    file, sign, _ = name.rpartition("#")
    if not tab or not sign:
        raise EvaluationError(f"{path}, line {number}: not NAME.jpg#0 TAB caption: {line[:60]!r}")
    return file.strip(), caption


def _barred(path: Path, number: int, line: str) -> tuple[str, str]:
    """A bar may be missing before the comment: one line of the distributed file lacks it."""
    file, bar, rest = line.partition("|")
    if not bar:
        raise EvaluationError(
            f"{path}, line {number}: not NAME.jpg| number| caption: {line[:60]!r}"
        )
    _, bar, caption = rest.partition("|")
    return file.strip(), caption if bar else rest.strip().lstrip("0123456789")
