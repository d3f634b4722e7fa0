"""The engine contract: a text index of documents, and what can be asked of it.

An engine knows documents, words and how to weigh them. It knows nothing of files, captioners
or what a person typed: `lexsearch.searching.concepts` turns a query into what is wanted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lexsearch.records import Document, Passage


@dataclass(frozen=True, slots=True)
class Ranking:
    """BM25's parameters in `paper` mode; the paper uses 0.9 and 0.4 (Sec. 4.1).

    They take effect at the next search.
    """

    k1: float = 0.9
    b: float = 0.4


class ScoredDoc(NamedTuple):
    """One document found, best first."""

    doc_id: str
    score: float


class TopDocs(NamedTuple):
    """The best documents, best first, and how many match."""

    best: list[ScoredDoc]
    total: int


APART = 1
"""Words that may stand between those of a phrase: a traffic control light, no light in traffic."""


class Variant(NamedTuple):
    """One way in which a document may show that it is about a concept.

    text: a word, or a phrase whose words stand side by side.
    field: "caption", "text", "name", "about" or "date" (the beginning of one).
    weight: from 0 to 1, against the concept's own words in a caption.
    apart: other words (see APART) may stand between those of a phrase, at a lower score.
    """

    text: str
    weight: float = 1.0
    field: str = "caption"
    apart: bool = False


class Concept(NamedTuple):
    """One thing that is looked for, or several that make up a sentence.

    variants: a document with any of these matches.
    hints: these alone are no match, but raise the rank.
    parts: or else, a document matches that matches `least` of these; those that few documents
        match weigh more.
    sentence: with parts, the captions are also weighed by BM25 against this text.
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
    """

    concepts: tuple[Concept, ...]
    required: tuple[Concept, ...] = ()
    excluded: tuple[Concept, ...] = ()
    everything: bool = False


class StoredDocument(NamedTuple):
    """What an index holds of a document: its passages, and its picture's width and height."""

    passages: tuple[Passage, ...] = ()
    size: tuple[int, int] | None = None


class EngineWriter(ABC):
    """Changes a text index. They are visible, to every process, after `commit`."""

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

    @abstractmethod
    def compact(self) -> None:
        """Rewrite the whole index in one piece, which is searched faster than many, and commit;
        where the disk has no room for that, leave it as it is.
        """

    @abstractmethod
    def close(self) -> None:
        """Release files and locks; uncommitted changes are dropped."""


class Engine(ABC):
    """Searches a text index; sees what a writer has committed, in whatever process.

    Where the index is missing or broken, or made in another way, methods raise EngineBroken or
    EngineOutdated; an engine that reads changes nothing.
    """

    @abstractmethod
    def bm25(self, text: str, k: int) -> TopDocs:
        """The k best documents for a bag of words by BM25 with Porter stems, ties in order of
        doc_id: what the paper does (Sec. 3.2), and what Pyserini gives.
        """

    @abstractmethod
    def search(self, wanted: EngineQuery, k: int) -> TopDocs:
        """The k best documents (docs/how-it-ranks.md), ties in order of doc_id."""

    @abstractmethod
    def count(self, wanted: EngineQuery | None = None) -> int:
        """How many documents match; without `wanted`, how many there are."""

    @abstractmethod
    def state(self) -> int:
        """Goes up when the index has changed: what was learned from it before is out of date."""

    @abstractmethod
    def terms(self, texts: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """For each text its words as `search` compares them, without stop words, in order. The
        mapping may hold more texts than asked for.
        """

    @abstractmethod
    def stems(
        self, words: Collection[str], field: str = "caption", *, paper: bool = False
    ) -> Mapping[str, str]:
        """What `search` in a field, or with `paper` `bm25`, compares in place of each single word,
        "" for those they leave out (stop words). The mapping may hold more words than asked for.
        """

    @abstractmethod
    def frequencies(self, terms: Iterable[str]) -> Mapping[str, int]:
        """For each term, how many documents have it in a caption, roughly where documents
        were replaced lately.
        """

    @abstractmethod
    def similar(self, term: str) -> list[str]:
        """Terms in the captions that are written almost alike, the nearest first."""

    @abstractmethod
    def stored(self, doc_ids: Sequence[str]) -> list[StoredDocument]:
        """What the index holds of documents; nothing of unknown ones."""

    @abstractmethod
    def close(self) -> None:
        """Release files."""


def expect_one_search() -> None:
    """For a command that ends after one search: make that quick, whatever later ones would take.

    Heeded by an engine that is opened first after this.
    """
    from lexsearch.engines.lucene.jvm import hurry

    hurry()


def open_engine(folder: Path, ranking: Ranking = Ranking()) -> Engine:
    """The text index in a folder, to search it.

    Raises EngineBroken when it is missing or damaged, EngineOutdated when it was made in another
    way, EngineUnavailable when the engine cannot run here.
    """
    from lexsearch.engines.lucene import LuceneEngine

    return LuceneEngine(folder, ranking)


def open_writer(folder: Path, *, anew: bool = False) -> EngineWriter:
    """The text index in a folder, to change it; a missing one is made.

    anew: whatever is there, readable or not, will be replaced: for `replace` alone.
    Raises as `open_engine` does, before anything is touched, and IndexLocked.
    """
    from lexsearch.engines.lucene.writer import LuceneWriter

    return LuceneWriter(folder, anew=anew)
