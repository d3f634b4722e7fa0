"""The plain data that flows through lexsearch. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, SupportsIndex, overload

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "CAPTION_FIELDS",
    "FIELDS",
    "LINES",
    "WHOLE",
    "Below",
    "Box",
    "Caption",
    "CaptionText",
    "CaptionerKey",
    "Crop",
    "Document",
    "Evidence",
    "Failure",
    "Hit",
    "Keyword",
    "Passage",
    "PictureCopy",
    "Progress",
    "ProgressCallback",
    "Query",
    "Results",
    "Suggestion",
    "UnmatchedKeyword",
    "View",
    "unheard",
]

WHOLE = "whole"
LIKENESS = "likeness"
"""The field of a line that is no caption: by it a picture is known again when its file changed."""


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

    field: "caption" for a description, "text" for words read in the picture, "seen" for where
        exactly a thing is, "about" and "date" for what the file says of itself, "album" for the
        name of an album that it is in, "is" for what a person marked it as ("favourite"), "camera"
        for what took it.
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


CAPTION_FIELDS = ("caption", "text", "seen", "about", "date", "camera", "denied", "album", "is")
"""Which fields a caption may be of; of "denied" are words that no caption is to say."""


class Passage(NamedTuple):
    """Words about a picture, and where they are from.

    field: "caption", "text" (read in the picture), "seen" (a thing, to say where it is), "name"
        (of its file and folders), "about" (title, description, keywords and place in the file),
        "date" (YYYY-MM-DD), "camera", "kind" (format and shape of the file), "album" (the name of
        one that it is in) or "is" (favourite).
    crop, box: of a caption or a text, as in Caption.
    """

    text: str
    field: str = "caption"
    crop: str = WHOLE
    box: Box | None = None


class Document(NamedTuple):
    """What the text index holds of one picture.

    contents: all captions joined, one a line; this alone is the paper's document.
    passages: the same captions with their crops, and what else is known of the picture.
    size: (width, height) of the upright picture in pixels.
    paths: where it lies, for an engine that is read where the catalog is not.
    """

    doc_id: str
    contents: str
    passages: tuple[Passage, ...] = ()
    size: tuple[int, int] | None = None
    paths: tuple[str, ...] = ()


FIELDS = ("text", "name", "about", "date", "camera", "kind", "album", "is", "like")
"""What a keyword may be limited to: text:exit, name:holiday, about:rome, date:2023-07,
camera:nikon, kind:panorama, album:lisbon, is:favourite, like:ID.
"""
FAVOURITE = "favourite"
Below = Literal["", "perhaps", "lacking", "near"]
"""Which line of a list a hit stands below; "" for those above."""
LINES: dict[Below, str] = {
    "perhaps": "perhaps: said of one or two parts alone",
    "lacking": "without what was added",
    "near": "none of it, but words near to it",
}
"""What a line says."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """One thing to look for, as typed: "traffic light".

    sign: "+" for what must be there, "-" for what must not, or "".
    quoted: just these words, without synonyms and kinds.
    field: where alone to look (see FIELDS), or "".
    """

    text: str
    sign: str = ""
    quoted: bool = False
    field: str = ""

    def __str__(self) -> str:
        """As typed, so that parsing it gives the same keyword."""
        field = f"{self.field}:" if self.field else ""
        quote = '"' if self.quoted else ""
        text = self.text.replace('"', '""') if self.quoted else self.text
        return f"{self.sign}{field}{quote}{text}{quote}"


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for: keywords that each name one thing, or one free sentence.

    A query without a comma is a sentence: a single keyword of any length.

    notes: what could not be understood in the text that it was read from, and what to type.
    also: sentences that say the same in other words, searched as well; words alone, in which signs,
        quotes and fields mean nothing.
    """

    keywords: tuple[Keyword, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)
    also: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The words alone, as the paper's search takes them."""
        return ", ".join(keyword.text for keyword in self.keywords)

    def __str__(self) -> str:
        """As typed, so that parsing it gives the same query, but for `also`."""
        return ", ".join(map(str, self.keywords))


@dataclass(frozen=True, slots=True)
class View:
    """One crop of one picture, ready to be looked at.

    crop: its name, and its box in pixels of the upright picture.
    image: RGB, upright, never enlarged; its longer side is at most the captioner's `view_side`.
    prepared: what the captioner's `prepare` made of the image, for itself alone.
    patches: views of the picture's patches, where the captioner judges them together.
    """

    crop: Crop
    image: Image
    prepared: Any = None
    patches: tuple[View, ...] = ()


