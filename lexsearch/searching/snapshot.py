"""An index as a question sees it: settings, catalog, text index and lexicon of one moment.

Each question takes a snapshot and keeps it to its end, with nothing locked. What a writer commits
meanwhile, in whatever process, is for the next one.
"""

from __future__ import annotations

import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args
from weakref import finalize

from lexsearch.engines import Engine, ScoredDoc, StoredDocument, open_engine
from lexsearch.engines.weights import RankingWeights
from lexsearch.errors import EngineBroken, EngineOutdated, LexsearchError, QueryError
from lexsearch.records import (
    Document,
    Hit,
    Keyword,
    PictureCopy,
    Query,
    Results,
    Suggestion,
    UnmatchedKeyword,
)
from lexsearch.searching.fusing import Fused, Fusion, fusion
from lexsearch.searching.searcher import MATCHES, MODES, Explanation, Match, Searcher
from lexsearch.searching.vocabulary import Vocabulary, learn
from lexsearch.storage.settings import Settings
from lexsearch.storage.status import PictureInfo, Status
from lexsearch.text.changes import keywords_of
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.queries import parse, parse_plainly

if TYPE_CHECKING:
    from lexsearch.storage.progress_file import Running

T = TypeVar("T")
Sort = Literal["relevance", "date", "name"]
SORTS: tuple[Sort, ...] = get_args(Sort)
_REMEMBERED = 16  # orders of all that match, and the like: a page follows the other


class Text:
    """A text index of one moment with a lexicon: what answers queries, and what it has learned.

    It is closed when the last snapshot that has it is gone. number: of this one among those of a
    `Snapshots`.
    """

    def __init__(
        self, engine: Engine, lexicon: Lexicon, searcher: Searcher, kind: Hashable, number: int
    ) -> None:
        """kind: where the engine and the lexicon come from, and what they were opened with."""
        self.engine = engine
        self.lexicon = lexicon
        self.searcher = searcher
        self.kind = kind
        self.number = number
        finalize(self, engine.close).atexit = False


class Passed(Exception):
    """A writer was faster than a question: its catalog and its text index are of two moments."""


