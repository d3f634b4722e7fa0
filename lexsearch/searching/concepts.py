"""From a query to what an engine is asked for.

Each keyword becomes a concept: its words, what else the thing is called (lexsearch.text.lexicon)
and, where all documents are ranked, the words that go with it in this index. docs/how-it-ranks.md
has the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lexsearch.engines import Concept, Engine, EngineQuery, StoredDocument, Variant
from lexsearch.engines.scoring import Scorer
from lexsearch.images.formats import kind_of
from lexsearch.memo import Memo
from lexsearch.records import Keyword, Query
from lexsearch.searching.evidence import Search
from lexsearch.searching.typical import tally, typical
from lexsearch.text.asking import GRAMMAR
from lexsearch.text.dates import beginnings, read_date, said_dates
from lexsearch.text.lexicon import Alternative, Lexicon
from lexsearch.text.lexicon.near import Near, near_words
from lexsearch.text.words import EXACT, joined_in, key_of, names_of, words_of

_SETS = ("camera", "kind", "album", "is")  # which pictures to look among, with or without a sign
_SETS_WITH_PLUS = ("name", "about", "date")
_MOST_NEAR = 300  # words near to one, of which captions say some
_LONGEST_KEYWORD = 2  # words; more are a sentence, unless the lexicon knows them together


class Concepts:
    """Understands queries with an index's words and a lexicon."""

    def __init__(self, engine: Engine, scorer: Scorer, lexicon: Lexicon) -> None:
        self._engine = engine
        self._scorer = scorer
        self._analyzer = engine.analyzer
        weights = self._weights = scorer.weights
        self._fields = {"text": weights.text, "about": weights.about, "name": weights.name}
        self._lexicon = lexicon
        self._concepts = Memo(self._concept)
        self._parted = Memo(self._part)
        self._related = Memo(self._learn)

    def parted(self, query: Query) -> Query:
        """With the words of a phrase as keywords, where no picture has it: who asks for a red bus
        is shown the buses, each saying that it is not red.
        """
        parted = [one for word in query.keywords for one in self._parted[word]]
        return Query(tuple(dict.fromkeys(parted)), query.notes)

    def _part(self, keyword: Keyword) -> tuple[Keyword, ...]:
        if keyword.sign == "-" or keyword.quoted or keyword.field or self.is_sentence(keyword):
            return (keyword,)
        words = self._telling(keyword.text)
        if len(words) < 2 or self._scorer.count(EngineQuery((self.concept(keyword),))):
            return (keyword,)
        each = [Keyword(word) for word in words]
        counts = {one: self._scorer.count(EngineQuery((self.concept(one),))) for one in each}
        known = [one for one in each if counts[one]]
        if not known:
            return (keyword,)
        must = each[-1] if each[-1] in known else min(known, key=lambda one: counts[one])
        if counts[must] > max(self._weights.few, self._weights.common * self._engine.count()):
            return (keyword,)
        return tuple(replace(one, sign="+") if one == must else one for one in each)

    def wanted(self, query: Query, everyone: bool) -> EngineQuery:
        """What documents must have, and must not; `everyone`: each of the keywords."""
        positive = [keyword for keyword in query.keywords if keyword.sign != "-"]
        sets = [
            one
            for one in positive
            if one.field in _SETS or (one.sign == "+" and one.field in _SETS_WITH_PLUS)
        ]
        named = [keyword for keyword in positive if keyword not in sets]
        required = [one for one in positive if one.sign == "+" or everyone or one in sets]
        return EngineQuery(
            tuple(map(self.concept, named or sets)),
            tuple(map(self.concept, required)),
            tuple(self._excluded(word) for word in query.keywords if word.sign == "-"),
        )

    def narrowed(self, wanted: EngineQuery, typed: Query) -> EngineQuery:
        """Where some keywords are typed with +, and others without: what has one of the others, and
        all of these.
        """
        musts = {self.concept(word) for word in typed.keywords if word.sign == "+"}
        narrowing = tuple(one for one in wanted.concepts if one in musts)
        if len(narrowing) == len(wanted.concepts):
            return wanted
        required = tuple(one for one in wanted.required if one not in narrowing)
        return wanted._replace(required=required, narrowing=narrowing)

    def ranked(self, wanted: EngineQuery) -> EngineQuery:
        """With all other documents behind, by related and near words of the concepts."""
        related = map(self._with_related, wanted.concepts)
        return wanted._replace(concepts=tuple(map(self._with_near, related)), everything=True)

    def softened(self, wanted: EngineQuery) -> EngineQuery:
        """With what goes with each of several concepts, for pictures that lack it."""
        if len(wanted.concepts) < 2 or set(wanted.concepts) <= set(wanted.required):
            return wanted  # none of them can lack one
        related = map(self._with_related, wanted.concepts)
        return wanted._replace(soft=tuple(Concept(hints=one.hints) for one in related))

    def nearby(self, query: Query) -> list[Search]:
        """What has to do with each keyword, for pictures that have none of them."""
        near = [
            (word, Concept(tuple(Variant(*one) for one in self.near(word))))
            for word in query.keywords
            if word.sign != "-"
        ]
        return [Search(word, concept) for word, concept in near if concept.variants]

    def near(self, keyword: Keyword) -> list[Near]:
        """Words of captions that have to do with a thing and are no other names of it, the nearest
        first; of a sentence, a quoted keyword or one with a field there are none.
        """
        concept = self.concept(keyword)
        if keyword.quoted or keyword.field or concept.sentence:
            return []
        weights = self._weights
        return self._near(keyword.text, concept, weights.alike)[: weights.near_words]

    def _near(self, text: str, concept: Concept, least: float) -> list[Near]:
        texts = [text, *(way.text for way in concept.variants if way.field == "caption")]
        terms = self._analyzer.terms(texts)
        named = {" ".join(terms[text]) for text in texts}
        near = [
            one
            for one in near_words(terms[text], _MOST_NEAR)
            if one.likeness >= least and " " not in one.text and one.text not in named
        ]
        said = self._scorer.said([one.text for one in near])
        return [one for one in near if said[one.text]]

    def searches(self, query: Query) -> list[Search]:
        """What is looked for, keyword by keyword."""
        return [Search(word, self.concept(word)) for word in query.keywords if word.sign != "-"]

    def concept(self, keyword: Keyword) -> Concept:
        """What is looked for when somebody asks for a keyword."""
        return self._concepts[keyword]

    def _concept(self, keyword: Keyword) -> Concept:
        if keyword.field == "like":
            return self._like(keyword.text, self._weights.like)
        if keyword.field:
            return Concept(tuple(_within(keyword.text, keyword.field)))
        if keyword.text.endswith("*") and not keyword.quoted and (words := words_of(keyword.text)):
            ways = (Variant(words[-1]), *self._beside(words[-1]))
            return Concept(tuple(way._replace(prefix=True) for way in ways))
        beside = tuple(self._beside(keyword.text))
        if self.is_sentence(keyword):
            return self._sentence(keyword, beside)
        text = " ".join(words_of(keyword.text))  # traffic-light and traffic_light too
        if keyword.quoted:
            return Concept((Variant(text), *beside))
        telling = self._telling(text)
        return self._thing(telling[0] if len(telling) == 1 else text, beside)

    def _thing(self, text: str, beside: tuple[Variant, ...]) -> Concept:
        weights = self._weights
        words = text.split()
        ways = [Variant(text, apart=len(words) > 1)]
        hints = []
        if len(words) == 2:
            ways.append(Variant("".join(words), weights.joined))
        others = self._others(text)
        named = self._names(others)
        ways += named
        hints += [Variant(row.text, row.weight) for row in others]
        hints = [hint for hint in hints if hint not in named]
        if len(words) > 1:
            hints.append(Variant(words[-1], weights.head))
            hints += [Variant(word, weights.part) for word in words[:-1]]
        concept = Concept((*ways, *beside), tuple(hints))
        if len(words) > 1 and not self._scorer.count(EngineQuery((concept,))):
            # Nobody says the words together: then pictures that have all of them must do.
            parts = tuple(
                Concept((Variant(word), *self._beside(word))) for word in self._telling(text)
            )
            return Concept(hints=tuple(hints), parts=parts, minimum_should_match=len(parts))
        return concept

    def _others(self, text: str) -> list[Alternative]:
        """What else it is called. Not by names that hold its own words, as "microwave oven" for a
        microwave: those it finds without them, and would only count them twice.
        """
        others = self._lexicon.alternatives(text)
        terms = self._analyzer.terms([text, *(row.text for row in others)])
        own = f" {' '.join(terms[text])} "
        return [row for row in others if own not in f" {' '.join(terms[row.text])} "]

    def _names(self, others: Iterable[Alternative]) -> list[Variant]:
        """What else a thing is called, as ways to find it: not broader words, and not names that
        mostly mean something else, which are no better than chance.
        """
        return [Variant(row.text, row.weight) for row in others if row.names(self._weights.likely)]

    def is_sentence(self, keyword: Keyword) -> bool:
        """Whether it is rather told than named."""
        if keyword.quoted or keyword.field:
            return False
        words = words_of(keyword.text)
        if len(words) <= _LONGEST_KEYWORD and len(self._telling(keyword.text)) == len(words):
            return False
        if len(keyword.text.split()) == 1:  # a name of a file, or a script without spaces
            return False
        return len(self._telling(keyword.text)) > 1 and not self._lexicon.alternatives(keyword.text)

    def _sentence(self, keyword: Keyword, beside: tuple[Variant, ...]) -> Concept:
        """Each telling word, by all its names; a match has the square root of how many they are,
        both of two, or the sentence itself beside the captions.
        """
        parts = []
        for word in self._telling(keyword.text):
            others = self._others(word)[: self._weights.names]
            parts.append(Concept((Variant(word), *self._names(others), *self._beside(word))))
        least = len(parts) if len(parts) < 3 else max(2, math.isqrt(len(parts)))
        whole = tuple(way._replace(weight=self._weights.whole * way.weight) for way in beside)
        return Concept(whole, (), tuple(parts), least, keyword.text)

    def _telling(self, text: str) -> list[str]:
        """The words of a sentence that are more than its grammar, each once; a date is one."""
        dates = [said for said, _ in said_dates(text)]
        for said in dates:
            text = text.replace(said, " ")
        words = list(dict.fromkeys(words_of(text)))
        stems = self._analyzer.stems(words)
        telling = {stem: word for word in words if (stem := stems[word]) and word not in GRAMMAR}
        return [*telling.values(), *dates]

    def _excluded(self, keyword: Keyword) -> Concept:
        if keyword.field == "like":
            return self._like(keyword.text, self._weights.unlike)
        concept = self.concept(keyword)
        ways = tuple(
            way._replace(apart=False)
            for way in concept.variants
            if way.field in ("caption", keyword.field, "about")
            and way.weight >= self._weights.excluded
        )
        return concept._replace(variants=ways, hints=())

    # What goes with what, learned from the index's own captions

    def _like(self, doc_id: str, share: float) -> Concept:
        """Pictures that share the words that tell this one from others."""
        words = self._typical(self._engine.stored([doc_id]), [1.0], 1)[: self._weights.like_words]
        parts = tuple(Concept((Variant(word),)) for word, _ in words)
        return Concept(parts=parts, minimum_should_match=max(1, math.ceil(share * len(parts))))

    def _with_related(self, concept: Concept) -> Concept:
        """With the words that its best pictures share, as in pseudo-relevance feedback."""
        return concept if concept.parts else self._related[concept]

    def _learn(self, concept: Concept) -> Concept:
        best = self._scorer.search(EngineQuery((concept,)), self._weights.feedback).best
        if not best:
            return concept
        stored = self._engine.stored([scored.doc_id for scored in best])
        weights = [scored.score % 1 for scored in best]
        words = self._typical(stored, weights, self._weights.shared)[: self._weights.related_words]
        whole = sum(value for _, value in words) or 1.0
        hints = tuple(Variant(word, self._weights.related * value / whole) for word, value in words)
        return concept._replace(hints=concept.hints + hints)

    def _with_near(self, concept: Concept) -> Concept:
        """With the words that have to do with it, whatever this index's pictures share."""
        weights, [way, *_] = self._weights, concept.variants or (Variant("", field="none"),)
        if not weights.near or way.field != "caption" or way.prefix:
            return concept
        hints = tuple(
            Variant(text, weights.near * likeness**weights.nearer)
            for text, likeness in self._near(way.text, concept, weights.hinting)[
                : weights.near_hints
            ]
        )
        return concept._replace(hints=concept.hints + hints)

    def _typical(
        self, stored: Sequence[StoredDocument], weights: Sequence[float], least: int
    ) -> list[tuple[str, float]]:
        said = tally(self._analyzer, stored, weights)
        return typical(self._engine, self._scorer, stored, said, least)

    def _beside(self, text: str) -> Iterator[Variant]:
        """Ways to find a text in all fields beside captions."""
        for field, weight in self._fields.items():
            yield from _within(text, field, weight)
        for said, read in said_dates(text):
            if said == text:
                yield from _within(read, "date", self._weights.date)


def _within(text: str, field: str, weight: float = 1.0) -> Iterator[Variant]:
    """Ways to find a text in a field beside captions."""
    if field == "date":
        each = beginnings(read_date(text))
    elif field == "kind":
        each = (kind_of(key_of(text)),)
    elif field in EXACT:
        each = (key_of(text),)
    elif field == "name":
        each = tuple(names_of(text))
    else:
        joined = " ".join(joined_in(text)) if field == "text" else ""
        each = (text, *filter(None, [joined]))
    return (Variant(one, weight, field) for one in each)
