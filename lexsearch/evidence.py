"""Why a picture matched: which words, which crops said them, and where in the picture it is.

Computed from the stored captions, for the hits that are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from lexsearch.crops import boxes
from lexsearch.documents import words_of
from lexsearch.engines import APART, Concept, Engine, Stored, Way
from lexsearch.memo import Memo
from lexsearch.records import Box, Evidence, Keyword, Passage
from lexsearch.regions import agreed, locate

_SATURATION = 2.0
_SEEN = ("caption", "text")  # fields whose words are about a crop


class Search(NamedTuple):
    """A keyword and what was looked for; None in paper mode, where its words are all there is."""

    keyword: Keyword
    concept: Concept | None


@dataclass
class _Matched:
    """What was found of one keyword, or of one word of a sentence."""

    keyword: str
    strength: float = 0.0
    words: Counter[str] = field(default_factory=Counter)
    crops: dict[str, float] = field(default_factory=dict)
    seen: list[Box] = field(default_factory=list)

    def add(self, said: Sequence[str], passage: Passage, weight: float) -> None:
        self.words.update(said)
        self.strength += weight
        if passage.field in _SEEN:
            self.crops[passage.crop] = max(weight, self.crops.get(passage.crop, 0.0))

    @property
    def score(self) -> float:
        return self.strength / (self.strength + _SATURATION)


class _Line(NamedTuple):
    """A passage, its words, and what each is compared as ("" for a stop word)."""

    passage: Passage
    words: list[str]
    stems: list[str]


class _Phrase(NamedTuple):
    """Words that stand side by side; "" stands for any word. `telling`: those but ""."""

    words: tuple[str, ...]
    weight: float
    field: str
    apart: int
    telling: frozenset[str]


class _Signs(NamedTuple):
    """What to look for: terms with their weights, and phrases."""

    words: dict[str, float]
    phrases: tuple[_Phrase, ...]


class Reader:
    """Reads what is stored of pictures with the eyes of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._signs = Memo(self._sort)

    def said(self, document: Stored) -> dict[str, Counter[str]]:
        """For each term of the captions, its words, each counted once a caption."""
        found: dict[str, Counter[str]] = {}
        for line in self._lines(document):
            if line.passage.field == "caption":
                for word, stem in dict(zip(line.words, line.stems, strict=True)).items():
                    if stem:
                        found.setdefault(stem, Counter())[word] += 1
        return found

    def _lines(self, document: Stored, *, paper: bool = False) -> list[_Line]:
        said = [words_of(passage.text) for passage in document.passages]
        words: dict[str, set[str]] = {}
        for passage, line in zip(document.passages, said, strict=True):
            words.setdefault(passage.field, set()).update(line)
        stems = {field: self._engine.stems(one, field, paper=paper) for field, one in words.items()}
        return [
            _Line(passage, line, [stems[passage.field][word] for word in line])
            for passage, line in zip(document.passages, said, strict=True)
        ]

    def evidence(
        self, document: Stored, searches: Sequence[Search]
    ) -> tuple[tuple[Evidence, ...], tuple[str, ...]]:
        """(evidence, missing keywords) of one document."""
        lines = self._lines(document)
        said = {word for line in lines for word in (*line.words, *line.stems)}
        found, missing = [], []
        for keyword, concept in searches:
            assert concept is not None
            if concept.parts:
                parts = [
                    self._match(lines, part.ways, part.ways[0].text, said) for part in concept.parts
                ]
                matched = [part for part in parts if part.strength]
                if len(matched) < concept.least:
                    missing.append(str(keyword))
                    matched = []
                elif not concept.sentence:
                    matched = [_joined(str(keyword), matched)]
                found += matched
            else:
                one = self._match(lines, concept.ways, str(keyword), said)
                if one.strength:
                    found.append(one)
                else:
                    missing.append(str(keyword))
        return self._told(document, found), tuple(missing)

    def paper(self, document: Stored, searches: Sequence[Search]) -> tuple[Evidence, ...]:
        """Evidence by Porter stems: any word of a keyword will do."""
        found = []
        lines = self._lines(document, paper=True)
        for keyword, _ in searches:
            matched = _Matched(str(keyword))
            asked = words_of(keyword.text)
            stems = self._engine.stems(asked, paper=True)
            wanted = {stems[word] for word in asked} - {""}
            for line in lines:
                for word, stem in zip(line.words, line.stems, strict=True):
                    if line.passage.field == "caption" and stem in wanted:
                        matched.add([word], line.passage, 1.0)
            if matched.strength:
                found.append(matched)
        return self._told(document, found)

    def _match(
        self, lines: Sequence[_Line], ways: tuple[Way, ...], keyword: str, said: Set[str]
    ) -> _Matched:
        """What the passages say of a keyword; `said`: all words and stems in them."""
        matched = _Matched(keyword)
        signs = self._signs[ways]
        phrases = [phrase for phrase in signs.phrases if phrase.telling <= said]
        for line in lines:
            field = line.passage.field
            if field == "caption" and not signs.words.keys().isdisjoint(line.stems):
                pairs = dict(zip(line.words, line.stems, strict=True)).items()
                here = {word: signs.words[stem] for word, stem in pairs if stem in signs.words}
                matched.add(list(here), line.passage, max(here.values()))
            elif field == "seen" and line.passage.box and self._names(line, signs):
                matched.seen.append(line.passage.box)
            for phrase in phrases:
                if phrase.field == field:
                    for start, end in _find(line.stems, phrase):
                        together = " ".join(line.words[start:end])
                        matched.add([together], line.passage, phrase.weight)
            if field == "date":
                for way in ways:
                    if way.field == field and line.passage.text.startswith(way.text):
                        matched.add([line.passage.text], line.passage, way.weight)
        return matched

    def _names(self, line: _Line, signs: _Signs) -> bool:
        """Whether a thing is called by one of the names, and by no more."""
        stems = [stem for stem in line.stems if stem]
        if len(stems) == 1:
            return stems[0] in signs.words
        return any(
            phrase.field == "caption" and phrase.telling == set(stems) for phrase in signs.phrases
        )

    def _sort(self, ways: tuple[Way, ...]) -> _Signs:
        single: dict[str, float] = {}
        phrases = []
        for way in ways:
            terms = self._engine.terms(way.text) if way.field == "caption" else ()
            if len(terms) == 1:
                single[terms[0]] = max(way.weight, single.get(terms[0], 0.0))
            elif way.field != "date":
                words = words_of(way.text)
                stems = self._engine.stems(words, way.field)
                said = [stems[word] for word in words]
                apart = APART if way.apart else 0
                telling = frozenset(word for word in said if word)
                if telling:
                    phrases.append(_Phrase(tuple(said), way.weight, way.field, apart, telling))
        return _Signs(single, tuple(phrases))

    def _told(self, document: Stored, found: Sequence[_Matched]) -> tuple[Evidence, ...]:
        whole = sum(one.score for one in found) or 1.0
        return tuple(
            Evidence(
                one.keyword,
                tuple(word for word, _ in one.words.most_common()),
                tuple(one.crops),
                one.score / whole,
                agreed(one.seen) or _place(document, one.crops),
            )
            for one in found
        )


def _joined(keyword: str, parts: Sequence[_Matched]) -> _Matched:
    joined = _Matched(keyword)
    for part in parts:
        joined.strength += part.strength
        joined.words.update(part.words)
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


def _place(document: Stored, crops: dict[str, float]) -> Box | None:
    if document.size is None:
        return None
    width, height = document.size
    known = boxes(width, height)
    asked: dict[Box, float] = {}
    for passage in document.passages:
        box = passage.box or known.get(passage.crop)
        if box is not None and passage.field in _SEEN:
            box = Box(box.left, box.top, min(box.right, width), min(box.bottom, height))
            if box.left >= box.right or box.top >= box.bottom:
                continue  # an imported box that lies outside
            asked[box] = max(crops.get(passage.crop, 0.0), asked.get(box, 0.0))
    return locate(asked)
