"""Where rankings come from: an index, or a file of captions.

Documents are called by the names that a data set or judgements have for them.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, unquote

from lexsearch.engines import ScoredDoc
from lexsearch.errors import EvaluationError, QueryError
from lexsearch.evaluation.dataset import names_of, stem
from lexsearch.index import Index
from lexsearch.records import Keyword, ProgressCallback, Query, unheard
from lexsearch.searching.fusing import Fusion, fused
from lexsearch.searching.reranking import described
from lexsearch.searching.searcher import Match

_RANKINGS: Mapping[Match, str] = {
    "any": "what keywords mean",
    "best": "what keywords mean, as an everyday search lists them",
    "all": "what keywords mean, only those that have all",
}


class Source(ABC):
    """Something that ranks documents by a text.

    names: all documents that it could find. ranking: by what it ranks, and notes: what does not
    fit, for people.
    """

    names: Set[str]
    ranking: str
    notes: Sequence[str] = ()

    def prepare(  # noqa: B027
        self, queries: Sequence[str | Query], progress: ProgressCallback
    ) -> None:
        """Get told all queries that `rank` will be asked; for sources that do better in bulk."""

    @abstractmethod
    def rank(self, query: str | Query, depth: int | None) -> list[ScoredDoc]:
        """The best `depth` documents, or all that match, best first."""

    def rank_several(
        self, query: str | Query, also: Sequence[str], fusion: Fusion, depth: int | None
    ) -> list[ScoredDoc]:
        """The same for a query and other sentences at once."""
        texts = [query, *(Query((Keyword(sentence),)) for sentence in also)]
        return fused([self.rank(text, None) for text in texts], fusion)[:depth]

    def name_of(self, called: str) -> str | None:
        """The name among `names` of a document that a run calls so, percent-encoded or not, with
        or without folder and extension; None when there is no such document.
        """
        for name in (called, unquote(called), stem(unquote(called))):
            if name in self.names:
                return name
        return None


class IndexSource(Source):
    """An index, its documents called by the names wanted.

    A document is the one wanted whose name is its doc_id, the path of its picture below the
    folder that was indexed or a part of that from some folder on (percent-encoded, as in runs, or
    not), or its file name with or without extension. Captions that were imported are called by
    their path, and by a doc_id that looks like one, in the same way. The others keep their own
    name or, with `only`, are left out.

    Raises EvaluationError when none of the wanted is in the index.
    """

    def __init__(
        self,
        index: Index,
        wanted: Iterable[str],
        *,
        only: bool,
        mode: str = "paper",
        match: Match = "any",
    ) -> None:
        self._index = index
        self._mode = mode
        self._match = match
        settings = index.settings.ranking
        self.ranking = (
            f"BM25 as in the paper, k1 {settings.k1}, b {settings.b}"
            if mode == "paper"
            else _RANKINGS[match]
        )
        wanted = list(dict.fromkeys(wanted))
        known = frozenset(wanted)
        self._names: dict[str, tuple[str, ...]] = {}
        self._called: dict[str, str] = {}
        self._doc_ids: dict[str, str] = {}
        for doc_id, own, others in _all_names(index):
            found = tuple(dict.fromkeys(name for name in others if name in known))
            names = self._names[doc_id] = found or (() if only else (own,))
            for name in others if names else ():
                self._called.setdefault(name, names[0])
            for name in names:
                self._doc_ids.setdefault(name, doc_id)
        self.names = frozenset(name for names in self._names.values() for name in names)
        self._one_to_one = len(self.names) == len(self._names)
        self._own_names = all(names == (doc_id,) for doc_id, names in self._names.items())
        missing = [name for name in wanted if name not in self.names]
        if len(missing) == len(wanted):
            raise EvaluationError(
                f"none of the {len(wanted)} pictures wanted is in the index {index.name}: they are "
                f"called like {wanted[0]!r}, its documents like {next(iter(self._names), 'none')!r}"
            )
        if missing:
            self.notes = (
                f"{len(missing)} of {len(wanted)} pictures are not in the index, and count as "
                f"never found (the first: {missing[0]})",
            )

    def name_of(self, called: str) -> str | None:
        """As judgements are matched: by every name that a document has here."""
        name = super().name_of(called)
        return name or self._called.get(called) or self._called.get(unquote(called))

    def doc_id_of(self, name: str) -> str | None:
        """The document that is called so here."""
        return self._doc_ids.get(name)

    def captions(self, name: str) -> str:
        """What captions say of the document that is called so among `names`."""
        return described(self._index, self.doc_id_of(name) or name)

    def rank(self, query: str | Query, depth: int | None) -> list[ScoredDoc]:
        return self._rank(query, depth)

    def rank_several(
        self, query: str | Query, also: Sequence[str], fusion: Fusion, depth: int | None
    ) -> list[ScoredDoc]:
        return self._rank(query, depth, also=also, fuse=fusion.how, weight=fusion.weight)

    def _rank(self, query: str | Query, depth: int | None, **several: Any) -> list[ScoredDoc]:
        whole = depth is None or not self._one_to_one
        try:
            hits = self._index.rank(
                query,
                len(self._names) if whole else depth or 0,
                mode=self._mode,
                match=self._match,
                **several,
            )
        except QueryError:
            return []  # a text of nothing but commas
        if self._own_names:
            return hits
        if self._one_to_one:
            return [ScoredDoc(self._names[doc_id][0], score) for doc_id, score in hits]
        best: dict[str, float] = {}
        for doc_id, score in hits:
            for name in self._names[doc_id]:
                best.setdefault(name, score)
        return [ScoredDoc(*hit) for hit in best.items()][:depth]


def _all_names(index: Index) -> Iterator[tuple[str, str, list[str]]]:
    """Of every document: its doc_id, its name in runs, and all that it may be called, the most
    exact first.
    """
    documents = index.documents()
    for start in range(0, len(documents), 500):
        part = documents[start : start + 500]
        imported = index.places(part)
        for doc_id, paths in index.relative_paths(part).items():
            encoded = [quote(os.fsencode(path)) for path in paths]
            places = paths or (doc_id, *imported.get(doc_id, ()))
            names = [doc_id, *paths, *encoded]
            for place in places:
                names += names_of(place)
            yield doc_id, (encoded or [quote(doc_id, safe="/")])[0], names


@contextmanager
def index_of_captions(
    lines: Iterable[str],
    progress: ProgressCallback = unheard,
) -> Iterator[tuple[Index, list[str]]]:
    """A temporary index of captions as JSON Lines, and notes on
    lines that are no captions.

    Raises EvaluationError when no line is a caption.
    """
    with TemporaryDirectory(prefix="lexsearch-") as folder, Index(Path(folder) / "index") as index:
        outcome = index.import_captions(lines, progress)
        if not outcome.added:
            reason = f" (line {outcome.failed[0][0]}: {outcome.failed[0][1]})"
            raise EvaluationError(
                f"there is no caption in the file{reason if outcome.failed else ''}; "
                'each line should be like {"doc_id": "1", "text": "a dog"}'
            )
        notes = []
        if outcome.failed:
            number, reason = outcome.failed[0]
            notes.append(
                f"{len(outcome.failed)} lines are no captions (the first: line {number}: {reason})"
            )
        yield index, notes
