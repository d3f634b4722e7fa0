"""Words that some pictures say more often than others do."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lexsearch.engines import Engine, StoredDocument
from lexsearch.engines.scoring import Scorer
from lexsearch.text.analysis import Analyzer
from lexsearch.text.words import words_of_each


@dataclass
class Tally:
    """What some documents say, by term.

    said: how much they do, from 0 to 1. having: how many do. words: as what words, how often.
    """

    said: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    having: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    words: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, counts: Mapping[str, int], terms: Mapping[str, str], weight: float) -> None:
        """One document. counts: how often it says each word. terms: that of each word, or "".
        weight: of this document.
        """
        together: dict[str, int] = {}
        for word, count in counts.items():
            if term := terms[word]:
                together[term] = together.get(term, 0) + count
                written = self.words[term]
                written[word] = written.get(word, 0) + count
        for term, count in together.items():
            self.said[term] += weight * count / (count + 1)
            self.having[term] += 1

    def word(self, term: str) -> str:
        """The commonest word that became the term."""
        written = self.words[term]
        return max(written, key=written.__getitem__)


def tally(analyzer: Analyzer, stored: Sequence[StoredDocument], weights: Sequence[float]) -> Tally:
    """What documents say, each with a weight of its own; a word counts once a caption."""
    counts = [_said(document) for document in stored]
    terms = analyzer.stems(set().union(*counts))
    tally, whole = Tally(), sum(weights) or 1.0
    for words, weight in zip(counts, weights, strict=True):
        tally.add(words, terms, weight / whole)
    return tally


def _said(document: StoredDocument) -> Counter[str]:
    """How many captions say each word, in order."""
    captions = [passage.text for passage in document.passages if passage.field == "caption"]
    counts: Counter[str] = Counter()
    for words in words_of_each(captions):
        counts.update(dict.fromkeys(words).keys())
    return counts


def typical(
    engine: Engine, scorer: Scorer, stored: Sequence[StoredDocument], said: Tally, least: int
) -> list[tuple[str, float]]:
    """(word, value) of words that documents say more often than others, best first.

    The value is p log(p / q), where p is how much these documents say a term and q how much
    all do (Kullback-Leibler); each term is given as its commonest word. Words that fewer than
    `least` of the documents say tell nothing.
    """
    terms = [term for term, count in said.having.items() if count >= least]
    everywhere = scorer.said(terms)
    documents = engine.count() or 1
    values = []
    for term in terms:
        p = said.said[term]
        q = p / said.having[term] * len(stored) * everywhere[term] / documents
        if p > q > 0:
            values.append((said.word(term), p * math.log(p / q)))
    return sorted(values, key=lambda value: (-value[1], value[0]))
