"""Answers queries: what is asked of an engine, and what it found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from lexsearch.engines import (
    PAPER,
    Engine,
    EngineQuery,
    Ranking,
    ScoredDoc,
    StoredDocument,
    TopDocs,
)
from lexsearch.engines.scoring import Scorer
from lexsearch.engines.weights import WEIGHTS, RankingWeights
from lexsearch.records import Below, Evidence, Keyword, Query, Suggestion, UnmatchedKeyword
from lexsearch.searching.concepts import Concepts
from lexsearch.searching.evidence import Reader, Search
from lexsearch.searching.fusing import Fused, Fusion, fuse, variants
from lexsearch.searching.suggestions import Suggestions
from lexsearch.searching.typical import Tally, tally
from lexsearch.text.lexicon import Lexicon

Match = Literal["best", "all", "any"]
MATCHES: tuple[Match, ...] = ("best", "all", "any")
MODES = ("best", "paper")

_MOST_TYPED = 10_000  # matches of what was typed that an everyday list of several sentences has
_MOST_BESIDE = 200  # and of each other sentence
_PLACES = 1000  # of each sentence that count where places are added up
_SAYING_BY = 3  # sentences that a hit names as those that found it


class SearchHits(NamedTuple):
    """What a search found: documents, best first, how many match, and what is stored of each.

    searches: what was looked for, to tell why they match. beside: the same for each other sentence.
    votes: of each document, in a vote. listed: how many a list of all would have, with those below
    its lines that do not match. lined: whether it is a list in such parts. near: what has to do
    with it, where that was asked for too.
    """

    documents: list[ScoredDoc]
    total: int
    stored: list[StoredDocument]
    searches: list[Search]
    beside: list[Search]
    votes: list[float | None]
    listed: int
    lined: bool = False
    near: Sequence[Search] = ()


class Explanation(NamedTuple):
    """Why a document matches: evidence, the keywords that it lacks and, where it has none of them,
    the sentences that found it. below: which line of the list it stands below (`Hit.below`).
    """

    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    by: tuple[str, ...] = ()
    below: Below = ""


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
        self._concepts = Concepts(engine, scorer, lexicon)
        self._suggestions = Suggestions(engine, scorer, lexicon, self._concepts)

    def find(
        self,
        query: Query,
        k: int,
        mode: str,
        match: Match,
        skip: int = 0,
        fusion: Fusion = Fusion(),  # noqa: B008 (a tuple)
        maybe: bool = False,
        lacking: bool = False,
    ) -> SearchHits:
        """The k best documents after the first `skip`; see `Index.search`."""
        typed = self._typed(query, mode, match)
        near = self._concepts.nearby(typed) if maybe else []
        if query.also:
            best, total = self._several(query, skip + k, mode, match, fusion)
            return self.told(query, best[skip:], total, mode, match)
        musts = query if lacking else None
        best, total, listed = self._one(typed, skip + k, mode, match, near, musts)
        found = self.told(query, best[skip:], total, mode, match)
        lined = mode == "best" and match != "any"
        return found._replace(listed=listed, lined=lined, near=near)

    def best(
        self, query: Query, k: int, mode: str, match: Match, fusion: Fusion
    ) -> tuple[list[Fused], int]:
        """The k best documents, and how many match."""
        if query.also:
            return self._several(query, k, mode, match, fusion)
        best, total, _ = self._one(self._typed(query, mode, match), k, mode, match)
        return best, total

    def _typed(self, query: Query, mode: str, match: Match) -> Query:
        typed = replace(query, also=())
        return typed if mode == "paper" else self._parted(typed, match)

    def told(
        self, query: Query, best: Sequence[Fused], total: int, mode: str, match: Match
    ) -> SearchHits:
        """Documents that a query found, with what is stored of them and what was looked for."""
        typed = self._typed(query, mode, match)
        documents = [ScoredDoc(one.doc_id, one.score) for one in best]
        votes = [one.votes for one in best]
        stored = self._engine.stored([scored.doc_id for scored in documents])
        searches, beside = self._searches(typed, mode), self._beside(query, mode)
        return SearchHits(documents, total, stored, searches, beside, votes, total)

    def _one(
        self,
        query: Query,
        k: int,
        mode: str,
        match: Match,
        near: Sequence[Search] = (),
        narrowed: Query | None = None,
    ) -> tuple[list[Fused], int, int]:
        """The k best documents, how many match, and how many a list of all would have.

        narrowed: the query as typed, where what lacks its musts is to follow.
        """
        if mode == "paper":
            best, total = self._scorer.bm25(query.text, k)
            return [Fused(*one) for one in best], total, total
        wanted = self._concepts.wanted(query, match == "all")
        if narrowed:
            wanted = self._concepts.narrowed(wanted, narrowed)
        nearby = tuple(one.concept for one in near if one.concept)
        listing = wanted._replace(near=nearby, lacking=bool(wanted.narrowing))
        best, listed = self._top(listing, match, k)
        counted = match == "any" or listing.near or listing.lacking
        total = self._scorer.count(wanted) if counted else listed
        return [Fused(*one) for one in best], total, listed

    def _several(
        self, query: Query, k: int, mode: str, match: Match, fusion: Fusion
    ) -> tuple[list[Fused], int]:
        """The k best documents for several sentences, and how many they find."""
        each = variants(query)
        weights = fusion.weights(len(query.also))
        if mode == "paper" and fusion.how == "sum":
            texts = [(one.text, weight) for one, weight in zip(each, weights, strict=True)]
            best, total = self._scorer.bm25_of(texts, k)
            return [Fused(*one) for one in best], total
        if match == "any" and fusion.how == "sum":
            wanted = [self._concepts.ranked(self._concepts.wanted(one, False)) for one in each]
            best, total = self._scorer.sum_of(zip(wanted, weights, strict=True), k)
            return [Fused(*one) for one in best], total
        found = self._lists(each, mode, match, max(k, _PLACES) if fusion.how == "rrf" else None)
        fused = fuse(found, weights, fusion.how)
        return fused[:k], len(fused)

    def _lists(
        self, each: Sequence[Query], mode: str, match: Match, depth: int | None
    ) -> list[list[ScoredDoc]]:
        """What each sentence finds. Everyday lists end: with all that match what was typed, and
        the best of the other sentences, of which "all" keeps those that match what was typed.
        """
        if mode == "paper" or match == "any":
            depth = depth or self._engine.count()
            return [self.rank(one, depth, mode, match) for one in each]
        typed = self.rank(each[0], _MOST_TYPED, mode, match)
        beside = [self._ranked(self._concepts.wanted(one, True), "best") for one in each[1:]]
        found = [self._scorer.search(wanted, _MOST_BESIDE).best for wanted in beside]
        if match == "all":
            kept = {doc_id for doc_id, _ in typed}
            found = [[one for one in ranking if one.doc_id in kept] for ranking in found]
        return [typed, *found]

    def _searches(self, query: Query, mode: str) -> list[Search]:
        if mode == "paper":
            return [Search(keyword, None) for keyword in query.keywords]
        return self._concepts.searches(query)

    def _beside(self, query: Query, mode: str) -> list[Search]:
        sentences = tuple(map(Keyword, dict.fromkeys(query.also)))
        return self._searches(Query(sentences), mode)

    def why(self, found: SearchHits) -> list[Explanation]:
        """Why each document matches. Reads nothing of the index."""
        return [self._why_below(one, found) for one in found.stored]

    def _why_below(self, stored: StoredDocument, found: SearchHits) -> Explanation:
        why = self._why(stored, found.searches, found.beside)
        if not found.lined:
            return why
        musts = {str(one.keyword) for one in found.searches if one.keyword.sign == "+"}
        if why.evidence and not musts.isdisjoint(why.missing):
            return why._replace(below="lacking")
        if why.evidence and all(one.doubtful for one in why.evidence):
            return why._replace(below="perhaps")
        if why.evidence or not found.near:
            return why
        near = self._why(stored, found.near, ())
        return Explanation(near.evidence, why.missing, below="near")

    def _why(
        self, stored: StoredDocument, searches: Sequence[Search], beside: Sequence[Search]
    ) -> Explanation:
        if any(concept is None for _, concept in searches):
            why = Explanation(self._reader.paper(stored, searches), ())
        else:
            why = Explanation(*self._reader.evidence(stored, searches))
        if why.evidence or not beside:
            return why
        found = [(one, self._why(stored, [one], ()).evidence) for one in beside]
        saying = [(one, evidence) for one, evidence in found if evidence][:_SAYING_BY]
        if not saying:
            return why
        told = self._why(stored, [*searches, *(one for one, _ in saying)], ()).evidence
        return Explanation(told, why.missing, tuple(one.keyword.text for one, _ in saying))

    def unknown(
        self, found: SearchHits, why: Sequence[Explanation]
    ) -> tuple[UnmatchedKeyword, ...]:
        """The keywords that no document has, and known words near them."""
        lacked = [
            (keyword, concept)
            for keyword, concept in found.searches
            if concept is not None and all(str(keyword) in one.missing for one in why)
        ]
        return tuple(
            UnmatchedKeyword(str(keyword), self._suggestions.nearest(keyword))
            for keyword, concept in lacked
            if not self._scorer.count(EngineQuery((concept,)))
        )

    def explain(self, query: Query, doc_id: str) -> tuple[StoredDocument, Explanation]:
        """What is stored of one document, and why it matches."""
        beside = self._beside(query, "best")
        query = self._concepts.parted(query)
        [stored] = self._engine.stored([doc_id])
        return stored, self._why(stored, self._concepts.searches(query), beside)

    def rank(
        self,
        query: Query,
        k: int,
        mode: str,
        match: Match,
        fusion: Fusion = Fusion(),  # noqa: B008 (a tuple)
    ) -> list[ScoredDoc]:
        """The k best documents alone."""
        if query.also:
            best, _ = self._several(query, k, mode, match, fusion)
            return [ScoredDoc(one.doc_id, one.score) for one in best]
        if mode == "paper":
            return self._scorer.bm25(query.text, k).best
        wanted = self._concepts.wanted(self._parted(query, match), match == "all")
        return self._top(wanted, match, k).best

    def _top(self, wanted: EngineQuery, match: Match, k: int) -> TopDocs:
        """The k best documents. What goes with concepts is learned only where it may matter."""
        found = None
        if match == "best" and not (wanted.near or wanted.lacking):
            found = self._scorer.having_all(wanted, k)
        return self._scorer.search(self._ranked(wanted, match), k) if found is None else found

    def _parted(self, query: Query, match: Match) -> Query:
        return self._concepts.parted(query) if match == "best" else query

    def _ranked(self, wanted: EngineQuery, match: Match) -> EngineQuery:
        if match == "any":
            return self._concepts.ranked(wanted)
        return self._concepts.softened(wanted) if match == "best" else wanted

    def total(self, query: Query, match: Match) -> int:
        """How many documents match."""
        return self._scorer.count(self._concepts.wanted(self._parted(query, match), match == "all"))

    def terms(self, words: Collection[str]) -> Mapping[str, Sequence[str]]:
        """What the text index makes of words."""
        return self._engine.analyzer.terms(words)

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
        return stored, tally(self._engine.analyzer, stored, [1.0] * len(stored))
