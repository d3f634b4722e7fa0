"""Words that might help: near ones where nobody says a word, and next ones to add."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from lexsearch.engines import Concept, Engine, EngineQuery, StoredDocument, Variant
from lexsearch.engines.fields import SAID
from lexsearch.engines.nodes import Term
from lexsearch.engines.scoring import Scorer
from lexsearch.records import Keyword, Query, Suggestion
from lexsearch.searching.concepts import Concepts
from lexsearch.searching.typical import Tally
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.words import words_of

_LONGEST_WORD = 40  # letters; longer ones are not looked for among words written alike
_MOST_ALIKE = 3  # words written like one that nobody says
_NUMBERS = frozenset(
    ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "many")
)
_NEAREST, _MOST_NEAREST = 5, 20  # words that are shown, words that they may be near to


class Suggestions:
    """Proposes words that an index knows."""

    def __init__(
        self, engine: Engine, scorer: Scorer, lexicon: Lexicon, concepts: Concepts
    ) -> None:
        self._engine = engine
        self._scorer = scorer
        self._analyzer = engine.analyzer
        self._lexicon = lexicon
        self._concepts = concepts

    def nearest(self, keyword: Keyword) -> tuple[Suggestion, ...]:
        """Words that the index knows: other names, words written alike, parts of it."""
        if keyword.field:
            return ()
        said = words_of(keyword.text)[:_MOST_NEAREST]
        stems = self._analyzer.stems(said)
        counts = self._scorer.said({stems[word] for word in said} - {""})
        near = [other.text for other in self._lexicon.alternatives(keyword.text)]
        phrases = []
        for place, word in enumerate(said):
            if stems[word] and not counts[stems[word]] and 2 < len(word) < _LONGEST_WORD:
                alike = self._engine.similar(Term(SAID, stems[word]))[:_MOST_ALIKE]
                near += alike
                phrases += [" ".join([*said[:place], one, *said[place + 1 :]]) for one in alike]
        found = []
        if len(said) > 1:
            near += said
            for phrase in phrases:
                if count := self._scorer.count(EngineQuery((Concept((Variant(phrase),)),))):
                    found.append(Suggestion(phrase, count))
        return (*found, *self._counted(near))[:_NEAREST]

    def _counted(self, words: Iterable[str]) -> tuple[Suggestion, ...]:
        """Those of the words that captions have, with how many pictures, each term once."""
        each = list(dict.fromkeys(words))
        stems = self._analyzer.stems(each)
        counts = self._scorer.said({stems[word] for word in each})
        known: dict[str, str] = {}
        for word in each:
            if stems[word] and counts[stems[word]]:
                known.setdefault(stems[word], word)
        return tuple(Suggestion(word, counts[stem]) for stem, word in known.items())

    def following(
        self, query: Query, stored: Sequence[StoredDocument], said: Tally, n: int
    ) -> list[Suggestion]:
        """Keywords to add: words that split documents best, never one already used."""
        used = self._used(query)
        documents = self._engine.count() or 1
        everywhere = self._scorer.said(said.having)
        values = []
        for term, count in said.having.items():
            share = count / len(stored)
            if (
                term in used
                or term in _NUMBERS
                or count < 2
                or share > 0.9
                or not term.isalpha()
                or len(term) < 3
            ):
                continue
            split = -share * math.log(share) - (1 - share) * math.log(1 - share)
            lift = math.log(1 + share * documents / (everywhere[term] or 1))
            values.append((split * lift, said.word(term), count))
        values.sort(key=lambda value: (-value[0], value[1]))
        return [Suggestion(word, count) for _, word, count in values[:n]]

    def _used(self, query: Query) -> set[str]:
        used: set[str] = set()
        for keyword in query.keywords:
            if keyword.field not in ("like", "date"):
                concept = self._concepts.concept(keyword)
                for one in (concept, *concept.parts):
                    texts = [keyword.text, *(way.text for way in one.variants)]
                    terms = self._analyzer.terms(texts)
                    used.update(*(terms[text] for text in texts))
        return used
