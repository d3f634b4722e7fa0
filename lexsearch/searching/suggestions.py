"""Words that might help: near ones where nobody says a word, and next ones to add."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from lexsearch.engines import Engine, EngineQuery, StoredDocument
from lexsearch.engines.fields import SAID
from lexsearch.engines.nodes import Term
from lexsearch.engines.scoring import Scorer
from lexsearch.records import Keyword, Query, Suggestion
from lexsearch.searching.concepts import Concepts
from lexsearch.searching.typical import Tally
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.words import words_of

_LONGEST_WORD = 40  # letters; longer ones are not looked for among words written alike
_STEPS = 3  # from a word to broader ones that are proposed
_MOST_ALIKE = 3  # words near to one that nobody says, and words written like it
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
        """Words that the index knows: other names, near and broader words, words written alike,
        parts of it.
        """
        if keyword.field:
            return ()
        said = words_of(keyword.text)[:_MOST_NEAREST]
        stems = self._analyzer.stems(said)
        counts = self._scorer.said({stems[word] for word in said} - {""})
        likely = self._scorer.weights.likely
        others = self._lexicon.alternatives(keyword.text)
        near = [one.text for one in others if one.relation != "broader" and one.weight >= likely]
        near += [one.text for one in self._concepts.near(keyword)[:_MOST_ALIKE]]
        near += self._broader(keyword.text, _STEPS)
        alike: list[str] = []
        for place, word in enumerate(said):
            if stems[word] and not counts[stems[word]] and 2 < len(word) < _LONGEST_WORD:
                for one in self._engine.similar(Term(SAID, stems[word]))[:_MOST_ALIKE]:
                    alike += [" ".join([*said[:place], one, *said[place + 1 :]]), one]
        parts = said if len(said) > 1 else []
        return tuple(self._finding([*near, *alike, *parts], keyword.text))[:_NEAREST]

    def _broader(self, text: str, steps: int) -> Iterator[str]:
        """Broader words, and their last words: a male person is a person; then what these are."""
        broader = [
            one.text for one in self._lexicon.alternatives(text) if one.relation == "broader"
        ]
        yield from broader
        yield from (one.split()[-1] for one in broader)
        if steps > 1:
            for one in broader:
                yield from self._broader(one, steps - 1)

    def _finding(self, words: Iterable[str], but: str) -> Iterator[Suggestion]:
        """Those of the words that a search for them finds pictures by, with how many, each term
        once. Words that mean what was asked for, and so find as little, are none.
        """
        each = list(dict.fromkeys(words))
        terms = self._analyzer.terms([*each, but])
        counts = self._scorer.said({term for word in each for term in terms[word]})
        told = {terms[but]}
        for word in each:
            if terms[word] in told or not all(counts[term] for term in terms[word]):
                continue
            concept = self._concepts.concept(Keyword(word))
            if terms[word] and (count := self._scorer.count(EngineQuery((concept,)))):
                told.add(terms[word])
                yield Suggestion(word, count)
            if len(told) > _NEAREST:
                return

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
        return [Suggestion(word, self._left(query, word)) for _, word, _ in values[:n]]

    def _left(self, query: Query, word: str) -> int:
        """How many pictures are left when a word is added to a query, as one that must be there."""
        narrower = Query((*query.keywords, Keyword(word, "+")))
        wanted = self._concepts.wanted(self._concepts.parted(narrower), False)
        return self._scorer.count(self._concepts.narrowed(wanted, narrower))

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
