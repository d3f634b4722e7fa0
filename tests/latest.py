"""An engine that follows its index, for tests that write and search by turns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Self

from lexsearch.engines import Engine, StoredDocument, TopDocs
from lexsearch.engines.nodes import ScoredQuery, Term


class Latest(Engine):
    """Asks the newest moment of the index that an engine was opened on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.analyzer = engine.analyzer

    @property
    def now(self) -> Engine:
        if not self._engine.is_current():
            before, self._engine = self._engine, self._engine.reopened()
            before.close()
        return self._engine

    def search(self, query: ScoredQuery, k: int) -> TopDocs:
        return self.now.search(query, k)

    def count(self, query: ScoredQuery | None = None) -> int:
        return self.now.count(query)

    def frequencies(self, terms: Collection[Term]) -> Mapping[Term, int]:
        return self.now.frequencies(terms)

    def similar(self, term: Term) -> list[str]:
        return self.now.similar(term)

    def stored(self, doc_ids: Sequence[str]) -> list[StoredDocument]:
        return self.now.stored(doc_ids)

    def is_current(self) -> bool:
        return self._engine.is_current()

    def reopened(self) -> Self:
        return self

    def close(self) -> None:
        self._engine.close()
