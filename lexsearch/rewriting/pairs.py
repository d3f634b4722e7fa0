"""Pairs of a query that finds little and rewrites that find more, as JSON Lines.

{"query": "a man anticipates a ball", "doc_id": "42", "origin": "low", "rank": 37, "score": 0.19,
"rewrites": [{"text": "a man waits for a ball", "rank": 2, "score": 0.63, "round": 3,
"similarity": 0.81, "new_words": 0}], "typed": "a man anticipates a ball", "retriever": "...",
"model": "...", "prompt": 1, "split": "train"}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from lexsearch.errors import RewritingError

Origin = Literal["low", "high", "index"]
Split = Literal["train", "val", "test"]
_SPLITS: tuple[tuple[int, Split], ...] = ((80, "train"), (90, "val"), (100, "test"))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A rewrite that finds the picture better than its query.

    rank, score: as a `Retriever` judges. round: at which try it was said, from 1. similarity: of
    its meaning to the query, None where that was not looked at. new_words: of the picture's
    captions, that the query has not.
    """

    text: str
    rank: int | None
    score: float
    round: int = 1
    similarity: float | None = None
    new_words: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """A query, the picture that it is about, and its rewrites.

    origin: "low" for a query that did not find its picture, "high" for one that did, whose
        blurred form is `query` here and itself the rewrite, "index" for a caption made harder by
        the lexicon. Without rewrites it was tried in vain, and trains nothing.
    rank, score: of `query`. typed: the query of the data.
    retriever, model, prompt: who judged, who wrote, and by which revision of the prompts.
    """

    query: str
    doc_id: str
    origin: Origin
    rank: int | None
    score: float
    rewrites: tuple[Rewrite, ...]
    typed: str
    retriever: str
    model: str
    prompt: int

    @property
    def split(self) -> Split:
        return split_of(self.doc_id)

    def as_object(self) -> dict[str, Any]:
        return {**asdict(self), "split": self.split}


class Pairs(NamedTuple):
    """What a file holds. wrong: how many of its lines are no pairs; they are left out."""

    rows: list[Pair]
    wrong: int

    def of(self, split: Split) -> list[Pair]:
        """Those with rewrites, of one split."""
        return [row for row in self.rows if row.rewrites and row.split == split]


def split_of(doc_id: str) -> Split:
    """By picture, so that none is in two: 80 % train, 10 % val, 10 % test."""
    place = int.from_bytes(blake2b(doc_id.encode(), digest_size=8).digest()) % 100
    return next(name for below, name in _SPLITS if place < below)


def read_pairs(file: Path) -> Pairs:
    """Raises RewritingError for a file that cannot be read."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RewritingError(
            f"{file} cannot be read: {error.strerror}; make it with: lexsearch rewrite pairs"
        ) from error
    found = [_pair(line) for line in text.splitlines() if line.strip()]
    return Pairs([row for row in found if row], found.count(None))


def _pair(line: str) -> Pair | None:
    try:
        row = json.loads(line)
        origin = row["origin"]
        if origin not in get_args(Origin):
            return None
        return Pair(
            str(row["query"]),
            str(row["doc_id"]),
            origin,
            None if row["rank"] is None else int(row["rank"]),
            float(row["score"]),
            tuple(map(_rewrite, row["rewrites"])),
            str(row["typed"]),
            str(row["retriever"]),
            str(row["model"]),
            int(row["prompt"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _rewrite(row: Mapping[str, Any]) -> Rewrite:
    return Rewrite(
        str(row["text"]),
        None if row["rank"] is None else int(row["rank"]),
        float(row["score"]),
        int(row.get("round", 1)),
        None if row.get("similarity") is None else float(row["similarity"]),
        int(row.get("new_words", 0)),
    )


class PairsFile:
    """Pairs that are written one by one, so that a process may be killed at any moment.

    Begins where another left off: a line that was cut off is taken away, and `known` has the
    (typed query, doc_id) of all others.
    Raises RewritingError for a file that cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.known: set[tuple[str, str]] = set()
        try:
            if file.exists():
                _cut_after_last_line(file)
                rows = read_pairs(file)
                self.known = {(row.typed, row.doc_id) for row in rows.rows}
            self._lines = file.open("a", encoding="utf-8")
        except OSError as error:
            raise _unwritten(file, error) from error

    def write(self, pairs: Iterable[Pair]) -> None:
        try:
            for pair in pairs:
                self._lines.write(json.dumps(pair.as_object(), ensure_ascii=False) + "\n")
                self._lines.flush()
                self.known.add((pair.typed, pair.doc_id))
        except OSError as error:
            raise _unwritten(self._file, error) from error

    def close(self) -> None:
        self._lines.close()


def _unwritten(file: Path, error: OSError) -> RewritingError:
    return RewritingError(f"{file} could not be written: {error.strerror}")


def _cut_after_last_line(file: Path) -> None:
    """Take away a line without an end: what a killed process had written of it."""
    with file.open("rb+") as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(0)
        whole = content.read().rfind(b"\n") + 1
        if whole < size:
            content.truncate(whole)


def written(pairs: Sequence[Pair]) -> Iterator[str]:
    """The lines of a file, to make one at once."""
    for pair in pairs:
        yield json.dumps(pair.as_object(), ensure_ascii=False)
