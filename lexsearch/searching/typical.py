"""Words that some pictures say more often than others do."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from lexsearch.engines import Engine, StoredDocument
from lexsearch.engines.scoring import Scorer
from lexsearch.searching.evidence import Reader


@dataclass
class Tally:
    """What some documents say, by term.

    said: how much they do, from 0 to 1. having: how many do. words: as what words, how often.
    """

    said: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    having: Counter[str] = field(default_factory=Counter)
    words: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, term: str, words: Counter[str], weight: float) -> None:
        count = words.total()
        self.said[term] += weight * count / (count + 1)
        self.having[term] += 1
        self.words[term].update(words)

    def word(self, term: str) -> str:
        """The commonest word that became the term."""
        return self.words[term].most_common(1)[0][0]


def tally(reader: Reader, stored: Sequence[StoredDocument], weights: Sequence[float]) -> Tally:
    """What documents say, each with a weight of its own."""
    tally = Tally()
    whole = sum(weights) or 1.0
    for document, weight in zip(stored, weights, strict=True):
        for term, words in reader.said(document).items():
            tally.add(term, words, weight / whole)
    return tally


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
