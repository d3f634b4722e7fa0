"""What the JSON API answers with; the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from lexsearch.storage.corrections import Correctable


class Problem(BaseModel):
    """Why there is no answer, in words for people."""

    error: str


class WordCount(BaseModel):
    """A word, and how many pictures have it."""

    word: str
    count: int


class Evidence(BaseModel):
    """Why a picture matched one keyword."""

    keyword: str
    words: list[str] = Field(description="as written in its captions")
    crops: list[str] = Field(description="the parts of the picture that were described so")
    share: float = Field(description="of the score; the shares of a hit sum to 1")
    box: list[int] | None = Field(
        description="left, top, right, bottom in pixels: where it most likely is"
    )
    doubtful: bool = Field(description="one or two patches alone say it, and not the whole picture")


class Hit(BaseModel):
    """One picture found."""

    rank: int
    score: float
    doc_id: str
    name: str = Field(description="the file's path within the folder that was indexed")
    has_picture: bool = Field(description="false for captions that came without a picture")
    favourite: bool
    words: list[str] = Field(description="of its captions that matched, commonest first")
    evidence: list[Evidence]
    missing: list[str] = Field(description="keywords that this picture lacks")
    by: list[str] = Field(description="of `also`, where nothing that was typed found it")
    below: str = Field(
        description="the line of the list that it stands below: perhaps, lacking, near"
    )
    width: int | None = Field(description="of the upright picture, in pixels")
    height: int | None


class Keyword(BaseModel):
    """One part of a query as understood, and the query without it."""

    text: str
    like: str | None = Field(description="the doc_id of a picture that hits are to be like, or not")
    name: str | None = Field(description="of that picture, as it stands in the query")
    field: str = Field(description='where alone it is looked for; "" for anywhere')
    value: str = Field(description="the text alone, without field, sign and quotes")
    sign: str
    without: str | None = Field(description="null when nothing would be left")


class UnmatchedKeyword(BaseModel):
    """A keyword that no picture has, and known words near it."""

    keyword: str
    nearest: list[WordCount]


class Switch(BaseModel):
    """The query with all of its keywords required, and with none."""

    on: bool = Field(description="whether all of them are required")
    all: str
    any: str


class Found(BaseModel):
    """One page of a search's hits, best first."""

    query: str = Field(description="as understood")
    keywords: list[Keyword]
    switch: Switch | None = Field(description="null for fewer than two keywords")
    total: int = Field(description="pictures that match")
    listed: int = Field(description="pictures of the whole list, with those below its lines")
    next: int | None = Field(description="skip of the next page; null where there is none")
    unknown: list[UnmatchedKeyword]
    hits: list[Hit]
    seconds: float = Field(description="the server took")


class OtherWords(BaseModel):
    """A query in other words."""

    sentences: list[str]
    note: str | None = Field(description="why there are none, or fewer than there might be")


class Words(BaseModel):
    """Words, and how many of the pictures found have them."""

    words: list[WordCount]


class Completion(BaseModel):
    """How what was typed may go on."""

    query: str = Field(description="all that was typed, with its last word complete")
    text: str = Field(description="that word, field or date alone")
    count: int | None = Field(description="pictures that have it; null for a field")


class Completions(BaseModel):
    """The likeliest first."""

    completions: list[Completion]


class Shelf(BaseModel):
    """Pictures that belong together, and the query that shows them."""

    name: str
    count: int
    query: str


class Shelves(BaseModel):
    """What there is to browse."""

    today: Shelf = Field(description="this day of every year")
    months: list[Shelf] = Field(description="in which pictures say they were taken, latest first")
    folders: list[Shelf] = Field(description="in order, the indexed folder's own name first")
    cameras: list[Shelf] = Field(description="on this machine alone")
    kinds: list[Shelf] = Field(description="formats and shapes")
    favourites: int = Field(description="how many pictures is:favourite finds")
    albums: list[Shelf]


class Copy(BaseModel):
    """One of several copies of a picture."""

    doc_id: str
    names: list[str] = Field(description="of its files, within the folders that were indexed")
    width: int | None = Field(description="of the upright picture, in pixels")
    height: int | None


