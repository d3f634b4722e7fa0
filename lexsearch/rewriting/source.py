"""Rankings for queries with a rewrite beside them, or in their place."""

from __future__ import annotations

from collections.abc import Sequence

from lexsearch.engines import ScoredDoc
from lexsearch.evaluation.sources import Source
from lexsearch.records import Keyword, ProgressCallback, Query
from lexsearch.rewriting.rewriter import Rewriter, Rewritten
from lexsearch.searching.fusing import fusion

ONLY = "only"
"""The way of fusing that asks the rewrite alone, as in MGQRe."""
_WEIGHT = 1.0  # of what is typed, against 1 of the rewrite


class RewrittenSource(Source):
    """Another source, asked for each query and its rewrite.

    fuse: as in `Index.search`, or "only" for the rewrite alone. Queries without a rewrite are
    ranked as the source ranks them; those for which there is a reason are counted:
    `not_rewritten`.
    """

    def __init__(
        self, source: Source, rewriter: Rewriter, fuse: str, weight: float | None = None
    ) -> None:
        self._source = source
        self._rewriter = rewriter
        self._fuse = fuse
        self._weight = _WEIGHT if weight is None else weight
        self._rewritten: dict[str | Query, Rewritten] = {}
        self.names = source.names
        self.ranking = f"{source.ranking}, rewritten ({fuse})"
        self.not_rewritten = 0

    def prepare(self, queries: Sequence[str | Query], progress: ProgressCallback) -> None:
        """Rewrite all queries. Raises ModelUnavailable where the model is not there."""
        new = [query for query in dict.fromkeys(queries) if query not in self._rewritten]
        self._rewritten.update(zip(new, self._rewriter.rewrite(new), strict=True))
        lost = [(query, one) for query, one in self._rewritten.items() if one.note]
        self.not_rewritten = len(lost)
        self.notes = list(self._source.notes)
        if lost:
            query, first = lost[0]
            self.notes.append(
                f"{len(lost)} of {len(self._rewritten)} queries were not rewritten, and ranked as "
                f"they are (the first: {query}: {first.note})"
            )
        learned = self._rewriter.retriever
        if learned and not learned.startswith(self._source.ranking):
            self.notes.append(f"the rewriter learned from another search: {learned}")
        texts = [Query((Keyword(one.text),)) for one in self._rewritten.values() if one.text]
        self._source.prepare([*queries, *texts], progress)

    def name_of(self, called: str) -> str | None:
        return self._source.name_of(called)

    def rank(self, query: str | Query, depth: int | None) -> list[ScoredDoc]:
        if query not in self._rewritten:
            self.prepare([query], lambda progress: None)
        rewritten = self._rewritten[query]
        if not rewritten.text:
            return self._source.rank(query, depth)
        if self._fuse == ONLY:
            return self._source.rank(rewritten.alone, depth)
        how = fusion(self._fuse, self._weight)
        return self._source.rank_several(query, [rewritten.text], how, depth)
