"""The engine contract: a text index of documents, ranked by BM25.

An engine knows documents and queries. It knows nothing of files, captioners or who asks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lexsearch.records import Document, Query

ANALYZERS = ("english", "porter")
"""How words are reduced to terms: "english" (word forms meet: bus, buses; man, men) or
"porter", the paper's (Pyserini's default: Porter stems and stop words)."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How an index ranks. k1 and b are BM25's; the paper uses 0.9 and 0.4 (Sec. 4.1).

    Changing `analyzer` needs a reindex; k1 and b take effect at the next search.
    """

    analyzer: str = "english"
    k1: float = 0.9
    b: float = 0.4


class Scored(NamedTuple):
    """One document found, best first."""

    doc_id: str
    score: float


class Engine(ABC):
    """A text index in a folder. Changes are visible, to every process, after `commit`."""

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
    def search(self, query: Query, k: int) -> list[Scored]:
        """The k best documents by BM25, ties in order of doc_id."""

    @abstractmethod
    def matched_words(self, query: Query, doc_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """For each document, the words in it that matched, as written there, commonest first."""

    @abstractmethod
    def count(self) -> int:
        """How many documents can be found."""

    @abstractmethod
    def close(self) -> None:
        """Release files and locks; uncommitted changes are dropped."""


def open_engine(folder: Path, ranking: Ranking, *, write: bool) -> Engine:
    """The engine of an index folder; `write` creates it when missing.

    Raises EngineError when there is none to read, or it is broken.
    """
    from lexsearch.engines.lucene import LuceneEngine

    return LuceneEngine(folder, ranking, write=write)
