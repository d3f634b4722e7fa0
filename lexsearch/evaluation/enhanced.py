"""Rankings for queries with a language model's sentences beside them."""

from __future__ import annotations

from collections.abc import Sequence

from lexsearch.engines import ScoredDoc
from lexsearch.evaluation.sources import Source
from lexsearch.language.enhancing import Enhanced, Enhancer
from lexsearch.records import Keyword, ProgressCallback, Query
from lexsearch.searching.fusing import fusion


class EnhancedSource(Source):
    """Another source, asked for each query and its sentences at once (Flickr30K-CFQ, Sec. 4).

    fuse, weight: as in `Index.search`, the weight of what is asked in every batch.
    Queries without a sentence are ranked as the source ranks them, and counted: `not_enhanced`.
    """

    def __init__(
        self, source: Source, enhancer: Enhancer, fuse: str, weight: float | None = None
    ) -> None:
        self._source = source
        self._enhancer = enhancer
        self._fuse = fuse
        self._weight = weight
        self._enhanced: dict[str | Query, Enhanced] = {}
        self.names = source.names
        self.ranking = f"{source.ranking}, enhanced ({fuse})"
        self.not_enhanced = 0

    def prepare(self, queries: Sequence[str | Query], progress: ProgressCallback) -> None:
        """Ask the model about all queries. Raises ModelUnavailable where it is not there."""
        enhanced = self._enhancer.enhance_all(queries, progress)
        self._enhanced.update(zip(queries, enhanced, strict=True))
        lost = [(query, one) for query, one in self._enhanced.items() if not one.sentences]
        self.not_enhanced = len(lost)
        self.notes = list(self._source.notes)
        if lost:
            query, first = lost[0]
            self.notes.append(
                f"{len(lost)} of {len(self._enhanced)} queries were not enhanced, and ranked as "
                f"they are (the first: {query}: {first.note})"
            )
        sentences = dict.fromkeys(text for one in enhanced for text in one.sentences)
        self._source.prepare([*queries, *map(_plain, sentences)], progress)

    def name_of(self, called: str) -> str | None:
        return self._source.name_of(called)

    def rank(self, query: str | Query, depth: int | None) -> list[ScoredDoc]:
        if query not in self._enhanced:
            self.prepare([query], lambda progress: None)
        enhanced = self._enhanced[query]
        if not enhanced.sentences:
            return self._source.rank(query, depth)
        how = fusion(self._fuse, enhanced.weight(self._fuse, self._weight))
        return self._source.rank_several(query, enhanced.sentences, how, depth)


def _plain(sentence: str) -> Query:
    return Query((Keyword(sentence),))
