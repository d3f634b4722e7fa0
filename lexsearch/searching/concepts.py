"""From a query to what an engine is asked for.

Each keyword becomes a concept: its words, what else the thing is called (lexsearch.text.lexicon)
and, where all documents are ranked, the words that go with it in this index. docs/how-it-ranks.md
has the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from lexsearch.engines import Concept, Engine, EngineQuery, StoredDocument, Variant
from lexsearch.memo import Memo
from lexsearch.records import Keyword, Query
from lexsearch.searching.evidence import Reader, Search
from lexsearch.searching.typical import tally, typical
from lexsearch.text.lexicon import Alternative, Lexicon
from lexsearch.text.words import words_of

_BESIDE = {"text": 0.5, "about": 0.5, "name": 0.3}  # weights of what is not a caption
_JOINED = 0.95  # taillight for tail light
_HEAD, _PART = 0.1, 0.01  # hints for a keyword of several words: its last word, the others
_LEAST_EXCLUDED = 0.25  # other words exclude only if they are this likely to mean it
_LONGEST_KEYWORD = 2  # words; more are a sentence, unless the lexicon knows them together
_MOST_NAMES = 50  # other names of each word of a sentence
_FEEDBACK = 30  # best pictures whose words tell what goes with a keyword
_LEAST_FEEDBACK = 3  # of them must share a word
_RELATED, _RELATED_WORDS = 0.3, 30
_LIKE_WORDS, _LIKE, _UNLIKE = 20, 0.3, 0.5  # share of its words that another picture must have


class Concepts:
    """Understands queries with an index's words and a lexicon."""

    def __init__(self, engine: Engine, lexicon: Lexicon, reader: Reader) -> None:
        self._engine = engine
        self._lexicon = lexicon
        self._reader = reader
        self._learned_at = 0
        self._concepts = Memo(self._concept)
        self._related = Memo(self._learn)

    def wanted(self, query: Query, everyone: bool) -> EngineQuery:
        """What documents must have, and must not; `everyone`: each of the keywords."""
        self.forget()
        positive = [keyword for keyword in query.keywords if keyword.sign != "-"]
        required = [keyword for keyword in positive if keyword.sign == "+" or everyone]
        return EngineQuery(
            tuple(map(self.concept, positive)),
            tuple(map(self.concept, required)),
            tuple(self._excluded(word) for word in query.keywords if word.sign == "-"),
        )

    def ranked(self, wanted: EngineQuery) -> EngineQuery:
        """With all other documents behind, by the words that go with the concepts."""
        related = tuple(map(self._with_related, wanted.concepts))
        return wanted._replace(concepts=related, everything=True)

    def searches(self, query: Query) -> list[Search]:
        """What is looked for, keyword by keyword."""
        return [Search(word, self.concept(word)) for word in query.keywords if word.sign != "-"]

    def forget(self) -> None:
        """Drop what was learned from the index before it changed."""
        if self._learned_at != (state := self._engine.state()):
            self._learned_at = state
            self._concepts.clear()
            self._related.clear()

    def concept(self, keyword: Keyword) -> Concept:
        """What is looked for when somebody asks for a keyword."""
        return self._concepts[keyword]

    def _concept(self, keyword: Keyword) -> Concept:
        if keyword.field == "like":
            return self._like(keyword.text, _LIKE)
        if keyword.field:
            text = keyword.text.casefold() if keyword.field == "date" else keyword.text
            return Concept((Variant(text, 1.0, keyword.field),))
        if self.is_sentence(keyword):
            return self._sentence(keyword)
        text = " ".join(words_of(keyword.text))  # traffic-light and traffic_light too
        beside = tuple(Variant(text, weight, field) for field, weight in _BESIDE.items())
        if keyword.quoted:
            return Concept((Variant(text), *beside))
        return self._thing(text, beside)

    def _thing(self, text: str, beside: tuple[Variant, ...]) -> Concept:
        words = text.split()
        ways = [Variant(text, apart=len(words) > 1)]
        hints = []
        if len(words) == 2:
            ways.append(Variant("".join(words), _JOINED))
        others = self._others(text)
        ways += _names(others)
        hints += [Variant(row.text, row.weight) for row in others if row.relation == "broader"]
        if len(words) > 1:
            hints.append(Variant(words[-1], _HEAD))
            hints += [Variant(word, _PART) for word in words[:-1]]
        concept = Concept((*ways, *beside), tuple(hints))
        if len(words) > 1 and not self._engine.count(EngineQuery((concept,))):
            # Nobody says the words together: then pictures that have all of them must do.
            parts = tuple(Concept((Variant(word),)) for word in self._telling(text))
            return Concept(hints=tuple(hints), parts=parts, minimum_should_match=len(parts))
        return concept

    def _others(self, text: str) -> list[Alternative]:
        """What else it is called. Not by names that hold its own words, as "microwave oven" for a
        microwave: those it finds without them, and would only count them twice.
        """
        others = self._lexicon.alternatives(text)
        terms = self._engine.terms([text, *(row.text for row in others)])
        own = f" {' '.join(terms[text])} "
        return [row for row in others if own not in f" {' '.join(terms[row.text])} "]

    def is_sentence(self, keyword: Keyword) -> bool:
        """Whether it is rather told than named."""
        if keyword.quoted or keyword.field:
            return False
        words = words_of(keyword.text)
        text = " ".join(words)
        terms = self._engine.terms([text])[text]
        if len(words) <= _LONGEST_KEYWORD and len(terms) == len(words):
            return False
        return len(terms) > 1 and not self._lexicon.alternatives(keyword.text)

    def _sentence(self, keyword: Keyword) -> Concept:
        """Each telling word, by all its names; a match has about half of them."""
        parts = []
        for word in self._telling(keyword.text):
            others = self._others(word)[:_MOST_NAMES]
            parts.append(Concept((Variant(word), *_names(others))))
        least = max(1, len(parts) // 2)
        return Concept(parts=tuple(parts), minimum_should_match=least, sentence=keyword.text)

    def _telling(self, text: str) -> list[str]:
        """The words of a sentence that are more than its grammar, each once."""
        words = list(dict.fromkeys(words_of(text)))
        stems = self._engine.stems(words)
        return list({stem: word for word in words if (stem := stems[word])}.values())

    def _excluded(self, keyword: Keyword) -> Concept:
        if keyword.field == "like":
            return self._like(keyword.text, _UNLIKE)
        concept = self.concept(keyword)
        ways = tuple(
            way._replace(apart=False)
            for way in concept.variants
            if way.field in ("caption", keyword.field, "about") and way.weight >= _LEAST_EXCLUDED
        )
        return concept._replace(variants=ways, hints=())

    # What goes with what, learned from the index's own captions

    def _like(self, doc_id: str, share: float) -> Concept:
        """Pictures that share the words that tell this one from others."""
        words = self._typical(self._engine.stored([doc_id]), [1.0], 1)[:_LIKE_WORDS]
        parts = tuple(Concept((Variant(word),)) for word, _ in words)
        return Concept(parts=parts, minimum_should_match=max(1, math.ceil(share * len(parts))))

    def _with_related(self, concept: Concept) -> Concept:
        """With the words that its best pictures share, as in pseudo-relevance feedback."""
        return concept if concept.parts else self._related[concept]

    def _learn(self, concept: Concept) -> Concept:
        best = self._engine.search(EngineQuery((concept,)), _FEEDBACK).best
        if not best:
            return concept
        stored = self._engine.stored([scored.doc_id for scored in best])
        weights = [scored.score % 1 for scored in best]
        words = self._typical(stored, weights, _LEAST_FEEDBACK)[:_RELATED_WORDS]
        whole = sum(value for _, value in words) or 1.0
        hints = tuple(Variant(word, _RELATED * value / whole) for word, value in words)
        return concept._replace(hints=concept.hints + hints)

    def _typical(
        self, stored: Sequence[StoredDocument], weights: Sequence[float], least: int
    ) -> list[tuple[str, float]]:
        said = tally(self._reader, stored, weights)
        return typical(self._engine, stored, said, least)


def _names(others: Iterable[Alternative]) -> Iterator[Variant]:
    """What else a thing is called, as ways to find it; broader words are none."""
    return (Variant(row.text, row.weight) for row in others if row.relation != "broader")
