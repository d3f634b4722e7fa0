"""From what is wanted to Lucene queries: docs/how-it-ranks.md in code.

A method of pyjnius is bound to the object it was last taken from: in `one.add(make(other))`, where
`make` adds too, `one` would get nothing. So what is added is always made in a line before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from lexsearch.engines import APART, Concept, EngineQuery, Variant
from lexsearch.engines.lucene import classes as _classes
from lexsearch.engines.lucene.analysis import analyze, clean, irregular_forms
from lexsearch.engines.lucene.blocks import ANALYZERS, CONTENTS, SAID
from lexsearch.memo import Memo
from lexsearch.text.words import words_of

K1, B = 2.0, 0.4
_AGREEMENT = 0.5  # of one caption: as if k1 were twice as much, so that many count more
_NEIGHBOURS = 0.1  # weight of two words of a sentence found side by side
_MEANING = 0.3  # weight of a sentence's words by their meaning, beside BM25 over their stems
_MOST_WORDS = 64  # of a sentence that are looked at in pairs and by meaning
_QUARTER = 0.25  # keeps the part of a score that is below 1 there

Frequency = Callable[[str, str], int]
"""(field, term) -> how many documents have it."""


class Weighed(NamedTuple):
    """Lucene queries for a concept.

    match: which documents match, or None when none can. score: how well any document does, if
    only by a hint. found: both in one, only for those that match.
    """

    match: Any
    score: Any
    found: Any


class Weigher:
    """Makes the queries for one state of an index."""

    def __init__(self, documents: int, frequency: Frequency) -> None:
        self._java = _classes.load()
        self._documents = documents
        self._frequency = frequency
        self._weighed = Memo(self._weigh)

    def query(self, wanted: EngineQuery, *, together: bool = False) -> Any:
        """One query, or None when nothing can match; with `together`, for the documents alone
        that match every concept.

        Its score is the number of concepts that match, plus a quarter of the mean of how well
        they do, as a square root: so twice a little is better than once a lot.
        """
        java = self._java
        whole = java.BooleanBuilder()
        if not self._limit(whole, wanted):
            return None
        known = [one for one in map(self.weigh, wanted.concepts) if one is not None]
        named = [one for one in known if one.match is not None]
        if together and len(named) < len(wanted.concepts):
            return None
        share = _QUARTER / (len(wanted.concepts) or 1)
        if wanted.everything:
            scores = [java.ConstantScoreQuery(one.match) for one in named]
            scores += [self._root(one.score, share, 0) for one in known]
        else:
            scores = [self._root(one.found, share, 1) for one in named]
        if wanted.concepts and not scores:
            return None
        least = len(scores) if together else 1
        anything = self._any(scores, least) if scores else java.MatchAllDocsQuery()
        whole.add(anything, java.Occur.MUST)
        return whole.build()

    def matching(self, wanted: EngineQuery) -> Any:
        """A query for the documents that match, unranked; None when nothing can."""
        java = self._java
        whole = java.BooleanBuilder()
        if not self._limit(whole, wanted):
            return None
        known = [one for one in map(self.weigh, wanted.concepts) if one is not None]
        matches = [one.match for one in known if one.match is not None]
        if wanted.concepts and not matches:
            return None
        anything = self._any(matches) if matches else java.MatchAllDocsQuery()
        whole.add(anything, java.Occur.FILTER)
        return whole.build()

    def _limit(self, whole: Any, wanted: EngineQuery) -> bool:
        """Add what must and must not be there; False when something that must be is nowhere."""
        occur = self._java.Occur
        for concept in wanted.required:
            one = self.weigh(concept)
            if one is None or one.match is None:
                return False
            whole.add(one.match, occur.FILTER)
        for concept in wanted.excluded:
            one = self.weigh(concept)
            if one is not None and one.match is not None:
                whole.add(one.match, occur.MUST_NOT)
        return True

    def weigh(self, concept: Concept) -> Weighed | None:
        """The queries for a concept; None when no document can match it."""
        return self._weighed[concept]

    def _weigh(self, concept: Concept) -> Weighed | None:
        if concept.parts:
            return self._whole(concept)
        analyze(ANALYZERS[SAID], [way.text for way in concept.hints])  # all in one go
        ways = list(self._ways(concept.variants))
        hints = [one for hint in concept.hints for one in self._ways([hint])]
        if not ways and not hints:
            return None
        named = [self._boost(query, weight / idf) for query, weight, idf in ways]
        hinted = [self._boost(query, weight / idf) for query, weight, idf in hints]
        score = self._any([*named, *hinted])
        if not ways:
            return Weighed(None, score, None)
        match = self._any([query for query, _, _ in ways])
        return Weighed(match, score, self._within(self._any(named), hinted))

    def _whole(self, concept: Concept) -> Weighed | None:
        """A concept of parts: what tells documents apart counts more, as BM25's idf has it."""
        parts = [list(self._ways(part.variants)) for part in concept.parts]
        found = [ways for ways in parts if ways]
        if len(found) < concept.minimum_should_match:
            return None
        match = self._any(
            [self._any([query for query, *_ in ways]) for ways in found],
            concept.minimum_should_match,
        )
        meanings = [self._boost(query, weight) for ways in found for query, weight, _ in ways]
        if concept.sentence:
            score = self._sentence(concept.sentence, meanings)
        else:
            most = sum(max(idf for *_, idf in ways) for ways in found)
            score = self._boost(self._any(meanings), 1 / most)
        matching = self._boost(self._java.ConstantScoreQuery(match), 0)
        return Weighed(match, score, self._within(matching, [score]))

    def _within(self, first: Any, more: Sequence[Any]) -> Any:
        """Documents that `first` finds, scored by all."""
        if not more:
            return first
        builder = self._java.BooleanBuilder()
        builder.add(first, self._java.Occur.MUST)
        for query in more:
            builder.add(query, self._java.Occur.SHOULD)
        return builder.build()

    def _ways(self, ways: Collection[Variant]) -> Iterator[tuple[Any, float, float]]:
        """(query, weight, idf in its score) for each way, and one for all single words in captions.

        Together they count as one word, so that a rare synonym does not outshout the word.
        """
        single: dict[str, float] = {}
        phrases: list[Variant] = []
        known = analyze(ANALYZERS[SAID], [way.text for way in ways if way.field == "caption"])
        for way in ways:
            terms = known[way.text] if way.field == "caption" else ()
            if len(terms) == 1:
                single[terms[0]] = max(way.weight, single.get(terms[0], 0.0))
            elif way.field == "date":
                query = self._java.PrefixQuery(self._java.Term("date", clean(way.text)))
                yield query, way.weight, 1.0
            elif all(self._frequency(SAID, term) for term in terms):
                phrases.append(way)
        _forms({word for way in phrases if way.field == "caption" for word in words_of(way.text)})
        for way in phrases:
            field = CONTENTS if way.field == "caption" else way.field
            phrase, idf = self._phrase(field, way.text, APART if way.apart else 0)
            if phrase is not None:
                yield phrase, way.weight, idf
        counts = {term: count for term in single if (count := self._frequency(SAID, term))}
        if counts:
            most = max(single[term] for term in counts)
            synonyms = self._java.SynonymBuilder(SAID)
            for term in counts:
                term_weight = single[term] / most * _AGREEMENT
                synonyms.addTerm(self._java.Term(SAID, term), term_weight)
            yield synonyms.build(), most, self._idf(max(counts.values()))

    def _phrase(self, field: str, text: str, slop: int) -> tuple[Any, float]:
        """(query, sum of the idf of its terms); None when it cannot be found.

        In captions, where terms are Porter's stems, each word stands for its other forms too.
        """
        java = self._java
        phrase = java.MultiPhraseBuilder()
        idf = 0.0
        found = False
        words = words_of(text)
        forms = _forms(words) if field == CONTENTS else {word: [word] for word in words}
        for position, word in enumerate(words):
            terms = analyze(ANALYZERS[field], forms[word])
            stems = {term for form in forms[word] for term in terms[form]}
            if not stems:
                continue  # a stop word
            counts = {stem: count for stem in stems if (count := self._frequency(field, stem))}
            if not counts:
                return None, 0.0
            phrase.add([java.Term(field, stem) for stem in sorted(counts)], position)
            idf += sum(map(self._idf, counts.values()))
            found = True
        if not found:
            return None, 0.0
        phrase.setSlop(slop)
        return phrase.build(), idf

    def _sentence(self, text: str, meanings: Sequence[Any]) -> Any:
        """BM25 over stems, as in the paper; beside it neighbours, and words by their meaning.

        Divided by what a document could reach, so that it lies between 0 and 1.
        """
        java = self._java
        stems = analyze(ANALYZERS[CONTENTS], [text])[text]
        counts = [self._frequency(CONTENTS, stem) for stem in stems]
        most = sum(self._idf(count) for count in counts if count) or 1.0
        bag = [java.TermQuery(java.Term(CONTENTS, stem)) for stem in stems]
        neighbours = [
            self._boost(java.PhraseQuery(CONTENTS, list(pair)), _NEIGHBOURS)
            for pair in dict.fromkeys(pairwise(stems[:_MOST_WORDS]))
        ]
        by_meaning = [self._boost(meaning, _MEANING) for meaning in meanings]
        return self._boost(self._any([*bag, *neighbours, *by_meaning]), 1 / most)

    def _root(self, query: Any, slope: float, intercept: float) -> Any:
        """The square root of the query's scores, times the slope, plus the intercept."""
        java = self._java
        value = java.ValueSource.fromDoubleValuesSource(java.DoubleValuesSource.SCORES)
        root = java.PowFloatFunction(value, java.ConstValueSource(0.5))
        line = java.LinearFloatFunction(root, slope, intercept)
        return java.FunctionScoreQuery(query, line.asDoubleValuesSource())

    def _any(self, queries: Sequence[Any], least: int = 1) -> Any:
        if len(queries) == 1:
            return queries[0]
        builder = self._java.BooleanBuilder()
        for query in queries:
            builder.add(query, self._java.Occur.SHOULD)
        if least > 1:
            builder.setMinimumNumberShouldMatch(min(least, len(queries)))
        return builder.build()

    def _boost(self, query: Any, weight: float) -> Any:
        return query if weight == 1 else self._java.BoostQuery(query, weight)

    def _idf(self, frequency: int) -> float:
        """As Lucene's BM25Similarity has it; its scores divided by it leave the rest of BM25."""
        return math.log(1 + (self._documents - frequency + 0.5) / (frequency + 0.5))


def _forms(words: Collection[str]) -> dict[str, list[str]]:
    """The forms of nouns that a caption may use: school bus, school buses. Their stems are known
    from then on.
    """
    terms = analyze(ANALYZERS[SAID], words)
    forms = {}
    for word in words:
        (one,) = terms[word][:1] or (word,)
        forms[word] = [word, one, one + "s", one + "es", *irregular_forms().get(one, ())]
    analyze(ANALYZERS[CONTENTS], [form for each in forms.values() for form in each])
    return forms
