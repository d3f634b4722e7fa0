"""How documents are scored: docs/how-it-ranks.md in code.

A `Scorer` makes a tree (lexsearch.engines.nodes) from what is wanted, from how many documents have
each term, and from the weights; any engine runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from lexsearch.engines import PAPER, Concept, Engine, EngineQuery, Ranking, TopDocs, Variant
from lexsearch.engines.fields import CHAINS, CONTENTS, DATE, DOUBTFUL, EARLY, SAID
from lexsearch.engines.nodes import (
    Bool,
    Boost,
    Constant,
    MatchAll,
    Node,
    Phrase,
    Prefix,
    ScoredQuery,
    Sqrt,
    Synonyms,
    Term,
    idf_of,
)
from lexsearch.engines.weights import WEIGHTS, RankingWeights
from lexsearch.memo import Memo
from lexsearch.text.analysis import Analyzer, clean, irregular_forms
from lexsearch.text.words import EXACT, spaced, words_in, words_of

_MOST_FREQUENCIES = 200_000  # remembered
_FEW = 100  # documents that may well have all concepts
_BEHIND = 0.1  # of a tier, at most, for what lacks a required concept


class Parts(NamedTuple):
    """The trees of one concept.

    match: which documents match, or None when none can. score: how well any document does, if
    only by a hint. found: both in one, only for those that match; an engine that has scored it
    knows what it matches, and need not look for `match`. lesser: of a sentence, how well documents
    do that have a telling word of it, matching or not. sure: which documents match by more than
    few patches, or have the rarest word of a short sentence; None when all that match do.
    """

    match: Node | None
    score: Node
    found: Node | None
    lesser: Node | None = None
    sure: Node | None = None


class _Way(NamedTuple):
    """A variant as a node. idf: in its score. sure: where more than few patches say it; None when
    that is everywhere.
    """

    node: Node
    weight: float
    idf: float
    sure: Node | None = None


class Scorer:
    """Ranks the documents of an engine by what is wanted, with `weights`."""

    def __init__(
        self, engine: Engine, weights: RankingWeights = WEIGHTS, ranking: Ranking = PAPER
    ) -> None:
        self.weights = weights
        self._engine = engine
        self._ranking = ranking
        self._frequencies: dict[Term, int] = {}
        self._parts: Memo[Concept, Parts | None] = Memo(self._parts_of)

    def search(self, wanted: EngineQuery, k: int) -> TopDocs:
        """The k best documents, ties in order of doc_id."""
        query = self.query(wanted)
        return TopDocs([], 0) if query is None else self._engine.search(query, k)

    def having_all(self, wanted: EngineQuery, k: int) -> TopDocs | None:
        """The same, where k documents have all of several concepts: those come before all others,
        whatever others have in place of what they lack. None where they are fewer, or k is large,
        or the engine far away: to count all that match is another question.
        """
        if len(wanted.concepts) < 2 or k > _FEW or self._engine.is_far:
            return None
        query = self.query(wanted, len(wanted.concepts))
        best = self._engine.search(query, k).best if query else []
        return None if len(best) < k else TopDocs(best, self.count(wanted))

    def count(self, wanted: EngineQuery) -> int:
        """How many documents match."""
        query = self.query(wanted._replace(everything=False, near=(), lacking=False))
        return 0 if query is None else self._engine.count(query)

    def sum_of(self, wanted: Iterable[tuple[EngineQuery, float]], k: int) -> TopDocs:
        """The k best documents by the sum of weight * score."""
        queries = [(self.query(one), weight) for one, weight in wanted]
        trees = [_boost(query.tree, weight) for query, weight in queries if query is not None]
        if not trees:
            return TopDocs([], 0)
        query = ScoredQuery(_any(trees), self.weights.k1, self.weights.b)
        return self._engine.search(query, k)

    def bm25(self, text: str, k: int) -> TopDocs:
        """The k best documents for a bag of words by BM25 with Porter stems: what the paper does
        (Sec. 3.2), and what Pyserini gives.
        """
        return self.bm25_of([(text, 1.0)], k)

    def bm25_of(self, texts: Iterable[tuple[str, float]], k: int) -> TopDocs:
        """The same for several texts, each with its weight: as if it stood there so many times."""
        query = self.bag(texts)
        return TopDocs([], 0) if query is None else self._engine.search(query, k)

    def said(self, terms: Iterable[str]) -> Mapping[str, int]:
        """For each term, how many documents have it in a caption."""
        each = {Term(SAID, term) for term in terms}
        self._learn(each)
        return {term.text: self._frequencies[term] for term in each}

    def bag(self, texts: Iterable[tuple[str, float]]) -> ScoredQuery | None:
        """The tree of `bm25_of`; None when nothing can match."""
        each = [(spaced(text), weight) for text, weight in texts]
        stems = self._engine.analyzer.terms([words for words, _ in each], CHAINS[CONTENTS])
        counts: dict[Term, float] = {}
        for words, weight in each:
            for stem in stems[words]:
                term = Term(CONTENTS, stem)
                counts[term] = counts.get(term, 0.0) + weight
        self._learn(counts)
        ranking = self._ranking
        terms = [_boost(term, n) for term, n in counts.items() if self._frequencies[term]]
        return ScoredQuery(_any(terms), ranking.k1, ranking.b) if terms else None

    def query(self, wanted: EngineQuery, least: int = 0) -> ScoredQuery | None:
        """The tree of `search`; None when nothing can match. least: of the concepts, that a
        document must have.

        A document's score is the number of concepts that match, plus a share of the mean of how
        well they do, as a square root: so twice a little is better than once a lot.
        """
        asked = (wanted.concepts, wanted.required, wanted.excluded, wanted.soft, wanted.near)
        self._prepare([concept for each in asked for concept in each])
        known = self._known(wanted.concepts)
        free = self._known(one for one in wanted.concepts if one not in wanted.narrowing)
        limits = self._limits(wanted)
        share = self.weights.share / (len(wanted.concepts) or 1)
        found = self._named(known, share)
        scores = self._everything(known, share) if wanted.everything else found
        alone = len(wanted.concepts) - len(wanted.narrowing) == 1 and not wanted.everything
        lesser = self._lesser(free, share) if alone else []
        scores = [*scores, *lesser, *self._near(wanted, known, share)]
        if limits is None or len(found) < least or (wanted.concepts and not scores):
            return None
        if least:
            # What has all, but some of it in doubt, may come after what lacks something.
            sure = (one.sure for one in known if one.sure is not None)
            limits = limits._replace(filter=(*limits.filter, *sure))
        found_by = limits._replace(
            must=(_any(scores, least) if scores else MatchAll(),), should=self._soft(wanted, share)
        )
        tree: Node | None = found_by
        if wanted.narrowing:
            matches = [one.found for one in free if one.found is not None]
            tree = self._narrowed(found_by, [*matches, *lesser], wanted)
        return None if tree is None else ScoredQuery(tree, self.weights.k1, self.weights.b)

    def _known(self, concepts: Iterable[Concept]) -> list[Parts]:
        return [parts for one in concepts if (parts := self._parts[one]) is not None]

    def _narrowed(self, found: Bool, matches: Sequence[Node], wanted: EngineQuery) -> Node | None:
        """Of what is found what matches, and has all that narrows it; behind, what lacks some."""
        if not matches:
            return None
        each = [one.found for one in self._known(wanted.narrowing) if one.found is not None]
        matching = found._replace(filter=(*found.filter, _any(matches)))
        narrowed = matching._replace(filter=(*matching.filter, *each))
        there = [narrowed] if len(each) == len(wanted.narrowing) else []
        behind = []
        if wanted.lacking:
            without = (Bool(filter=tuple(each)),) if there else ()
            lacking = matching._replace(must_not=(*found.must_not, *without))
            behind = [Boost(lacking, _BEHIND / len(wanted.concepts))]
        return _any([*there, *behind]) if there or behind else None

    def _named(self, known: Sequence[Parts], share: float) -> list[Node]:
        nodes = []
        for one in known:
            if one.match is not None and one.found is not None:
                tier, more = self._tier(one, len(known))
                if self.weights.root:
                    nodes.append(_within(Sqrt(one.found, share, tier), more))
                else:
                    must = (_boost(Constant(one.match), tier), Boost(one.found, share))
                    nodes.append(Bool(must=must, should=more))
        return nodes

    def _tier(self, parts: Parts, concepts: int) -> tuple[float, tuple[Node, ...]]:
        """What a match counts by itself, and what more where it is sure: several matches that are
        not count less together than one that is.
        """
        tier = self.weights.tier
        if parts.sure is None:
            return tier, ()
        doubtful = tier * self.weights.doubtful / concepts
        return doubtful, (Boost(Constant(parts.sure), tier - doubtful),)

    def _lesser(self, known: Sequence[Parts], share: float) -> list[Node]:
        """What documents have that lack too much of a sentence: less than a concept."""
        return [
            Bool(
                must=(Sqrt(one.lesser, share, 0),),
                must_not=() if one.found is None else (one.found,),
            )
            for one in known
            if one.lesser is not None
        ]

    def _soft(self, wanted: EngineQuery, share: float) -> tuple[Node, ...]:
        """What documents have in place of the concepts that they lack: less than a concept."""
        found = []
        for concept, soft in zip(wanted.concepts, wanted.soft, strict=False):
            parts, near = self._parts[concept], self._parts[soft]
            if near is not None:
                node: Node = Sqrt(near.score, share, 0)
                if parts is not None and parts.found is not None:
                    node = Bool(must=(node,), must_not=(parts.found,))
                found.append(node)
        return tuple(found)

    def _near(self, wanted: EngineQuery, known: Sequence[Parts], share: float) -> list[Node]:
        """What documents have that match none of the concepts: less than a concept."""
        near = self._known(wanted.near)
        matches = tuple(one.found for one in known if one.found is not None)
        return [
            Bool(must=(Sqrt(one.found, share, 0),), must_not=matches)
            for one in near
            if one.found is not None
        ]

    def _everything(self, known: Sequence[Parts], share: float) -> list[Node]:
        root, matches = self.weights.root, []
        for one in known:
            if one.match is not None:
                tier, more = self._tier(one, len(known))
                matches.append(_within(_boost(Constant(one.match), tier), more))
        scores = (Sqrt(one.score, share, 0) if root else Boost(one.score, share) for one in known)
        return [*matches, *scores]

    def _limits(self, wanted: EngineQuery) -> Bool | None:
        """What must and must not be there; None when something that must be is nowhere."""
        required = [self._parts[concept] for concept in wanted.required]
        excluded = [self._parts[concept] for concept in wanted.excluded]
        needed = [one.found for one in required if one is not None and one.found is not None]
        if len(needed) < len(required):
            return None
        out = [one.match for one in excluded if one is not None and one.match is not None]
        return Bool(filter=tuple(needed), must_not=tuple(out))

    # What is known of the index

    def _learn(self, terms: Collection[Term]) -> None:
        new = {term for term in terms if term not in self._frequencies}
        if len(self._frequencies) > _MOST_FREQUENCIES:
            self._frequencies, new = {}, set(terms)
        if new:
            self._frequencies |= self._engine.frequencies(new)

    def _prepare(self, concepts: Collection[Concept]) -> None:
        """Learn how often all terms of new concepts are said, in one round trip: the trees are
        made once for the terms that they ask for.
        """
        asked: set[Term] = set()

        def note(term: Term) -> int:
            asked.add(term)
            return self._frequencies.get(term, 1)

        for concept in concepts:
            if concept not in self._parts:
                self._builder(note).parts(concept)
        self._learn(asked)

    def _parts_of(self, concept: Concept) -> Parts | None:
        return self._builder(self._frequency).parts(concept)

    def _builder(self, frequency: Callable[[Term], int]) -> _Builder:
        return _Builder(self._engine.analyzer, self.weights, frequency)

    def _frequency(self, term: Term) -> int:
        if term not in self._frequencies:
            self._learn([term])
        return self._frequencies[term]


class _Builder:
    """Makes the trees of concepts. frequency: how many documents have a term."""

    def __init__(
        self, analyzer: Analyzer, weights: RankingWeights, frequency: Callable[[Term], int]
    ) -> None:
        self._analyzer = analyzer
        self._weights = weights
        self._frequency = frequency

    def parts(self, concept: Concept) -> Parts | None:
        """The trees of a concept; None when no document can match it."""
        if concept.parts:
            return self._whole(concept)
        self._analyzer.terms([way.text for way in concept.hints])  # all in one go
        ways = list(self._ways(concept.variants))
        hints = [one for hint in concept.hints for one in self._ways([hint])]
        if not ways and not hints:
            return None
        named = [_boost(way.node, way.weight / way.idf) for way in ways]
        hinted = [_boost(way.node, way.weight / way.idf) for way in hints]
        hinted += self._early(concept.variants)
        score = _any([*named, *hinted])
        if not ways:
            return Parts(None, score, None)
        match = _any([way.node for way in ways])
        sure = None
        if self._weights.doubtful and any(way.sure is not None for way in ways):
            sure = _any([way.sure or way.node for way in ways])
        return Parts(match, score, _within(_any(named), hinted), sure=sure)

    def _whole(self, concept: Concept) -> Parts | None:
        """A concept of parts: what tells documents apart counts more, as BM25's idf has it."""
        parts = [list(self._ways(part.variants)) for part in concept.parts]
        found = [ways for ways in parts if ways]
        whole = list(self._ways(concept.variants))
        matches = [way.node for way in whole]
        if len(found) >= concept.minimum_should_match:
            each = [_any([way.node for way in ways]) for ways in found]
            matches.append(_any(each, concept.minimum_should_match))
        meanings = [_boost(way.node, way.weight) for ways in found for way in ways]
        scores = [_boost(way.node, way.weight / way.idf) for way in whole]
        lesser = None
        if concept.sentence:
            scores.append(self._sentence(concept.sentence, meanings))
            telling = [
                _any([way.node for way in ways])
                for part, ways in zip(concept.parts, parts, strict=True)
                if ways and self._tells(part)
            ]
            if telling:
                lesser = _within(Boost(Constant(_any(telling)), 0), scores)
        elif meanings:
            most = sum(max(way.idf for way in ways) for ways in found)
            scores.append(_boost(_any(meanings), 1 / most))
        if not matches:
            return None if lesser is None else Parts(None, _any(scores), None, lesser)
        match = _any(matches)
        sure = None
        if concept.sentence and 3 <= len(concept.parts) <= self._weights.rarest and found:
            counts = map(self._having, concept.parts)
            said = [(count, n) for n, count in enumerate(counts) if parts[n]]
            sure = _any([way.node for way in (*whole, *parts[min(said)[1]])])
        found_by = _within(Boost(Constant(match), 0), scores)
        return Parts(match, _any(scores), found_by, lesser, sure)

    def _tells(self, part: Concept) -> bool:
        """Whether a word tells its documents from most others."""
        weights = self._weights
        return self._having(part) <= max(weights.few, weights.common * self._frequency(Term(SAID)))

    def _having(self, part: Concept) -> int:
        """How many documents have a word of a sentence: of all its names the sum."""
        said = [way.text for way in part.variants if way.field == "caption"]
        known = self._analyzer.terms(said)
        single = {known[text][0] for text in said if len(known[text]) == 1}
        return sum(self._frequency(Term(SAID, term)) for term in single)

    def _ways(self, ways: Collection[Variant]) -> Iterator[_Way]:
        """A node for each way, and one for all single words in captions.

        Together they count as one word, so that a rare synonym does not outshout the word.
        """
        single: dict[str, float] = {}
        phrases: list[Variant] = []
        known = self._analyzer.terms([way.text for way in ways if way.field == "caption"])
        for way in ways:
            terms = known[way.text] if way.field == "caption" and not way.prefix else ()
            if len(terms) == 1:
                single[terms[0]] = max(way.weight, single.get(terms[0], 0.0))
            elif way.field in EXACT and way.field != DATE:
                yield _Way(Constant(Term(way.field, clean(way.text))), way.weight, 1.0)
            elif way.field == DATE or way.prefix:
                field = SAID if way.field == "caption" else way.field
                yield _Way(Prefix(field, clean(way.text)), way.weight, 1.0)
            elif all(self._frequency(Term(SAID, term)) for term in terms):
                phrases.append(way)
        self._forms({w for way in phrases if way.field == "caption" for w in words_of(way.text)})
        for way in phrases:
            field = CONTENTS if way.field == "caption" else way.field
            phrase, idf = self._phrase(field, way.text, self._weights.apart if way.apart else 0)
            if phrase is not None:
                said = known[way.text] if way.field == "caption" else ()
                yield _Way(phrase, way.weight, idf, self._sure(phrase, said))
        counts = {term: n for term in single if (n := self._frequency(Term(SAID, term)))}
        if counts:
            most = max(single[term] for term in counts)
            agreement = self._weights.agreement
            weighted = tuple((term, single[term] / most * agreement) for term in counts)
            sure = self._any_sure(weighted)
            yield _Way(Synonyms(SAID, weighted), most, self._idf(SAID, max(counts.values())), sure)

    def _sure(self, node: Node, terms: Iterable[str]) -> Node | None:
        """Where documents that a node finds have no doubt about any of the terms that it is made
        of; None when that is everywhere.
        """
        asked = [Term(DOUBTFUL, term) for term in terms]
        doubtful = tuple(term for term in asked if self._frequency(term))
        return Bool(must=(node,), must_not=doubtful) if doubtful else None

    def _any_sure(self, weighted: tuple[tuple[str, float], ...]) -> Node | None:
        """The same for words of which any will do."""
        each = {row: self._sure(Term(SAID, row[0]), [row[0]]) for row in weighted}
        doubtful = [sure for sure in each.values() if sure is not None]
        if not doubtful:
            return None
        plain = tuple(row for row, sure in each.items() if sure is None)
        return _any([*([Synonyms(SAID, plain)] if plain else []), *doubtful])

    def _early(self, ways: Collection[Variant]) -> list[Node]:
        """How often and how early the words of a concept are named, as one word."""
        known = self._analyzer.terms([way.text for way in ways if way.field == "caption"])
        single: dict[str, float] = {}
        for way in ways:
            terms = known[way.text] if way.field == "caption" and not way.prefix else ()
            if len(terms) == 1 and self._frequency(Term(EARLY, terms[0])):
                single[terms[0]] = max(way.weight, single.get(terms[0], 0.0))
        if not single or not self._weights.early:
            return []
        most = max(single.values())
        idf = self._idf(EARLY, max(self._frequency(Term(EARLY, term)) for term in single))
        weighted = tuple((term, weight / most) for term, weight in single.items())
        return [_boost(Synonyms(EARLY, weighted), self._weights.early * most / idf)]

    def _phrase(self, field: str, text: str, slop: int) -> tuple[Node | None, float]:
        """(node, sum of the idf of its terms); None when it cannot be found.

        In captions, where terms are Porter's stems, each word stands for its other forms too.
        """
        chain = CHAINS[field]
        positions: list[tuple[int, tuple[str, ...]]] = []
        idf = 0.0
        words = words_in(text, field)
        forms = self._forms(words) if field == CONTENTS else {word: [word] for word in words}
        for position, word in enumerate(words):
            terms = self._analyzer.terms(forms[word], chain)
            stems = {term for form in forms[word] for term in terms[form]}
            if not stems:
                continue  # a stop word
            counts = {stem: n for stem in stems if (n := self._frequency(Term(field, stem)))}
            if not counts:
                return None, 0.0
            positions.append((position, tuple(sorted(counts))))
            idf += sum(self._idf(field, count) for count in counts.values())
        if len(positions) == 1:
            [(_, terms_there)] = positions
            return _any([Term(field, term) for term in terms_there]), idf
        each = [term for _, terms_there in positions for term in terms_there]
        if len(set(each)) < len(each):
            slop = 0  # words that repeat stand side by side: engines differ in what is near
        return (Phrase(field, tuple(positions), slop) if positions else None), idf

    def _forms(self, words: Collection[str]) -> dict[str, list[str]]:
        """The forms of nouns that a caption may use: school bus, school buses. Their stems are
        known from then on.
        """
        terms = self._analyzer.terms(words)
        forms = {}
        for word in words:
            (one,) = terms[word][:1] or (word,)
            forms[word] = [word, one, one + "s", one + "es", *irregular_forms().get(one, ())]
        each = [form for row in forms.values() for form in row]
        self._analyzer.terms(each, CHAINS[CONTENTS])
        return forms

    def _sentence(self, text: str, meanings: Sequence[Node]) -> Node:
        """BM25 over stems, as in the paper; beside it neighbours, and words by their meaning.

        Divided by what a document could reach, so that it lies between 0 and 1.
        """
        weights = self._weights
        chain = CHAINS[CONTENTS]
        stems = self._analyzer.terms([text], chain)[text]
        counts = {stem: self._frequency(Term(CONTENTS, stem)) for stem in stems}
        most = sum(self._idf(CONTENTS, counts[stem]) for stem in stems if counts[stem]) or 1.0
        bag = [Term(CONTENTS, stem) for stem in stems if counts[stem]]
        pairs = dict.fromkeys(pairwise(stems[: weights.sentence_words]))
        neighbours = [
            Boost(Phrase(CONTENTS, ((0, (one,)), (1, (other,)))), weights.neighbours)
            for one, other in pairs
            if counts[one] and counts[other]
        ]
        by_meaning = [_boost(meaning, weights.meaning) for meaning in meanings]
        return _boost(_any([*bag, *neighbours, *by_meaning]), 1 / most)

    def _idf(self, field: str, frequency: int) -> float:
        return idf_of(self._frequency(Term(field)), frequency)


def _within(first: Node, more: Sequence[Node]) -> Node:
    """Documents that `first` finds, scored by all."""
    return Bool(must=(first,), should=tuple(more)) if more else first


def _any(nodes: Sequence[Node], least: int = 1) -> Node:
    if len(nodes) == 1:
        return nodes[0]
    return Bool(should=tuple(nodes), least=min(least, len(nodes)) if least > 1 else 0)


def _boost(node: Node, weight: float) -> Node:
    return node if weight == 1 else Boost(node, weight)
