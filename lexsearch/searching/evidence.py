"""Why a picture matched: which words, which crops said them, and where in the picture it is.

Computed from the stored captions, for the hits that are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat
from typing import NamedTuple

from lexsearch.engines import Concept, StoredDocument, Variant
from lexsearch.engines.fields import CHAINS, CONTENTS, chain_of, doubtful_terms
from lexsearch.engines.weights import WEIGHTS, RankingWeights
from lexsearch.images.crops import boxes
from lexsearch.memo import Memo
from lexsearch.records import Box, Evidence, Keyword, Passage
from lexsearch.searching.regions import agreed, locate
from lexsearch.text.analysis import Analyzer
from lexsearch.text.words import joined_in, words_in, words_in_each, words_of

_PAPER = CHAINS[CONTENTS]
_SEEN = ("caption", "text")  # fields whose words are about a crop


class Search(NamedTuple):
    """A keyword and what was looked for; None in paper mode, where its words are all there is."""

    keyword: Keyword
    concept: Concept | None


@dataclass
class _Matched:
    """What was found of one keyword, or of one word of a sentence.

    words: how often each. crops: how surely each says it. sure: whether more than few patches do.
    """

    keyword: str
    saturation: float = WEIGHTS.saturation
    strength: float = 0.0
    words: dict[str, int] = field(default_factory=dict)
    crops: dict[str, float] = field(default_factory=dict)
    seen: list[Box] = field(default_factory=list)
    sure: bool = False

    def add(self, said: Iterable[str], passage: Passage, weight: float) -> None:
        for word in said:
            self.words[word] = self.words.get(word, 0) + 1
        self.strength += weight
        if passage.field in _SEEN:
            self.crops[passage.crop] = max(weight, self.crops.get(passage.crop, 0.0))

    @property
    def score(self) -> float:
        return self.strength / (self.strength + self.saturation)


class _Line(NamedTuple):
    """A passage, its words, and of words of its field what each is compared as, "" for a stop
    word.
    """

    passage: Passage
    words: list[str]
    stem_of: Mapping[str, str]

    def stems(self) -> list[str]:
        return [self.stem_of[word] for word in self.words]


class _Text:
    """What is stored of a picture, as an engine with the analyzer reads it.

    written: for each field its stems, each with the words that it is written as.
    """

    def __init__(
        self, document: StoredDocument, analyzer: Analyzer, *, paper: bool = False
    ) -> None:
        self._document = document
        self.written: dict[str, dict[str, list[str]]] = {}
        texts: dict[str, list[str]] = {}
        for passage in document.passages:
            texts.setdefault(passage.field, []).append(passage.text)
        each: dict[str, Iterator[tuple[list[str], Mapping[str, str]]]] = {}
        for name, rows in texts.items():
            lines = words_in_each(rows, name)
            if name == "text":
                lines = [words + joined_in(row) for words, row in zip(lines, rows, strict=True)]
            distinct = set(chain.from_iterable(lines))
            read_by = _PAPER if paper and name in ("caption", "seen") else chain_of(name)
            stem_of = analyzer.stems(distinct, read_by)
            written = self.written[name] = {}
            for word in distinct:
                written.setdefault(stem_of[word], []).append(word)
            each[name] = zip(lines, repeat(stem_of))
        self.lines = [_Line(passage, *next(each[passage.field])) for passage in document.passages]

    @cached_property
    def doubtful(self) -> set[str]:
        """Terms of the captions that few patches say alone."""
        captions = (line for line in self.lines if line.passage.field == "caption")
        return doubtful_terms((line.passage.crop, line.stems()) for line in captions)

    @cached_property
    def areas(self) -> dict[str, list[Box]]:
        """Where the crops are that were described, by name; {} without a picture."""
        if self._document.size is None:
            return {}
        width, height = self._document.size
        known = boxes(width, height)
        areas: dict[str, list[Box]] = {}
        for passage in self._document.passages:
            box = passage.box or known.get(passage.crop)
            if box is not None and passage.field in _SEEN:
                if passage.box and (box.right > width or box.bottom > height):
                    box = Box(box.left, box.top, min(box.right, width), min(box.bottom, height))
                    if box.left >= box.right or box.top >= box.bottom:
                        continue  # an imported one that lies outside
                areas.setdefault(passage.crop, []).append(box)
        return areas

    def place(self, crops: Mapping[str, float]) -> Box | None:
        """Where a thing is, told from the crops that name it, and how surely."""
        asked = dict.fromkeys(chain.from_iterable(self.areas.values()), 0.0)
        for crop, sure in crops.items():
            for box in self.areas.get(crop, ()):
                asked[box] = max(sure, asked[box])
        return locate(asked)


class _Phrase(NamedTuple):
    """Words that stand side by side; "" stands for any word. `telling`: those but ""."""

    words: tuple[str, ...]
    weight: float
    field: str
    apart: int
    telling: frozenset[str]


class _Signs(NamedTuple):
    """What to look for: terms with their weights, and phrases, of each field by one of their words
    that is there wherever they are.
    """

    words: dict[str, float]
    phrases: dict[str, dict[str, list[_Phrase]]]
    prefixes: tuple[Variant, ...]


class Reader:
    """Reads what is stored of pictures as an engine with this analyzer does."""

    def __init__(self, analyzer: Analyzer, weights: RankingWeights = WEIGHTS) -> None:
        self._analyzer = analyzer
        self._weights = weights
        self._signs = Memo(self._sort)

    def evidence(
        self, document: StoredDocument, searches: Sequence[Search]
    ) -> tuple[tuple[Evidence, ...], tuple[str, ...]]:
        """(evidence, missing keywords) of one document."""
        text = _Text(document, self._analyzer)
        found, missing = [], []
        for keyword, concept in searches:
            assert concept is not None
            matched, lacking = self._matched(text, keyword, concept)
            found += matched
            missing += lacking
        return _told(text, found), tuple(missing)

    def _matched(
        self, text: _Text, keyword: Keyword, concept: Concept
    ) -> tuple[list[_Matched], list[str]]:
        """What was found of a keyword, and what it lacks: of a sentence, the words."""
        whole = self._match(text, concept.variants, str(keyword))
        if not concept.parts:
            return ([whole], []) if whole.strength else ([], [str(keyword)])
        parts = [self._match(text, part.variants, part.variants[0].text) for part in concept.parts]
        for part in parts:
            part.sure = True  # it has its other words beside it
        matched = [part for part in parts if part.strength]
        if whole.strength and (concept.sentence or len(matched) < concept.minimum_should_match):
            return [whole], []
        if not matched or (not concept.sentence and len(matched) < concept.minimum_should_match):
            return [], [str(keyword)]
        if not concept.sentence:
            return [_joined(str(keyword), matched)], []
        return matched, [part.keyword for part in parts if not part.strength]

    def paper(self, document: StoredDocument, searches: Sequence[Search]) -> tuple[Evidence, ...]:
        """Evidence by Porter stems: any word of a keyword will do."""
        found = []
        text = _Text(document, self._analyzer, paper=True)
        for keyword, _ in searches:
            matched = _Matched(str(keyword), sure=True)
            asked = words_of(keyword.text)
            stems = self._analyzer.stems(asked, _PAPER)
            wanted = {stems[word] for word in asked} - {""}
            for line in text.lines:
                for word, stem in zip(line.words, line.stems(), strict=True):
                    if line.passage.field == "caption" and stem in wanted:
                        matched.add([word], line.passage, 1.0)
            if matched.strength:
                found.append(matched)
        return _told(text, found)

    def _match(self, text: _Text, ways: tuple[Variant, ...], keyword: str) -> _Matched:
        """What a text says of a keyword."""
        matched = _Matched(keyword, sure=not self._weights.doubtful)
        signs = self._signs[ways]
        weights = signs.words
        written = text.written.get("caption", {})
        there = written.keys() & weights.keys()
        named = {word: weights[stem] for stem in there for word in written[stem]}
        phrases = {
            name: found
            for name, known in signs.phrases.items()
            if (found := _possible(known, text.written.get(name, {}).keys()))
        }
        for line in text.lines:
            passage = line.passage
            if passage.field == "caption":
                if named and not named.keys().isdisjoint(line.words):
                    here = list(dict.fromkeys(word for word in line.words if word in named))
                    matched.add(here, passage, max(named[word] for word in here))
                    matched.sure |= any(line.stem_of[word] not in text.doubtful for word in here)
            elif passage.field == "seen" and passage.box and self._names(line, signs):
                matched.seen.append(passage.box)
            for phrase in phrases.get(passage.field, ()):
                for start, end in _find(line.stems(), phrase):
                    matched.add([" ".join(line.words[start:end])], passage, phrase.weight)
                    sure = passage.field != "caption" or text.doubtful.isdisjoint(phrase.telling)
                    matched.sure |= sure
            for way in signs.prefixes:
                if way.field == passage.field:
                    begun = [one for one in line.words if one.startswith(way.text)]
                    if begun:
                        matched.add(begun, passage, way.weight)
                        matched.sure = True
        return matched

    def _names(self, line: _Line, signs: _Signs) -> bool:
        """Whether a thing is called by one of the names, and by no more."""
        stems = [stem for stem in line.stems() if stem]
        if len(stems) == 1:
            return stems[0] in signs.words
        return any(
            phrase.telling == set(stems)
            for stem in stems
            for phrase in signs.phrases.get("caption", {}).get(stem, ())
        )

    def _sort(self, ways: tuple[Variant, ...]) -> _Signs:
        single: dict[str, float] = {}
        phrases: dict[str, dict[str, list[_Phrase]]] = {}
        prefixes = tuple(way for way in ways if way.prefix or way.field == "date")
        ways = tuple(way for way in ways if way not in prefixes)
        captions = [way.text for way in ways if way.field == "caption"]
        known = self._analyzer.terms(captions)
        self._analyzer.stems(  # all in one go
            {word for text in captions for word in words_of(text)}
        )
        for way in ways:
            terms = known[way.text] if way.field == "caption" else ()
            if len(terms) == 1:
                single[terms[0]] = max(way.weight, single.get(terms[0], 0.0))
            else:
                words = words_in(way.text, way.field)
                stems = self._analyzer.stems(words, chain_of(way.field))
                said = [stems[word] for word in words]
                apart = self._weights.apart if way.apart else 0
                telling = frozenset(word for word in said if word)
                if telling:
                    phrase = _Phrase(tuple(said), way.weight, way.field, apart, telling)
                    known_by = phrases.setdefault(way.field, {})
                    known_by.setdefault(min(telling), []).append(phrase)
        return _Signs(single, phrases, prefixes)


def _possible(known: Mapping[str, list[_Phrase]], stems: Set[str]) -> list[_Phrase]:
    """The phrases of which all words are there."""
    there = known.keys() & stems
    return [phrase for stem in there for phrase in known[stem] if phrase.telling <= stems]


def _told(text: _Text, found: Sequence[_Matched]) -> tuple[Evidence, ...]:
    whole = sum(one.score for one in found) or 1.0
    return tuple(
        Evidence(
            one.keyword,
            tuple(sorted(one.words, key=lambda word: -one.words[word])),
            tuple(one.crops),
            one.score / whole,
            agreed(one.seen) or text.place(one.crops),
            not one.sure,
        )
        for one in found
    )


def _joined(keyword: str, parts: Sequence[_Matched]) -> _Matched:
    joined = _Matched(keyword, sure=True)
    for part in parts:
        joined.strength += part.strength
        for word, count in part.words.items():
            joined.words[word] = joined.words.get(word, 0) + count
        joined.crops.update(part.crops)
        joined.seen += part.seen
    return joined


def _find(said: Sequence[str], phrase: _Phrase) -> Iterator[tuple[int, int]]:
    """(start, end) of where the words stand side by side, or else, once, near each other."""
    if not phrase.telling.issubset(said):
        return
    wanted, found = phrase.words, False
    lead = next(place for place, want in enumerate(wanted) if want)
    for place, word in enumerate(said):
        if word == wanted[lead] and place >= lead:
            there = said[place - lead : place - lead + len(wanted)]
            if len(there) == len(wanted) and all(
                want in ("", word) for want, word in zip(wanted, there, strict=True)
            ):
                yield place - lead, place - lead + len(wanted)
                found = True
    if found or not phrase.apart:
        return
    telling = [want for want in wanted if want]
    for start, word in enumerate(said):
        if word == telling[0]:
            window = said[start : start + len(wanted) + phrase.apart]
            end = 0
            for want in telling:
                end = window.index(want, end) + 1 if want in window[end:] else len(said) + 1
            if end <= len(window):
                yield start, start + end
                return
