"""The engine contract: a text index of documents, and what can be asked of it.

An engine knows documents, words and how to weigh them. It knows nothing of files, captioners
or what a person typed: `lexsearch.searching.concepts` turns a query into what is wanted.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

from lexsearch.engines.nodes import ScoredQuery, Term
from lexsearch.records import Document, Passage
from lexsearch.text.analysis import Analyzer

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lexsearch.engines.lucene import LuceneEngine


@dataclass(frozen=True, slots=True)
class Ranking:
    """BM25's parameters in `paper` mode; the paper uses 0.9 and 0.4 (Sec. 4.1)."""

    k1: float = 0.9
    b: float = 0.4


PAPER = Ranking()
"""As in the paper."""


class ScoredDoc(NamedTuple):
    """One document found, best first."""

    doc_id: str
    score: float


class TopDocs(NamedTuple):
    """The best documents, best first, and how many match."""

    best: list[ScoredDoc]
    total: int


class Variant(NamedTuple):
    """One way in which a document may show that it is about a concept.

    text: a word, or a phrase whose words stand side by side.
    field: "caption", "text", "name", "about" or "date" (the beginning of one).
    weight: from 0 to 1, against the concept's own words in a caption.
    apart: other words may stand between those of a phrase, at a lower score.
    prefix: the text is the beginning of a word; that of a date always is.
    """

    text: str
    weight: float = 1.0
    field: str = "caption"
    apart: bool = False
    prefix: bool = False


class Concept(NamedTuple):
    """One thing that is looked for, or several that make up a sentence.

    variants: a document with any of these matches.
    hints: these alone are no match, but raise the rank.
    parts: a document that matches so many of these matches too; parts that few documents match
        weigh more.
    sentence: with parts, the captions are also weighed by BM25 against this text; documents with
        fewer parts, but a telling one, follow behind all that match.
    """

    variants: tuple[Variant, ...] = ()
    hints: tuple[Variant, ...] = ()
    parts: tuple[Concept, ...] = ()
    minimum_should_match: int = 1
    sentence: str = ""


class EngineQuery(NamedTuple):
    """What to search for.

    concepts: documents that match more of them come first.
    required: those that must match. excluded: those that must not.
    everything: documents that match none of the concepts may follow, by their hints.
    soft: for each concept, what raises documents that lack it among those that match as many.
    near: documents that match none of the concepts, but one of these, follow behind all others.
    narrowing: of the concepts, those that must match beside another one. lacking: documents that
        match another one, but lack one of these, follow behind.
    """

    concepts: tuple[Concept, ...]
    required: tuple[Concept, ...] = ()
    excluded: tuple[Concept, ...] = ()
    everything: bool = False
    soft: tuple[Concept, ...] = ()
    near: tuple[Concept, ...] = ()
    narrowing: tuple[Concept, ...] = ()
    lacking: bool = False


class StoredDocument(NamedTuple):
    """What an index holds of a document: its passages, its picture's width and height, and where
    that lay when it was indexed, if whoever indexed it said so.
    """

    passages: tuple[Passage, ...] = ()
    size: tuple[int, int] | None = None
    paths: tuple[str, ...] = ()


class EngineWriter(ABC):
    """Changes a text index. Changes are visible, to every process, after `commit`.

    analyzer: as of the engine that reads it.
    """

    analyzer: Analyzer

    @abstractmethod
    def update(self, documents: Iterable[Document]) -> None:
        """Add documents, replacing those with the same doc_id."""

    @abstractmethod
    def delete(self, doc_ids: Iterable[str]) -> None:
        """Remove documents; unknown ids are ignored."""

    @abstractmethod
    def commit(self) -> None:
        """Make all changes so far durable and visible."""

    @abstractmethod
    def replace(self, documents: Iterable[Document]) -> None:
        """Put these documents in place of all that are there, and commit. Readers see the old
        ones until the new ones are all there.
        """

    def compact(self) -> None:  # noqa: B027
        """Commit, and make searches faster where many commits have left the index in parts; an
        engine that need not does nothing.
        """

    @abstractmethod
    def close(self) -> None:
        """Release files and locks; uncommitted changes are dropped."""


