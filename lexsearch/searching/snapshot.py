"""An index as a search sees it: settings, catalog, text index and lexicon that belong together.

A search takes the snapshot of now and keeps it to its end, with nothing locked. Where the settings,
the lexicon.toml or the files of the index are others than before, by whatever process, the next
search gets a new snapshot; the last user of the old one closes it.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from lexsearch.engines import Engine, ScoredDoc, StoredDocument, open_engine
from lexsearch.engines.weights import WEIGHTS, RankingWeights
from lexsearch.errors import (
    EngineBroken,
    EngineOutdated,
    IndexLocked,
    IndexReadOnly,
    LexsearchError,
)
from lexsearch.images.filesystem import absolute, exists
from lexsearch.records import (
    LIKENESS,
    Document,
    Hit,
    PictureCopy,
    Query,
    Results,
    Suggestion,
    UnmatchedKeyword,
)
from lexsearch.searching.fusing import Fused, Fusion
from lexsearch.searching.searcher import Explanation, Match, Searcher
from lexsearch.searching.vocabulary import Vocabulary, learn
from lexsearch.storage.albums import ALBUM, IS
from lexsearch.storage.catalog import Catalog
from lexsearch.storage.documents import compose, in_effect, latest
from lexsearch.storage.settings import Settings, lexicon_file, read_settings
from lexsearch.storage.status import PictureInfo, Status, status_of
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.words import key_of

if TYPE_CHECKING:
    from lexsearch.storage.captions import CaptionStore

T = TypeVar("T")
Sort = Literal["relevance", "date", "name"]
SORTS: tuple[Sort, ...] = get_args(Sort)
_ORDERS = 8  # of all that match, remembered: a page follows the other
_MANY = 1000  # documents for which all dates are looked up, and remembered
log = logging.getLogger("lexsearch")


class Snapshots:
    """Gives the snapshot of now to any number of threads."""

    def __init__(self, open_one: Callable[[int], Snapshot]) -> None:
        """open_one: makes the snapshot of now, given its number."""
        self._open_one = open_one
        self._lock = threading.Lock()
        self._now: Snapshot | None = None
        self._users: dict[Snapshot, int] = {}
        self._opened = 0

    def ask(self, question: Callable[[Snapshot], T]) -> T:
        """The answer by the snapshot of now. Where its text index turns out to be broken, a writer
        may have made it anew meanwhile: then by the next snapshot.
        """
        try:
            with self.now() as snapshot:
                return question(snapshot)
        except (EngineBroken, EngineOutdated):
            self.drop()
        with self.now() as snapshot:
            return question(snapshot)

    @contextmanager
    def now(self) -> Iterator[Snapshot]:
        """The snapshot of now, open for as long as the block runs."""
        with self._lock:
            snapshot = self._fresh()
            self._users[snapshot] += 1
        try:
            yield snapshot
        finally:
            with self._lock:
                self._users[snapshot] -= 1
                self._close_unused()

    def drop(self) -> None:
        """Open a new snapshot at the next question."""
        with self._lock:
            self._now = None
            self._close_unused()

    def _fresh(self) -> Snapshot:
        if self._now is None or not self._now.is_current():
            self._opened += 1
            self._now = self._open_one(self._opened)
            self._users[self._now] = 0
            self._close_unused()
        return self._now

    def _close_unused(self) -> None:
        for snapshot, users in list(self._users.items()):
            if not users and snapshot is not self._now:
                del self._users[snapshot]
                snapshot.close()


class Snapshot(ABC):
    """An index of one moment: what answers queries, and what is known of documents.

    name: what people call the index. settings: the index's.
    """

    name: str
    settings: Settings

    def __init__(self, number: int, weights: RankingWeights) -> None:
        """number: of this one among those of a process."""
        self._number = number
        self._weights = weights
        self._opening = threading.Lock()
        self._engine: Engine | None = None
        self._searcher: Searcher | None = None
        self._learned_at: Hashable = None
        self._ordered = lru_cache(maxsize=_ORDERS)(self._order)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    @abstractmethod
    def is_current(self) -> bool:
        """Whether nothing was put in place of what this one has opened. What a writer commits
        to the same files is seen without.
        """

    @abstractmethod
    def state(self) -> Hashable:
        """Something that stays equal for as long as a search gives the same."""

    @abstractmethod
    def _open_engine(self) -> tuple[Engine, Lexicon] | None:
        """The text index and the lexicon; None before the first document was indexed."""

    @abstractmethod
    def identify(self, name: str | os.PathLike[str]) -> str | None:
        """The doc_id of a picture by its path, its doc_id or its content."""

    @abstractmethod
    def paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each document, where its picture lies, or the path that came with it."""

    @abstractmethod
    def relative_paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each document, its pictures' paths below the folder that they were indexed in; of
        one that was imported, the path that came with it.
        """

    @abstractmethod
    def named(self, name: str) -> list[str]:
        """The documents that can be found of which a picture has this path below the folder that it
        was indexed in; of several folders there may be several.
        """

    @abstractmethod
    def listed(self) -> list[str]:
        """The doc_ids of all that can be found, in order."""

    @abstractmethod
    def is_listed(self, doc_id: str) -> bool:
        """Whether a document can be found."""

    @abstractmethod
    def folders(self) -> dict[str, int]:
        """How many pictures lie in each folder and below it, from the indexed folder's name on."""

    @abstractmethod
    def dates(self, doc_ids: Sequence[str]) -> dict[str, str]:
        """When documents were taken, YYYY-MM-DD, where that is known."""

    @abstractmethod
    def first_paths(self, doc_ids: Sequence[str]) -> dict[str, str]:
        """A path of each document that has one."""

    @abstractmethod
    def months(self) -> dict[str, int]:
        """How many pictures were taken in each month, the latest first: "2023-07"."""

    @abstractmethod
    def counted(self, field: str) -> dict[str, int]:
        """How many documents have each text of a field: "camera" or "kind"."""

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
    def browse(self, k: int, skip: int, sort: Sort) -> tuple[list[str], int]:
        """The pictures in an order, after the first `skip`, and how many there are. By relevance:
        those whose files changed last.
        """

    @abstractmethod
    def describe(self, doc_id: str) -> PictureInfo:
        """What is known of a document."""

    @abstractmethod
    def status(self) -> Status:
        """What is in the index, what is missing, and what failed."""

    @abstractmethod
    def contents(self) -> Iterator[Document]:
        """What can be found, each with its captions in effect joined, in order of doc_id."""

    @abstractmethod
    def export(self) -> Iterator[str]:
        """The last text of all captions of what can be found, as JSON Lines."""

    def _searching(self) -> Searcher | None:
        """What answers queries, with what was learned from the text index as it is now; None
        before the first document was indexed.
        """
        with self._opening:
            if self._engine is None and (opened := self._open_engine()) is not None:
                self._engine, self._lexicon = opened
            if self._engine is None:
                return None
            if (state := self._engine.state()) != self._learned_at or self._searcher is None:
                ranking = self.settings.ranking
                self._searcher = Searcher(self._engine, self._lexicon, ranking, self._weights)
                self._learned_at = state
            return self._searcher

    # Searching

    def search(
        self,
        query: Query,
        k: int,
        mode: str,
        match: Match,
        skip: int,
        fusion: Fusion,
        maybe: bool,
        lacking: bool,
        sort: Sort,
    ) -> Results:
        searcher = self._searching()
        if searcher is None:
            return Results(query=query)
        asked = self._resolved(query)
        if sort == "relevance":
            found = searcher.find(asked, k, mode, match, skip, fusion, maybe, lacking)
        else:
            every, total = self._ordered(self.state(), asked, mode, match, fusion, sort)
            found = searcher.told(asked, every[skip : skip + k], total, mode, match)
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
        return Results(hits, query=query, total=found.total, listed=found.listed, unknown=unknown)

    def _order(
        self, state: Hashable, query: Query, mode: str, match: Match, fusion: Fusion, sort: Sort
    ) -> tuple[list[Fused], int]:
        """All that match, in that order, and how many."""
        searcher = self._searching()
        assert searcher is not None, "the search has opened it"
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

    def explain(self, query: Query, name: str | os.PathLike[str]) -> Hit | None:
        doc_id = self.find(name)
        searcher = self._searching()
        if searcher is None:
            return None
        stored, why = searcher.explain(self._resolved(query), doc_id)
        if not why.evidence:
            return None
        return _hit(0, 0.0, doc_id, self.paths([doc_id])[doc_id], stored, why)

    def rank(
        self, query: Query, k: int, mode: str, match: Match, fusion: Fusion
    ) -> list[ScoredDoc]:
        searcher = self._searching()
        return searcher.rank(self._resolved(query), k, mode, match, fusion) if searcher else []

    def total(self, query: Query, match: Match) -> int:
        searcher = self._searching()
        return searcher.total(self._resolved(query), match) if searcher else 0

    def suggest(self, query: Query, n: int, k: int) -> list[Suggestion]:
        searcher = self._searching()
        return searcher.suggest(self._resolved(query), n, k) if searcher else []

    def words(self, query: Query, n: int, k: int) -> list[Suggestion]:
        searcher = self._searching()
        return searcher.words(self._resolved(query), n, k) if searcher else []

    def vocabulary(self) -> Vocabulary:
        searcher = self._searching()
        if searcher is None:
            return Vocabulary()
        return learn(self.contents(), searcher.terms)

    def searchable(self) -> int:
        """How many documents the text index has."""
        searcher = self._searching()
        return searcher.count() if searcher else 0

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