class CaptionText(NamedTuple):
    """What a captioner has to say of a view.

    field: "caption" for a description, "text" for words read in the picture, "seen" for the name
        of one thing that the caption names too, to say in `box` where exactly it is.
    box: in pixels of the upright picture; None for the whole view.
    crop: that it is about; None for the view's own.
    """

    text: str
    field: str = "caption"
    box: Box | None = None
    crop: Crop | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a picture matched one keyword.

    words: the words that matched, as written, most frequent first.
    crops: the crops whose captions have them, from large to small; () if it was a name or a date.
    share: how much of the hit's score is due to this keyword, from 0 to 1; all sum to 1.
    box: where it most likely is, in pixels of the upright picture; None if nobody can know.
    doubtful: whether only one or two patches say it, and not the whole picture.
    """

    keyword: str
    words: tuple[str, ...]
    crops: tuple[str, ...]
    share: float
    box: Box | None = None
    doubtful: bool = False

    def as_object(self) -> dict[str, object]:
        """For JSON."""
        return {
            "keyword": self.keyword,
            "words": list(self.words),
            "crops": list(self.crops),
            "share": round(self.share, 4),
            "box": list(self.box) if self.box else None,
            "doubtful": self.doubtful,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Hit:
    """One picture found.

    path: where the picture is, or None for captions imported without a picture.
    paths: every place where the same picture lies, `path` first.
    words: the words of its captions that matched, as written there, most frequent first.
    evidence: the same keyword by keyword, with the crops and the place in the picture.
    missing: the keywords that this picture lacks.
    by: where it has nothing that was typed, the sentences of the query's `also` that found it.
    votes: how many sentences voted for it, in a vote.
    below: the line that it stands below; "" for none. "perhaps": all that it has is doubtful.
        "lacking": it lacks what must be there. "near": it has none of what was asked for, but
        words that have to do with it, which its evidence names.
    before: the rank that it had before a language model put the first hits in order.
    width, height: of the upright picture, in pixels, where known.
    image(), thumbnail(side): the upright picture as a PIL image, whole or small; ImageError when
        none of its files can be read.
    """

    # display/opening.py; the package puts them here
    image: ClassVar[Callable[[Hit], Image]]
    thumbnail: ClassVar[Callable[..., Image]]
    rank: int
    score: float
    doc_id: str
    path: str | None = None
    paths: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    by: tuple[str, ...] = ()
    votes: float | None = None
    below: Below = ""
    before: int | None = None

    def __repr__(self) -> str:
        words = ", ".join(self.words)
        lacking = "".join(f"; no {keyword}" for keyword in self.missing)
        return f"<Hit {self.rank}: {self.path or self.doc_id}, {self.score:.3f}, {words}{lacking}>"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A word, and how many pictures have it."""

    word: str
    count: int


class PictureCopy(NamedTuple):
    """One of several copies of a picture: files with the same bytes.

    paths: where they lie. size: width and height of the upright picture, in pixels, where known.
    """

    doc_id: str
    paths: tuple[str, ...]
    size: tuple[int, int] | None


class UnmatchedKeyword(NamedTuple):
    """A keyword that no picture has, and the nearest words that some have."""

    keyword: str
    nearest: tuple[Suggestion, ...]


class Results(list[Hit]):
    """Hits, best first, and what else is to be said of a search. A slice of them is one too.

    query: the query as it was understood.
    total: how many pictures match, of which the hits are the best.
    listed: how many a list of all would have, with those below its lines that do not match.
    unknown: keywords that no picture has.
    also: the other sentences that were searched.
    """

    html: ClassVar[Callable[[Results], str]]  # display/notebook.py; the package puts it here
    query: Query
    total: int
    listed: int
    unknown: tuple[UnmatchedKeyword, ...]

    def __init__(
        self,
        hits: Iterable[Hit] = (),
        *,
        query: Query,
        total: int = 0,
        listed: int | None = None,
        unknown: tuple[UnmatchedKeyword, ...] = (),
    ) -> None:
        super().__init__(hits)
        self.query = query
        self.total = total
        self.listed = total if listed is None else listed
        self.unknown = unknown

    @property
    def also(self) -> tuple[str, ...]:
        return self.query.also

    @overload
    def __getitem__(self, key: SupportsIndex) -> Hit: ...
    @overload
    def __getitem__(self, key: slice) -> Results: ...
    def __getitem__(self, key: SupportsIndex | slice) -> Hit | Results:
        if not isinstance(key, slice):
            return super().__getitem__(key)
        some = super().__getitem__(key)
        return Results(
            some, query=self.query, total=self.total, listed=self.listed, unknown=self.unknown
        )

    def __repr__(self) -> str:
        first = f"<Results: {len(self)} of {self.total:,} for {str(self.query)!r}>"
        return "\n".join([first, *map(repr, self)])

    def _repr_html_(self) -> str:
        """The pictures with their boxes, for notebooks."""
        return self.html()


class Progress(NamedTuple):
    """How far a long task is: `done` of `total` (None: not known yet) `unit`s of a stage.

    failed: how many of those done. note: what else a person should know, now and once.
    share: how much of the time it takes is over, from 0 to 1; left: seconds that it still takes.
        None where nobody knows.
    """

    stage: str
    done: int
    total: int | None
    unit: str
    failed: int = 0
    note: str = ""
    share: float | None = None
    left: float | None = None


ProgressCallback = Callable[[Progress], None]


def unheard(progress: Progress) -> None:
    """A ProgressCallback for those who do not ask how far it is."""


class Failure(NamedTuple):
    """A file that could not be used, and why."""

    path: str
    reason: str
