"""Rankings of which a language model put the first in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lexsearch.engines import ScoredDoc
from lexsearch.errors import ModelError, QueryError
from lexsearch.evaluation.sources import IndexSource, Source
from lexsearch.language.enhancing import free_part
from lexsearch.language.judging import order_of, question
from lexsearch.records import ProgressCallback, Query
from lexsearch.text.queries import parse

AskAll = Callable[..., list[str | ModelError]]
"""`lexsearch.language.asking.ask_all`, of a model."""


class RerankedSource(Source):
    """Another source, the first documents of each ranking in the order that a model gives them.

    described: the index, whose captions are sent to the model. Queries whose answer is no order
    are ranked as the source ranks them, and counted: `not_reranked`.
    """

    def __init__(self, source: Source, described: IndexSource, ask: AskAll, first: int) -> None:
        self._source = source
        self._described = described
        self._ask = ask
        self._first = first
        self._orders: dict[str | Query, list[ScoredDoc]] = {}
        self.names = source.names
        self.ranking = f"{source.ranking}, the first {first} ordered by a language model"
        self.not_reranked = 0

    def prepare(self, queries: Sequence[str | Query], progress: ProgressCallback) -> None:
        """Ask the model about all queries. Raises ModelUnavailable where it is not there."""
        self._source.prepare(queries, progress)
        firsts = {query: self._source.rank(query, self._first) for query in queries}
        asked = {
            query: first for query, first in firsts.items() if len(first) > 1 and _plain(query)
        }
        questions = [
            question(_plain(query), [self._described.captions(hit.doc_id) for hit in first])
            for query, first in asked.items()
        ]
        answers = self._ask(questions, _has_numbers, progress=progress)
        lost: list[tuple[str | Query, ModelError]] = []
        for (query, first), answer in zip(asked.items(), answers, strict=True):
            order = order_of(answer, len(first)) if isinstance(answer, str) else None
            if order is None:
                error = answer if isinstance(answer, ModelError) else ModelError("no order")
                lost.append((query, error))
            else:
                self._orders[query] = [first[place] for place in order]
        self.not_reranked = len(lost)
        self.notes = list(self._source.notes)
        if lost:
            query, reason = lost[0]
            self.notes.append(
                f"{len(lost)} of {len(asked)} queries keep their order (the first: {query}: "
                f"{reason})"
            )

    def name_of(self, called: str) -> str | None:
        return self._source.name_of(called)

    def rank(self, query: str | Query, depth: int | None) -> list[ScoredDoc]:
        ranking = self._source.rank(query, depth)
        moved = self._orders.get(query, [])[:depth]
        scores = [hit.score for hit in ranking[: len(moved)]]  # as high as those of their places
        return [
            *(ScoredDoc(hit.doc_id, score) for hit, score in zip(moved, scores, strict=True)),
            *ranking[len(moved) :],
        ]


def _plain(query: str | Query) -> str:
    """What may be sent of a query."""
    try:
        return free_part(parse(query) if isinstance(query, str) else query)
    except QueryError:
        return ""


def _has_numbers(said: str) -> bool:
    return any(map(str.isdigit, said))