class Duplicates(BaseModel):
    """Pictures that are there more than once: groups, the largest copy of each first."""

    total: int = Field(description="groups")
    groups: list[list[Copy]]
    next: int | None = Field(description="skip of the next page; null where there is none")


class Refined(BaseModel):
    """A query after one round of changes; empty when nothing of it is left."""

    query: str


class Caption(BaseModel):
    """Words about one part of a picture."""

    crop: str
    box: list[int] | None = Field(description="left, top, right, bottom in pixels")
    text: str
    field: str = Field(description="caption: a description; text: words read in the picture")
    caption_id: str
    source: str = Field(description="model, import or human")
    captioner: str
    time: float = Field(description="seconds since 1970")


class Picture(BaseModel):
    """All that is known of one picture."""

    doc_id: str
    name: str
    paths: list[str]
    has_picture: bool
    original: bool = Field(description="whether /api/original gives its file to this client")
    width: int | None
    height: int | None
    favourite: bool
    albums: list[str] = Field(description="the names of those that it is in")
    hit: Hit | None = Field(description="why it matches the query, unranked; null if it does not")
    captions: list[Caption]
    denied: list[str] = Field(description="words that are never said of it, as a person decided")


class Selected(Hit):
    """A picture among several, unranked, as a hit of the query, if it is one."""

    paths: list[str] = Field(description="full ones on this machine, else below the folder")


class CaptionEdit(BaseModel):
    """A correction of what is said of one crop; a null text takes a correction back."""

    doc_id: str = Field(max_length=500)
    text: str | None = Field(max_length=20_000)
    crop: str = Field("whole", max_length=100)
    field: Correctable = "caption"
    caption_id: str = Field("", max_length=200)
    q: str = Field("", max_length=2000, description="to learn why the picture matches then")


class Denial(BaseModel):
    """Words that are wrong of a picture, whatever captioner says them; undo allows them again."""

    doc_id: str = Field(max_length=500)
    words: list[Annotated[str, Field(max_length=500, pattern=r"\w")]] = Field(
        min_length=1, max_length=50
    )
    undo: bool = False
    q: str = Field("", max_length=2000, description="to learn why the picture matches then")


Several = Annotated[
    list[Annotated[str, Field(max_length=500)]], Field(min_length=1, max_length=100)
]


class FavouriteChange(BaseModel):
    """Pictures to mark as favourites; undo marks them no more."""

    doc_ids: Several
    undo: bool = False


class AlbumChange(BaseModel):
    """Pictures to put into an album, a new one or one that is there; undo takes them out."""

    album: str = Field(min_length=1, max_length=200)
    doc_ids: Several
    undo: bool = False


class Gathered(BaseModel):
    """How many of the pictures were not so before."""

    changed: int


class Failure(BaseModel):
    """A file that could not be used, and why."""

    path: str
    reason: str


class Running(BaseModel):
    """How far a running `lexsearch index` is."""

    stage: str
    done: int
    total: int | None
    unit: str
    failed: int
    seconds: float = Field(description="since this stage began")
    share: float | None = Field(description="of its time that is over, from 0 to 1")
    left: float | None = Field(description="seconds that it still takes")


class Stage(BaseModel):
    """How many pictures have the captions of one stage: whole, fixed or between."""

    captioner: str
    stage: str
    pictures: int


class Feeding(BaseModel):
    """What the server itself does to fill the index."""

    runs: bool
    ends: bool = Field(description="whether it is about to pause")
    watches: bool = Field(description="whether it stays and follows changes")
    error: str = Field(description="why it ended by itself; empty where all went well")


class FeedingChange(BaseModel):
    """To describe what is new, with one more folder perhaps, or to pause."""

    run: bool
    folder: str | None = Field(None, max_length=4000, description="its whole path, or from ~ on")


class State(BaseModel):
    """What is in the index, what goes on, and what failed."""

    index: str
    folders: list[str]
    pictures: int
    imported: int
    searchable: int
    waiting: int
    stages: list[Stage]
    failed: int
    failures: list[Failure] = Field(description="the first thousand")
    running: Running | None
    originals: bool = Field(description="whether this client may have the files themselves")
    writable: bool = Field(description="whether captions may be edited here")
    feeding: Feeding | None = Field(description="null where this client may not see to it")
