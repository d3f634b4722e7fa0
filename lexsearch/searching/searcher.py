"""From a query to what an engine is asked for, and from what it found to results.

Each keyword becomes a concept: its words, what else the thing is called (lexsearch.text.lexicon)
and, where all documents are ranked, the words that go with it in this index. docs/how-it-ranks.md
has the formulas.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from lexsearch.engines import Concept, Engine, EngineQuery, ScoredDoc, StoredDocument, Variant
from lexsearch.memo import Memo
from lexsearch.records import Evidence, Keyword, Query, Suggestion, UnmatchedKeyword
from lexsearch.searching.evidence import Reader, Search
from lexsearch.text.lexicon import Alternative, Lexicon
from lexsearch.text.words import words_of

Match = Literal["best", "all", "any"]
MATCHES: tuple[Match, ...] = ("best", "all", "any")
MODES = ("best", "paper")

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
_LONGEST_WORD = 40  # letters; longer ones are not looked for among words written alike
_MOST_ALIKE = 3  # words written like one that nobody says
_NUMBERS = frozenset(
    ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "many")
)
_NEAREST, _MOST_NEAREST = 5, 20  # words that are shown, words that they may be near to


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


@dataclass
class _Tally:
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


class Searcher:
    """Answers queries with an engine and a lexicon."""

    def __init__(self, engine: Engine, lexicon: Lexicon) -> None:
        self._engine = engine
        self._lexicon = lexicon
        self._reader = Reader(engine)
        self._learned_at = 0
        self._concepts = Memo(self._concept)
        self._related = Memo(self._learn)

    def find(self, query: Query, k: int, mode: str, match: Match, skip: int = 0) -> SearchHits:
        """The k best documents after the first `skip`; see `Index.search`."""
        if mode == "paper":
            best, total = self._engine.bm25(query.text, skip + k)
            searches = [Search(keyword, None) for keyword in query.keywords]
        else:
            wanted = self._wanted(query, match)
            best, total = self._engine.search(self._ranked(wanted, match), skip + k)
            if match == "any":
                total = self._engine.count(wanted)
            searches = self._searches(query)
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
            UnmatchedKeyword(str(keyword), self._nearest(keyword))
            for keyword, concept in lacked
            if not self._engine.count(EngineQuery((concept,)))
        )

    def explain(self, query: Query, doc_id: str) -> tuple[StoredDocument, Explanation]:
        """What is stored of one document, and why it matches."""
        self._forget()
        [stored] = self._engine.stored([doc_id])
        return stored, Explanation(*self._reader.evidence(stored, self._searches(query)))

    def _searches(self, query: Query) -> list[Search]:
        return [Search(word, self.concept(word)) for word in query.keywords if word.sign != "-"]

    def rank(self, query: Query, k: int, mode: str, match: Match) -> list[ScoredDoc]:
        """The k best documents alone."""
        if mode == "paper":
            return self._engine.bm25(query.text, k).best
        return self._engine.search(self._ranked(self._wanted(query, match), match), k).best

    def total(self, query: Query, match: Match) -> int:
        """How many documents match."""
        return self._engine.count(self._wanted(query, match))

    def _wanted(self, query: Query, match: Match) -> EngineQuery:
        self._forget()
        positive = [keyword for keyword in query.keywords if keyword.sign != "-"]
        required = [keyword for keyword in positive if keyword.sign == "+" or match == "all"]
        return EngineQuery(
            tuple(map(self.concept, positive)),
            tuple(map(self.concept, required)),
            tuple(self._excluded(word) for word in query.keywords if word.sign == "-"),
        )

    def _ranked(self, wanted: EngineQuery, match: Match) -> EngineQuery:
        if match != "any":
            return wanted
        related = tuple(map(self._with_related, wanted.concepts))
        return wanted._replace(concepts=related, everything=True)

    def _forget(self) -> None:
        """Drop what was learned from the index before it changed."""
        if self._learned_at != (state := self._engine.state()):
            self._learned_at = state
            self._concepts.clear()
            self._related.clear()

    def state(self) -> int:
        """As of the engine."""
        return self._engine.state()

    def count(self) -> int:
        """How many documents can be found."""
        return self._engine.count()

    # From keywords to concepts

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
        """(word, value) of words that these documents have more often than others, best first.

        The value is p log(p / q), where p is how much these documents say a term and q how much
        all do (Kullback-Leibler); each term is given as its commonest word. Words that fewer than
        `least` of the documents say tell nothing.
        """
        tally = self._tally(stored, weights)
        terms = [term for term, count in tally.having.items() if count >= least]
        everywhere = self._engine.frequencies(terms)
        documents = self._engine.count() or 1
        values = []
        for term in terms:
            p = tally.said[term]
            q = p / tally.having[term] * len(stored) * everywhere[term] / documents
            if p > q > 0:
                values.append((tally.word(term), p * math.log(p / q)))
        return sorted(values, key=lambda value: (-value[1], value[0]))

    # Words that might help

    def _nearest(self, keyword: Keyword) -> tuple[Suggestion, ...]:
        """Words that the index knows: other names, words written alike, parts of it."""
        if keyword.field:
            return ()
        said = words_of(keyword.text)[:_MOST_NEAREST]
        stems = self._engine.stems(said)
        counts = self._engine.frequencies({stems[word] for word in said} - {""})
        near = [other.text for other in self._lexicon.alternatives(keyword.text)]
        phrases = []
        for place, word in enumerate(said):
            if stems[word] and not counts[stems[word]] and 2 < len(word) < _LONGEST_WORD:
                alike = self._engine.similar(stems[word])[:_MOST_ALIKE]
                near += alike
                phrases += [" ".join([*said[:place], one, *said[place + 1 :]]) for one in alike]
        found = []
        if len(said) > 1:
            near += said
            for phrase in phrases:
                if count := self._engine.count(EngineQuery((Concept((Variant(phrase),)),))):
                    found.append(Suggestion(phrase, count))
        return (*found, *self._counted(near))[:_NEAREST]

    def _counted(self, words: Iterable[str]) -> tuple[Suggestion, ...]:
        """Those of the words that captions have, with how many pictures, each term once."""
        each = list(dict.fromkeys(words))
        stems = self._engine.stems(each)
        counts = self._engine.frequencies({stems[word] for word in each})
        known: dict[str, str] = {}
        for word in each:
            if stems[word] and counts[stems[word]]:
                known.setdefault(stems[word], word)
        return tuple(Suggestion(word, counts[stem]) for stem, word in known.items())

    def suggest(self, query: Query, n: int, k: int) -> list[Suggestion]:
        """Next keywords: words that split the k best pictures best, never one already used."""
        stored, tally = self._best_said(query, k)
        used = self._used(query)
        documents = self._engine.count() or 1
        everywhere = self._engine.frequencies(tally.having)
        values = []
        for term, count in tally.having.items():
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
            values.append((split * lift, tally.word(term), count))
        values.sort(key=lambda value: (-value[0], value[1]))
        return [Suggestion(word, count) for _, word, count in values[:n]]

    def words(self, query: Query, n: int, k: int) -> list[Suggestion]:
        """The commonest words of the k best documents, with how many of them have each."""
        _, tally = self._best_said(query, k)
        words = [
            Suggestion(tally.word(term), count)
            for term, count in tally.having.items()
            if term.isalpha() and len(term) > 2
        ]
        return sorted(words, key=lambda each: (-each.count, each.word))[:n]

    def _best_said(self, query: Query, k: int) -> tuple[list[StoredDocument], _Tally]:
        """The k best documents, and what they say."""
        best = self.rank(query, k, "best", "best")
        stored = self._engine.stored([scored.doc_id for scored in best])
        return stored, self._tally(stored, [1.0] * len(stored))

    def _tally(self, stored: Sequence[StoredDocument], weights: Sequence[float]) -> _Tally:
        tally = _Tally()
        whole = sum(weights) or 1.0
        for document, weight in zip(stored, weights, strict=True):
            for term, words in self._reader.said(document).items():
                tally.add(term, words, weight / whole)
        return tally

    def _used(self, query: Query) -> set[str]:
        used: set[str] = set()
        for keyword in query.keywords:
            if keyword.field not in ("like", "date"):
                concept = self.concept(keyword)
                for one in (concept, *concept.parts):
                    texts = [keyword.text, *(way.text for way in one.variants)]
                    terms = self._engine.terms(texts)
                    used.update(*(terms[text] for text in texts))
        return used


def _names(others: Iterable[Alternative]) -> Iterator[Variant]:
    """What else a thing is called, as ways to find it; broader words are none."""
    return (Variant(row.text, row.weight) for row in others if row.relation != "broader")
