"""Pairs without a model: captions of an index, made harder with what the lexicon says.

A word is replaced by a rarer synonym or a broader word, as people who search do not know how a
picture is described: "an equine in a pasture" for "a horse in a field". Of the replaced words each
may be said plainly again, so that a query has several rewrites, the better the more words are plain
(Promptagator's idea, without its model).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lexsearch.records import Progress
from lexsearch.rewriting.filters import new_words
from lexsearch.rewriting.pairs import Pair, PairsFile, Rewrite
from lexsearch.rewriting.prompts import PROMPT
from lexsearch.rewriting.retriever import Asked, Retriever
from lexsearch.text.analysis import STOP_WORDS, SimpleAnalyzer
from lexsearch.text.asking import GRAMMAR
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.words import words_of

MODEL = "lexicon"
_MOST_REPLACED = 3
_MOST_REWRITES = 5
_LIKELY = 0.5  # of a synonym: that it means the thing
_RARER = 4  # times
_FEW = 3  # words; shorter captions are left alone


class Caption(NamedTuple):
    """What is said of a picture."""

    doc_id: str
    text: str


class _Harder(NamedTuple):
    """A caption as words, and which of them are replaced by what."""

    words: list[str]
    replaced: dict[int, str]

    def text(self, plain: Iterable[int] = ()) -> str:
        """With the words at these places plain."""
        said = [
            self.replaced[place] if place in self.replaced and place not in plain else word
            for place, word in enumerate(self.words)
        ]
        return " ".join(said)


def pairs_of_captions(
    captions: Sequence[Caption],
    retriever: Retriever,
    file: PairsFile,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> tuple[int, int]:
    """Write a pair for each caption that can be said harder, and finds its picture less so.

    captions: of which words are counted, too: what is said often is what is understood.
    Returns how many pairs were written, and how many captions gave none.
    """
    words = _Words(captions)
    written = 0
    missing = [one for one in dict.fromkeys(captions) if (one.text, one.doc_id) not in file.known]
    for done, caption in enumerate(missing):
        progress(Progress("pairs", done, len(missing), "caption"))
        harder = words.harder(caption.text, random.Random(f"{seed} {caption}"))
        if harder and (pair := _pair(caption, harder, retriever)):
            file.write([pair])
            written += 1
    return written, len(missing) - written


def _pair(caption: Caption, harder: _Harder, retriever: Retriever) -> Pair | None:
    query = harder.text()
    texts = dict.fromkeys(harder.text(plain) for plain in _kept_plain(harder))
    asked = [Asked(query, caption.doc_id, text) for text in (query, *texts)]
    [typed, *verdicts] = retriever.judge(asked)
    rewrites = [
        Rewrite(text, verdict.rank, verdict.score, 1, None, new_words(text, query, [caption.text]))
        for text, verdict in zip(texts, verdicts, strict=True)
        if verdict.score > typed.score
    ]
    if not rewrites:
        return None
    rewrites.sort(key=lambda rewrite: -rewrite.score)
    return Pair(
        query,
        caption.doc_id,
        "index",
        typed.rank,
        typed.score,
        tuple(rewrites[:_MOST_REWRITES]),
        caption.text,
        retriever.key,
        MODEL,
        PROMPT,
    )


def _kept_plain(harder: _Harder) -> Iterator[set[int]]:
    """All words plain, then all but one, then one alone."""
    places = set(harder.replaced)
    yield places
    yield from (places - {place} for place in sorted(places) if len(places) > 1)
    yield from ({place} for place in sorted(places) if len(places) > 2)


class _Words:
    """What words of captions can be replaced by."""

    def __init__(self, captions: Iterable[Caption]) -> None:
        self._analyzer = SimpleAnalyzer()
        self._lexicon = Lexicon(self._analyzer.terms)
        self._counts = Counter(
            term
            for caption in captions
            for term in self._terms(words_of(caption.text)).values()
            if term
        )
        self._known: dict[str, list[str]] = {}

    def harder(self, text: str, chance: random.Random) -> _Harder | None:
        """With up to three words replaced; None where none can be."""
        words = words_of(text)
        if len(words) < _FEW:
            return None
        places = [
            place
            for place, word in enumerate(words)
            if word.isalpha() and word not in GRAMMAR | STOP_WORDS and self._others(word)
        ]
        if not places:
            return None
        count = min(len(places), chance.randint(1, _MOST_REPLACED))
        chosen = sorted(chance.sample(places, count))
        others = {place: chance.choice(self._others(words[place])) for place in chosen}
        return _Harder(words, others)

    def _others(self, word: str) -> list[str]:
        """Rarer synonyms and broader words, in the number of the word."""
        if word not in self._known:
            term = self._terms([word])[word]
            plural = term != word and word == f"{term}s"
            found = [
                f"{other.text}s" if plural else other.text
                for other in self._lexicon.alternatives(word)
                if self._may_stand_for(other.text, other.relation, other.weight, term)
            ]
            self._known[word] = found if plural or term == word else []
        return self._known[word]

    def _may_stand_for(self, text: str, relation: str, weight: float, term: str) -> bool:
        if relation == "kind" or (relation == "synonym" and weight < _LIKELY):
            return False
        if not text.isalpha() or not text.islower() or term in text:
            return False
        count = self._counts[self._terms([text])[text]]
        return count * _RARER <= self._counts[term]

    def _terms(self, words: Sequence[str]) -> Mapping[str, str]:
        return self._analyzer.stems(words)