class Snapshots(ABC):
    """Takes snapshots of an index, for any number of threads, and keeps open what the next one can
    use.

    name: what people call the index.
    """

    def __init__(self, name: str, weights: RankingWeights) -> None:
        """weights: of the ranking."""
        self.name = name
        self._weights = weights
        self._opening = threading.Lock()
        self._text: Text | None = None
        self._opened = 0
        self._remembering = threading.Lock()
        self._remembered: dict[Hashable, Any] = {}

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the index can be changed. Raises IndexReadOnly where it cannot be."""

    @property
    @abstractmethod
    def settings(self) -> Settings:
        """As they are now, whoever changed them; of an index to be made, the usual ones."""

    @abstractmethod
    def now(self) -> AbstractContextManager[Snapshot]:
        """A snapshot of now, for as long as the block runs."""

    def ask(self, question: Callable[[Snapshot], T]) -> T:
        """The answer by a snapshot of now. Where its text index turns out to be broken, a writer
        may have made it anew meanwhile: then by the next one.
        """
        broken = False
        while True:
            try:
                with self.now() as snapshot:
                    return question(snapshot)
            except Passed:
                continue
            except (EngineBroken, EngineOutdated):
                self._drop_text()
                if broken:
                    raise
                broken = True

    def close(self) -> None:
        """Close what is open; the next question opens it again."""
        self._drop_text()

    def _drop_text(self) -> None:
        with self._opening:
            self._text = None

    def once(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """What was worked out for this key before; the last few are remembered. key: with the
        snapshot's state.
        """
        with self._remembering:
            if key in self._remembered:
                known: T = self._remembered[key]
                return known
        value = work_out()
        with self._remembering:
            while len(self._remembered) >= _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[key] = value
        return value

    def has_text(self) -> bool:
        """Whether a text index was opened before."""
        return self._text is not None

    def text(self, settings: Settings, address: str, own_words: Path | None = None) -> Text:
        """The text index at an address as it is now. own_words: a lexicon.toml."""
        with self._opening:
            text, kind = self._text, (address, settings.ranking, own_words and stamp(own_words))
            if text is None or text.kind != kind:
                engine = open_engine(address)
                try:
                    lexicon = Lexicon(engine.analyzer.terms, own_words)
                except LexsearchError:
                    engine.close()
                    raise
            elif text.engine.is_current():
                return text
            else:
                engine, lexicon = text.engine.reopened(), text.lexicon
            searcher = Searcher(engine, lexicon, settings.ranking, self._weights)
            self._opened += 1
            self._text = Text(engine, lexicon, searcher, kind, self._opened)
            return self._text


class Snapshot(ABC):
    """What answers queries, and what is known of documents, at one moment.

    name: what people call the index. settings: the index's.
    """

    def __init__(self, snapshots: Snapshots, settings: Settings) -> None:
        self.name = snapshots.name
        self.settings = settings
        self._once = snapshots.once

    @cached_property
    def _text(self) -> Text | None:
        """The text index of this moment; None before the first document was indexed.

        It is opened when it is asked for, since that may start Java. Raises Passed where it is of
        a later moment then.
        """
        text = self._open_text()
        if not self._is_now():
            raise Passed
        return text

    @property
    def _searcher(self) -> Searcher | None:
        return self._text.searcher if self._text else None

    @abstractmethod
    def _open_text(self) -> Text | None:
        """The text index of now; None before the first document was indexed."""

    @abstractmethod
    def _is_now(self) -> bool:
        """Whether nothing else that this snapshot has of the index has changed."""

    @abstractmethod
    def state(self) -> Hashable:
        """Something that stays equal for as long as a search gives the same."""

    @abstractmethod
    def identify(self, name: str | os.PathLike[str]) -> str | None:
        """The doc_id of a picture by its path, its doc_id or its content."""

    @abstractmethod
    def paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each document, where its picture lies, or the path that came with it."""

    @abstractmethod
    def is_listed(self, doc_id: str) -> bool:
        """Whether a document can be found."""

    # Searching

    def search(
        self,
        query: str | Query,
        k: int = 10,
        *,
        mode: str = "best",
        match: Match = "best",
        skip: int = 0,
        also: Sequence[str] = (),
        fuse: str = "sum",
        weight: float | None = None,
        maybe: bool = False,
        sort: Sort = "relevance",
        lacking: bool = False,
    ) -> Results:
        """The k best pictures for a query such as "bus, traffic light, -person", best first.

        mode: "best" understands keywords (docs/how-it-ranks.md); "paper" is BM25 over the
            captions as Nakata et al. 2024 and Pyserini have it: all words are one bag, and
            commas, signs and quotes mean nothing.
        match: "best" gives pictures with all keywords first, then those that lack one, and ends
            where no keyword is left; "all" gives only pictures with all of them; "any" ranks
            every picture that has anything to do with the query, to measure rankings.
        skip: leave out the first so many: the page after the first ten has skip=10.
        also: sentences that say the same in other words, searched as well (docs/searching.md). With
            "best", the list has what matches the query, and up to 200 pictures of each sentence.
        fuse: how one list is made of what they find: "sum" of scores, "vote" or "rrf"; see
            `lexsearch.searching.fusing`. weight: of the query, against 1 for each other sentence;
            3 where none is given, and 1 in a vote.
        maybe: below all others, pictures that have none of it, but words near to it, as an umbrella
            is to rain: `Hit.below` is "near". For an everyday search without `also`.
        sort: of all that match, the first by "relevance", by "date" (the latest first, and what has
            none last) or by "name" of folders and file.
        lacking: below those that have every `+word`, pictures that have others of the keywords, but
            not these: `Hit.below` is "lacking". So a `+word` narrows what was found without it.
        Where only ids are wanted, of very many pictures, `rank` is faster.
        Raises QueryError for an empty query.
        """
        asked = _with(also, understood(query, mode, match))
        fused, order = fusion(fuse, weight), ordered(sort)
        everyday = (mode, match, order) == ("best", "best", "relevance") and not asked.also
        if (maybe or lacking) and not everyday:
            raise QueryError("maybe and lacking are for an everyday search alone, of what is typed")
        searcher = self._searcher
        if searcher is None:
            return Results(query=asked)
        meant = self._resolved(asked)
        if order == "relevance":
            found = searcher.find(meant, k, mode, match, skip, fused, maybe, lacking)
        else:
            key = ("search", self.state(), meant, mode, match, fused, order)
            every, total = self._once(
                key, lambda: self._in_order_of(searcher, meant, mode, match, fused, order)
            )
            found = searcher.told(meant, every[skip : skip + k], total, mode, match)
        paths = self.paths([scored.doc_id for scored in found.documents])
        why = searcher.why(found)
        unknown: tuple[UnmatchedKeyword, ...] = ()
        if all(one.missing for one in why):
            unknown = searcher.unknown(found, why)
        each = zip(found.documents, found.stored, why, found.votes, strict=True)
        hits = [
            _hit(rank, scored.score, scored.doc_id, paths[scored.doc_id], stored, reasons, votes)
            for rank, (scored, stored, reasons, votes) in enumerate(each, skip + 1)
        ]
        return Results(hits, query=asked, total=found.total, listed=found.listed, unknown=unknown)

    def _in_order_of(
        self, searcher: Searcher, query: Query, mode: str, match: Match, fusion: Fusion, sort: Sort
    ) -> tuple[list[Fused], int]:
        """All that match, in that order, and how many."""
        best, total = searcher.best(query, searcher.count(), mode, match, fusion)
        found = {one.doc_id: one for one in best}
        return [found[doc_id] for doc_id in self.in_order([*found], sort)], total

    def in_order(self, doc_ids: Sequence[str], sort: Sort) -> list[str]:
        """Documents by when they were taken, the latest first and those without a date last; or by
        the names of their files and folders, numbers in them by their value. Ties by doc_id.
        """
        if sort == "date":
            dates = self.dates(doc_ids)
            undated = sorted(doc_id for doc_id in doc_ids if doc_id not in dates)
            return [*sorted(sorted(dates), key=dates.__getitem__, reverse=True), *undated]
        paths = self.first_paths(doc_ids)
        return sorted(doc_ids, key=lambda one: (_natural(paths.get(one) or one), one))

    def compose(self, name: str | os.PathLike[str], change: str, k: int = 10) -> Results:
        """Other pictures like this one, a path or a doc_id, but changed: "at night, without
        people". What is to be and not to be there is told by a rule (`lexsearch.text.changes`).

        Raises QueryError for a change that says nothing.
        """
        changed = keywords_of(change)
        if not changed:
            raise QueryError(f"{change!r} says no change: try 'at night, without people'")
        likeness = Keyword(os.fspath(name), quoted=True, field="like")
        results = self.search(Query((likeness, *changed)), k + 1)
        itself = self.find(name)
        others = [hit for hit in results if hit.doc_id != itself]
        hits = [replace(hit, rank=rank) for rank, hit in enumerate(others[:k], 1)]
        total = results.total - (len(results) - len(others))
        return Results(hits, query=results.query, total=total, unknown=results.unknown)

    def rank(
        self,
        query: str | Query,
        k: int,
        *,
        mode: str = "best",
        match: Match = "any",
        also: Sequence[str] = (),
        fuse: str = "sum",
        weight: float | None = None,
    ) -> list[ScoredDoc]:
        """The k best documents, best first, as `search` ranks them, without paths and words.

        For many queries at great depths, as in evaluation.
        """
        asked = _with(also, understood(query, mode, match))
        fused = fusion(fuse, weight)
        if self._searcher is None:
            return []
        return self._searcher.rank(self._resolved(asked), k, mode, match, fused)

    def total(self, query: str | Query, match: Match = "best") -> int:
        """How many pictures match a query."""
        asked = understood(query, match=match)
        return self._searcher.total(self._resolved(asked), match) if self._searcher else 0

    def explain(self, query: str | Query, name: str | os.PathLike[str]) -> Hit | None:
        """Why one picture, by its path or doc_id, matches a query; None when it does not.

        Rank and score are 0: it is not compared with others.
        """
        asked, doc_id = understood(query), self.find(name)
        if self._searcher is None:
            return None
        stored, why = self._searcher.explain(self._resolved(asked), doc_id)
        if not why.evidence:
            return None
        return _hit(0, 0.0, doc_id, self.paths([doc_id])[doc_id], stored, why)

    def suggest(self, query: str | Query, n: int = 8, k: int = 50) -> list[Suggestion]:
        """Words that split the k best pictures for a query best, with how many have them."""
        asked = understood(query)
        return self._searcher.suggest(self._resolved(asked), n, k) if self._searcher else []

    def words(self, query: str | Query, n: int = 50, k: int = 200) -> list[Suggestion]:
        """The commonest words of the k best pictures for a query, with how many have them."""
        asked = understood(query)
        return self._searcher.words(self._resolved(asked), n, k) if self._searcher else []

    def vocabulary(self) -> Vocabulary:
        """The words that pictures say, with how many do, and the months they are of. It reads all
        captions: minutes where there are millions.
        """
        searcher = self._searcher
        return learn(self.contents(), searcher.terms) if searcher else Vocabulary()

    def searchable(self) -> int:
        """How many documents the text index has."""
        return self._searcher.count() if self._searcher else 0

    def _resolved(self, query: Query) -> Query:
        """With the doc_id in place of a path in `like:PATH`."""
        words = (
            replace(word, text=self.find(word.text)) if word.field == "like" else word
            for word in query.keywords
        )
        return replace(query, keywords=tuple(words))

    def find(self, name: str | os.PathLike[str]) -> str:
        """The doc_id of a picture; LexsearchError when it is not in the index."""
        doc_id = self.identify(name)
        if doc_id is None:
            raise LexsearchError(f"{os.fspath(name)} is not in the index {self.name}")
        return doc_id

    # Documents

    def get(self, name: str | os.PathLike[str]) -> PictureInfo | None:
        """A picture that can be found, by its path or doc_id; None when there is none."""
        doc_id = self.identify(name)
        return self.describe(doc_id) if doc_id and self.is_listed(doc_id) else None

    @abstractmethod
    def describe(self, name: str | os.PathLike[str]) -> PictureInfo:
        """What is known of a picture, by its path or doc_id; LexsearchError when nothing is."""

    @abstractmethod
    def documents(self) -> list[str]:
        """The doc_ids of all that can be found, in order."""

    def places(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Where the pictures of these documents lie: for each that is to be found its paths
        (none for captions without a picture). Unknown and removed documents are left out.
        """
        return self.paths([doc_id for doc_id in doc_ids if self.is_listed(doc_id)])

    @abstractmethod
    def relative_paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each document, its pictures' paths relative to the folder they were indexed in; of
        one that was imported, the path that came with it.
        """

    @abstractmethod
    def named(self, name: str) -> list[str]:
        """The doc_ids of the pictures that lie at this path relative to the folder they were
        indexed in, as `relative_paths` gives it; of several folders there may be several.
        """

    @abstractmethod
    def folders(self) -> dict[str, int]:
        """How many pictures lie in each folder and below it, by its path from the folder that was
        indexed on, the name of which comes first: "photos", "photos/2023".
        """

    @abstractmethod
    def albums(self) -> dict[str, int]:
        """How many pictures are in each album, by its name."""

    @abstractmethod
    def favourites(self, doc_ids: Sequence[str]) -> set[str]:
        """Those of the documents that are favourites."""

    @abstractmethod
    def duplicates(self) -> list[tuple[PictureCopy, ...]]:
        """Pictures that lie at several places, or are copies of one another."""

    @abstractmethod
    def browse(
        self, k: int = 10, *, skip: int = 0, sort: Sort = "relevance"
    ) -> tuple[list[str], int]:
        """The doc_ids of the first k pictures after the first `skip`, and how many pictures there
        are. sort: as in `search`; by "relevance" those whose files changed last come first.
        """

    @abstractmethod
    def months(self) -> dict[str, int]:
        """How many pictures were taken in each month, the latest first: "2023-07"."""

    def cameras(self) -> dict[str, int]:
        """How many pictures each camera took, as the files name it; `camera:` finds them."""
        return self.counted("camera")

    def kinds(self) -> dict[str, int]:
        """How many pictures there are of each format and shape; `kind:` finds them."""
        return self.counted("kind")

    @abstractmethod
    def counted(self, field: str) -> dict[str, int]:
        """How many documents have each text of a field: "camera" or "kind"."""

    @abstractmethod
    def dates(self, doc_ids: Sequence[str]) -> dict[str, str]:
        """When documents were taken, YYYY-MM-DD, where that is known."""

    @abstractmethod
    def first_paths(self, doc_ids: Sequence[str]) -> dict[str, str]:
        """A path of each document that has one."""

    @abstractmethod
    def status(self) -> Status:
        """What is in the index, what is missing, and what failed."""

    def running(self) -> Running | None:
        """How far the process is that fills this index right now; None when there is none."""
        return None

    @abstractmethod
    def contents(self) -> Iterator[Document]:
        """What can be found, as the text index has it: each with its captions in effect joined, in
        order of doc_id.
        """

    @abstractmethod
    def export_captions(self) -> Iterator[str]:
        """All captions of what can be found, each with its last text, as JSON Lines.

        In order of document.
        """


def ordered(sort: Sort) -> Sort:
    """Raises LexsearchError for an order that there is not."""
    if sort not in SORTS:
        raise LexsearchError(f"there is no order {sort!r}; sort is one of {', '.join(SORTS)}")
    return sort


def understood(query: str | Query, mode: str = "best", match: str = "best") -> Query:
    """A query as it is searched for: in paper mode signs, quotes and fields are words like any
    other. Raises LexsearchError for a mode or match that there is not, QueryError.
    """
    if mode not in MODES or match not in MATCHES:
        raise LexsearchError(f"mode is one of {MODES}, match one of {MATCHES}")
    if isinstance(query, Query):
        return query
    return parse_plainly(query) if mode == "paper" else parse(query)


def _with(also: Sequence[str], query: Query) -> Query:
    """The query with more sentences; one that stands there twice counts twice."""
    if not also:
        return query
    if isinstance(also, str):
        raise LexsearchError("also= takes a list of sentences, not a single text")
    more = (" ".join(text.split()) for text in also)
    return replace(query, also=(*query.also, *filter(None, more)))


def _hit(
    rank: int,
    score: float,
    doc_id: str,
    paths: tuple[str, ...],
    stored: StoredDocument,
    why: Explanation,
    votes: float | None = None,
) -> Hit:
    evidence, missing, by, below = why
    width, height = stored.size or (None, None)
    words = tuple(dict.fromkeys(word for one in evidence for word in one.words))
    path = next(iter(paths), None)
    size = (width, height)
    return Hit(rank, score, doc_id, path, paths, words, evidence, missing, *size, by, votes, below)


def _natural(path: str) -> list[tuple[int, int, str]]:
    """What paths are compared by: IMG_2 before IMG_10, whatever the case."""
    parts = re.split(r"(\d+)", path.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def stamp(file: Path) -> tuple[int, ...] | None:
    """What tells a file from what was there before, or is to be; None where there is none."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)
