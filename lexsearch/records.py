"""The plain data that flows through lexsearch. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

WHOLE = "whole"


class Box(NamedTuple):
    """A rectangle in pixels of the upright picture; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def area(self) -> int:
        return self.width * self.height


class Crop(NamedTuple):
    """A named part of a picture, such as "left half"; "whole" is all of it."""

    name: str
    box: Box


class CaptionerKey(NamedTuple):
    """What makes two captions comparable: they came from the same captioner and prompt.

    `version` names the weights and every setting that changes the text.
    """

    name: str
    version: str = ""
    prompt: str = ""


class Caption(NamedTuple):
    """Words about one crop of one document.

    field: "caption" for a description, "text" for words read in the picture.
    source: "model", "import" or "human"; a human caption replaces every other one with the
        same (doc_id, crop, field, caption_id), whatever captioner made it.
    caption_id: tells several captions of one crop apart; "" when there is only one.
    text: None withdraws a human caption; "" says that the captioner saw nothing to name.
    box, width, height: the crop, and the upright picture, in pixels; None without a picture.
    time: when it was written, in microseconds since 1970 UTC.
    """

    doc_id: str
    crop: str
    text: str | None
    field: str = "caption"
    caption_id: str = ""
    source: str = "model"
    captioner: CaptionerKey = CaptionerKey("")
    box: Box | None = None
    width: int | None = None
    height: int | None = None
    time: int = 0


class Document(NamedTuple):
    """What the text index holds of one picture: all its captions joined, one a line."""

    doc_id: str
    contents: str


@dataclass(frozen=True, slots=True)
class Keyword:
    """One thing to look for, as typed: "traffic light"."""

    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for: keywords that each name one thing, or one free sentence.

    A query without a comma is a sentence: a single keyword of any length.
    """

    keywords: tuple[Keyword, ...]

    @property
    def text(self) -> str:
        return ", ".join(keyword.text for keyword in self.keywords)


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture found.

    path: where the picture is, or None for captions imported without a picture.
    paths: every place where the same picture lies, `path` first.
    words: the words of its captions that matched, as written there, most frequent first.
    """

    rank: int
    score: float
    doc_id: str
    path: str | None = None
    paths: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Progress(NamedTuple):
    """How far a long task is: `done` of `total` (None: not known yet) `unit`s of a stage."""

    stage: str
    done: int
    total: int | None
    unit: str
    failed: int = 0


class Failure(NamedTuple):
    """A file that could not be used, and why."""

    path: str
    reason: str