class FolderSnapshot(Snapshot):
    """Settings, catalog, text index and lexicon in a folder that belong together.

    Raises IndexNotFound for an index that is gone.
    """

    def __init__(self, folder: Path, number: int, weights: RankingWeights = WEIGHTS) -> None:
        super().__init__(number, weights)
        self.folder = folder
        self.name = str(folder)
        self.settings = read_settings(folder)
        self._lexicon_file = lexicon_file(folder)
        self._lexicon_seen = _stamp(self._lexicon_file)
        self.catalog = _open_catalog(folder)
        self._browsed = lru_cache(maxsize=_ORDERS)(self._browse)
        self._dates = lru_cache(maxsize=1)(lambda state: self.catalog.all_dates())

    @cached_property
    def store(self) -> CaptionStore:
        """The captions; opened where they are read, since that loads Arrow."""
        from lexsearch.storage.captions import CaptionStore

        return CaptionStore(self.folder / "captions")

    def close(self) -> None:
        super().close()
        self.catalog.close()

    def is_current(self) -> bool:
        return (
            read_settings(self.folder) == self.settings
            and _stamp(self._lexicon_file) == self._lexicon_seen
            and self.catalog.is_in_place()
        )

    def state(self) -> Hashable:
        searcher = self._searching()
        return (self._number, self.catalog.version(), searcher and searcher.state())

    def _words(self) -> Lexicon:
        self._searching()
        assert self._engine is not None, "a word is denied of a document that is indexed"
        return self._lexicon

    def _open_engine(self) -> tuple[Engine, Lexicon] | None:
        if not any((self.folder / "captions").glob("*.parquet")):
            return None
        try:
            engine = open_engine(self.settings.text_index(self.folder))
        except EngineBroken:
            if self.catalog.has_indexed():
                raise
            return None  # a writer has stored the first captions, and is about to index them
        try:
            return engine, Lexicon(engine.analyzer.terms, self._lexicon_file)
        except LexsearchError:
            engine.close()
            raise

    # Documents

    def listed(self) -> list[str]:
        return self.catalog.listed()

    def is_listed(self, doc_id: str) -> bool:
        return self.catalog.is_listed(doc_id)

    def folders(self) -> dict[str, int]:
        return self.catalog.folders()

    def albums(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        spelled: dict[str, str] = {}
        for name, count in self.catalog.facts(ALBUM).items():
            name = spelled.setdefault(key_of(name), name)
            counts[name] = counts.get(name, 0) + count
        return counts

    def favourites(self, doc_ids: Sequence[str]) -> set[str]:
        return set(self.catalog.facts_of(doc_ids, IS))

    def duplicates(self) -> list[tuple[PictureCopy, ...]]:
        from lexsearch.images.copies import copies

        places: dict[str, list[str]] = {}
        for row in self.catalog.files():
            places.setdefault(row.doc_id, []).append(row.path)
        return copies(places, self.store.texts(LIKENESS))

    def browse(self, k: int, skip: int, sort: Sort) -> tuple[list[str], int]:
        total = self.catalog.pictures()
        if sort == "relevance":
            return self.catalog.newest(k, skip), total
        return self._browsed(self.state(), sort)[skip : skip + k], total

    def _browse(self, state: Hashable, sort: Sort) -> list[str]:
        return self.in_order(self.catalog.having_files(), sort)

    def dates(self, doc_ids: Sequence[str]) -> dict[str, str]:
        if len(doc_ids) <= _MANY:
            return self.catalog.dates(doc_ids)
        known = self._dates(self.state())
        return {doc_id: known[doc_id] for doc_id in doc_ids if doc_id in known}

    def first_paths(self, doc_ids: Sequence[str]) -> dict[str, str]:
        return self.catalog.first_paths(doc_ids)

    def months(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for date, count in reversed(self.catalog.facts("date").items()):
            counts[date[:7]] = counts.get(date[:7], 0) + count
        return counts

    def counted(self, field: str) -> dict[str, int]:
        return self.catalog.facts(field)

    def status(self) -> Status:
        return status_of(self.folder, self.settings, self.catalog, self.searchable())

    def identify(self, name: str | os.PathLike[str]) -> str | None:
        row = self.catalog.file(absolute(os.path.expanduser(name)))
        if row is not None:
            return row.doc_id
        if self.catalog.has_document(str(name)):
            return str(name)
        if os.path.isfile(name):
            from lexsearch.images.files import hash_file

            doc_id = hash_file(os.fspath(name))
            if self.catalog.has_document(doc_id):
                return doc_id
        return None

    def paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        places = self.catalog.files_of(doc_ids)
        imported = self.catalog.imported_paths([one for one in doc_ids if not places[one]])
        return {
            doc_id: _living_first(row.path for row in rows)
            or ((imported[doc_id],) if doc_id in imported else ())
            for doc_id, rows in places.items()
        }

    def relative_paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        below = {
            doc_id: tuple(os.path.relpath(row.path, row.root) for row in rows)
            for doc_id, rows in self.catalog.files_of(doc_ids).items()
        }
        return {doc_id: below[doc_id] or paths for doc_id, paths in self.paths(doc_ids).items()}

    def named(self, name: str) -> list[str]:
        try:
            rows = [self.catalog.file(os.path.join(root, name)) for root in self.catalog.roots()]
        except UnicodeEncodeError:  # half a character
            return []
        there = [row for row in rows if row and os.path.relpath(row.path, row.root) == name]
        doc_ids = dict.fromkeys(row.doc_id for row in there)
        return [doc_id for doc_id in doc_ids if self.catalog.is_listed(doc_id)]

    def describe(self, doc_id: str) -> PictureInfo:
        captions = [row for _, rows in self.store.scan([doc_id]) for row in rows]
        effective = in_effect(captions, self.settings.captioner)
        return PictureInfo(doc_id, self.paths([doc_id])[doc_id], tuple(effective))

    def contents(self) -> Iterator[Document]:
        listed = set(self.catalog.listed())
        for doc_id, captions in self.store.scan() if listed else ():
            if doc_id in listed:
                yield compose(doc_id, captions, self.settings.captioner, lexicon=self._words)

    def export(self) -> Iterator[str]:
        from lexsearch.storage.transfer import to_json  # loads Arrow, which a search does not need

        for doc_id, captions in self.store.scan():
            if not self.catalog.is_listed(doc_id):
                continue
            path = next(iter(self.paths([doc_id])[doc_id]), None)
            for caption in latest(captions).values():
                if caption.text is not None and caption.field != LIKENESS:
                    yield to_json(caption, path)


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


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _open_catalog(folder: Path) -> Catalog:
    """The catalog to read. One that is missing, or of an earlier lexsearch, a writer makes first,
    where this process may be one.
    """
    file = folder / "catalog.sqlite"
    missing = not file.exists()
    if missing or Catalog.is_outdated(file):
        from lexsearch.storage.writer import writing

        try:
            with writing(folder) as writer:
                if missing:
                    writer.sync()
        except (IndexLocked, IndexReadOnly):
            if not file.exists():
                raise
    catalog = Catalog(file)
    if missing and catalog.shards():
        log.warning(
            "%s was missing; run `lexsearch index` on your folders again (no picture is captioned "
            "twice)",
            file,
        )
    return catalog


def _living_first(paths: Iterable[str]) -> tuple[str, ...]:
    """Places that are there before those that are not: a folder may have moved, or be away."""
    places = tuple(paths)
    return places if len(places) < 2 else tuple(sorted(places, key=exists, reverse=True))