class Engine(ABC):
    """Searches a text index as it was when this was opened, whatever a writer, in whatever process,
    commits after that. (On a cluster the counts stay; what is committed to the index can be found.)

    Where the index is missing or broken, or made in another way, methods raise EngineBroken or
    EngineOutdated; where the engine cannot run now, EngineUnavailable; where it cannot run so
    large a query, QueryTooLarge. Reading changes nothing. What is asked is made by
    `lexsearch.engines.scoring.Scorer`.

    analyzer: makes the terms that the index has, without looking at it.
    is_far: each question is a round trip: one large question costs less than two small ones.
    """

    analyzer: Analyzer
    is_far: ClassVar[bool] = False

    @abstractmethod
    def search(self, query: ScoredQuery, k: int) -> TopDocs:
        """The k best documents, ties in order of doc_id, and how many match."""

    @abstractmethod
    def count(self, query: ScoredQuery | None = None) -> int:
        """How many documents match; without a query, how many there are."""

    @abstractmethod
    def frequencies(self, terms: Collection[Term]) -> Mapping[Term, int]:
        """For each term, how many documents have it, in one round trip. Of a Term without text,
        how many documents have its field. An engine may count documents that were replaced or
        deleted lately, in both alike.
        """

    @abstractmethod
    def similar(self, term: Term) -> list[str]:
        """Other terms of the field that are written almost alike: one letter off, from six letters
        on two; the nearest first, and of those as near the commonest.
        """

    @abstractmethod
    def stored(self, doc_ids: Sequence[str]) -> list[StoredDocument]:
        """What the index holds of documents; nothing of unknown ones."""

    @abstractmethod
    def is_current(self) -> bool:
        """Whether nothing was committed since this was opened."""

    @abstractmethod
    def reopened(self) -> Self:
        """The index as it is now, which takes over what did not change. This one stays as it is,
        and open.
        """

    @abstractmethod
    def close(self) -> None:
        """Release files."""


def expect_one_search(
    address: str | os.PathLike[str] = "", text: str = "", mode: str = "best"
) -> None:
    """For a command that ends after one search: make that quick, whatever later ones would take.

    Heeded by an engine that is opened first after this. address: of the text index that will be
    opened; one in a folder is opened at once, on a thread, and searched for the words of a text in
    a mode, so that most of what it takes is loaded when the search comes.
    """
    from lexsearch.engines.lucene.jvm import hurry

    hurry()
    place = os.fspath(address)
    if place and not place.startswith(MEMORY) and not is_cluster(place):
        from lexsearch.engines.lucene.ahead import open_ahead

        _opening[place] = open_ahead(Path(place), text, mode)


MEMORY = "memory:"
_opening: dict[str, Future[LuceneEngine]] = {}


def is_cluster(address: str | os.PathLike[str]) -> bool:
    """Whether an address is that of an index on a cluster, and not a folder."""
    return os.fspath(address).startswith(("opensearch+http://", "opensearch+https://"))


def has_index(address: str | os.PathLike[str]) -> bool:
    """Whether there is a text index at an address, of whatever state."""
    place = os.fspath(address)
    if place.startswith(MEMORY):
        from lexsearch.engines.memory import INDEXES

        return place in INDEXES
    if is_cluster(place):
        from lexsearch.engines.opensearch import is_there

        return is_there(place)
    from lexsearch.engines.lucene import layout

    return layout.has_index(Path(place))


def open_engine(address: str | os.PathLike[str]) -> Engine:
    """The text index at an address, to search it: a folder, "memory:NAME", or an index on a
    cluster, "opensearch+https://HOST:PORT/NAME". All but the one in memory have the same terms.

    Raises EngineBroken when it is missing or damaged, EngineOutdated when it was made in another
    way, EngineUnavailable when the engine cannot run here.
    """
    place = os.fspath(address)
    if place in _opening:
        return _opening.pop(place).result()
    if place.startswith(MEMORY):
        from lexsearch.engines.memory import MemoryEngine

        return MemoryEngine(place)
    if is_cluster(place):
        from lexsearch.engines.lucene.analysis import ANALYZER
        from lexsearch.engines.opensearch import OpenSearchEngine

        return OpenSearchEngine(place, ANALYZER)
    from lexsearch.engines.lucene import LuceneEngine

    return LuceneEngine(Path(place))


def open_writer(
    address: str | os.PathLike[str], *, anew: bool = False, owner: str = ""
) -> EngineWriter:
    """The text index at an address, to change it; a missing one is made.

    anew: whatever is there, readable or not, will be replaced: for `replace` alone.
    owner: who fills it, for a cluster, where somebody else's is refused with IndexUnusable.
    Raises as `open_engine` does, before anything is touched, and IndexLocked.
    """
    place = os.fspath(address)
    if place.startswith(MEMORY):
        from lexsearch.engines.memory import MemoryWriter

        return MemoryWriter(place)
    if is_cluster(place):
        from lexsearch.engines.lucene.analysis import ANALYZER
        from lexsearch.engines.opensearch.writer import OpenSearchWriter

        return OpenSearchWriter(place, ANALYZER, anew=anew, owner=owner)
    from lexsearch.engines.lucene.writer import LuceneWriter

    return LuceneWriter(Path(place), anew=anew)
