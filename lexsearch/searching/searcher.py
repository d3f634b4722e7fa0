"""Answers queries: what is asked of an engine, and what it found."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

from lexsearch.engines import PAPER, Engine, EngineQuery, Ranking, ScoredDoc, StoredDocument
from lexsearch.engines.scoring import Scorer
from lexsearch.engines.weights import WEIGHTS, RankingWeights
from lexsearch.records import Evidence, Query, Suggestion, UnmatchedKeyword
from lexsearch.searching.concepts import Concepts
from lexsearch.searching.evidence import Reader, Search
from lexsearch.searching.suggestions import Suggestions
from lexsearch.searching.typical import Tally, tally
from lexsearch.text.lexicon import Lexicon

Match = Literal["best", "all", "any"]
MATCHES: tuple[Match, ...] = ("best", "all", "any")
MODES = ("best", "paper")


class SearchHits(NamedTuple):
    """What a search found: documents, best first, how many match, and what is stored of each.

    searches: what was looked for, to tell why they match.
    """

    documents: list[ScoredDoc]
    total: int
    stored: list[StoredDocument]
    searches: list[Search]


class Explanation(NamedTuple):
    """Why a document matches: evidence, and the keywords that it lacks."""

    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]


class Searcher:
    """Answers queries with an engine and a lexicon.

    ranking: BM25's parameters in paper mode. weights: of all else.
    """

    def __init__(
        self,
        engine: Engine,
        lexicon: Lexicon,
        ranking: Ranking = PAPER,
        weights: RankingWeights = WEIGHTS,
    ) -> None:
        self._engine = engine
        scorer = self._scorer = Scorer(engine, weights, ranking)
        self._reader = Reader(engine.analyzer, weights)
        self._concepts = Concepts(engine, scorer, lexicon, self._reader)
        self._suggestions = Suggestions(engine, scorer, lexicon, self._concepts)

    def find(self, query: Query, k: int, mode: str, match: Match, skip: int = 0) -> SearchHits:
        """The k best documents after the first `skip`; see `Index.search`."""
        if mode == "paper":
            best, total = self._scorer.bm25(query.text, skip + k)
            searches = [Search(keyword, None) for keyword in query.keywords]
        else:
            query = self._parted(query, match)
            wanted = self._concepts.wanted(query, match == "all")
            best, total = self._scorer.search(self._ranked(wanted, match), skip + k)
            if match == "any":
                total = self._scorer.count(wanted)
            searches = self._concepts.searches(query)
        documents = best[skip:]
        stored = self._engine.stored([scored.doc_id for scored in documents])
        return SearchHits(documents, total, stored, searches)

    def why(self, found: SearchHits) -> list[Explanation]:
        """Why each document matches. Reads nothing of the index."""
        if any(concept is None for _, concept in found.searches):
            return [
                Explanation(self._reader.paper(one, found.searches), ()) for one in found.stored
            ]
        return [Explanation(*self._reader.evidence(one, found.searches)) for one in found.stored]

    def unknown(
        self, found: SearchHits, why: Sequence[Explanation]
    ) -> tuple[UnmatchedKeyword, ...]:
        """The keywords that no document has, and known words near them."""
        lacked = [
            (keyword, concept)
            for keyword, concept in found.searches
            if concept is not None and all(str(keyword) in missing for _, missing in why)
        ]
        return tuple(
            UnmatchedKeyword(str(keyword), self._suggestions.nearest(keyword))
            for keyword, concept in lacked
            if not self._scorer.count(EngineQuery((concept,)))
        )

    def explain(self, query: Query, doc_id: str) -> tuple[StoredDocument, Explanation]:
        """What is stored of one document, and why it matches."""
        query = self._concepts.parted(query)
        [stored] = self._engine.stored([doc_id])
        return stored, Explanation(*self._reader.evidence(stored, self._concepts.searches(query)))

    def rank(self, query: Query, k: int, mode: str, match: Match) -> list[ScoredDoc]:
        """The k best documents alone."""
        if mode == "paper":
            return self._scorer.bm25(query.text, k).best
        wanted = self._concepts.wanted(self._parted(query, match), match == "all")
        return self._scorer.search(self._ranked(wanted, match), k).best

    def _parted(self, query: Query, match: Match) -> Query:
        return self._concepts.parted(query) if match == "best" else query

    def _ranked(self, wanted: EngineQuery, match: Match) -> EngineQuery:
        if match == "any":
            return self._concepts.ranked(wanted)
        return self._concepts.softened(wanted) if match == "best" else wanted

    def total(self, query: Query, match: Match) -> int:
        """How many documents match."""
        return self._scorer.count(self._concepts.wanted(self._parted(query, match), match == "all"))

    def state(self) -> Hashable:
        """As of the engine."""
        return self._engine.state()

    def count(self) -> int:
        """How many documents can be found."""
        return self._engine.count()

    def suggest(self, query: Query, n: int, k: int) -> list[Suggestion]:
        """Next keywords: words that split the k best documents best, never one already used."""
        stored, said = self._best_said(query, k)
        return self._suggestions.following(query, stored, said, n)

    def words(self, query: Query, n: int, k: int) -> list[Suggestion]:
        """The commonest words of the k best documents, with how many of them have each."""
        _, said = self._best_said(query, k)
        words = [
            Suggestion(said.word(term), count)
            for term, count in said.having.items()
            if term.isalpha() and len(term) > 2
        ]
        return sorted(words, key=lambda each: (-each.count, each.word))[:n]

    def _best_said(self, query: Query, k: int) -> tuple[list[StoredDocument], Tally]:
        """The k best documents, and what they say."""
        best = self.rank(query, k, "best", "best")
        stored = self._engine.stored([scored.doc_id for scored in best])
        return stored, tally(self._reader, stored, [1.0] * len(stored))
