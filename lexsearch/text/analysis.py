"""How texts become terms: the words that are compared.

Four chains: "english" brings word forms together (bus, buses; man, men; colour, color); "porter"
is the paper's (Porter stems, and Lucene's stop words); "plain" takes words as they are written, but
for case and accents; "exact" takes each line as it is. An `Analyzer` runs them; the lexicon,
the evidence reader and the engines ask the same one, and no index.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

from lexsearch.text.words import fold, words_of

FORMS = Path(__file__).parent / "lexicon" / "irregular.txt"
"""Forms of words with the term that each becomes, one a line."""

STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is"),
        *("it", "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there"),
        *("these", "they", "this", "to", "was", "will", "with"),
    )
)
"""Lucene's English stop words."""
_MOST_TEXTS, _MOST_STEMS = 100_000, 500_000  # remembered

T = TypeVar("T")
Terms = tuple[str, ...]


class Token(NamedTuple):
    """A term of a text, and how many words it stands after the one before: 2 after a stop word."""

    term: str
    step: int = 1


class Analyzer(ABC):
    """Makes terms of texts; remembers them."""

    def __init__(self) -> None:
        self._terms: dict[str, dict[str, Terms]] = {}
        self._stems: dict[str, dict[str, str]] = {}

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Changes whenever the same text would become other terms."""

    @abstractmethod
    def tokens(self, text: str, chain: str) -> list[Token]:
        """The terms of one text, with their steps: what an engine is given to index."""

    @abstractmethod
    def analyze(self, texts: Sequence[str], chain: str) -> list[Terms]:
        """The terms of each text, in order; nothing is remembered."""

    def terms(self, texts: Collection[str], chain: str = "english") -> Mapping[str, Terms]:
        """For each text its terms, in order, without stop words. The mapping may hold more texts
        than asked for.
        """
        known = _room(self._terms, chain, _MOST_TEXTS)
        new = [text for text in texts if text not in known]
        known.update(zip(new, self.analyze(new, chain), strict=True))
        return known

    def stems(self, words: Collection[str], chain: str = "english") -> Mapping[str, str]:
        """For each single word its term, "" for a stop word. The mapping may hold more words than
        asked for.
        """
        known = _room(self._stems, chain, _MOST_STEMS)
        new = list(set(words).difference(known))
        each = zip(new, self.analyze(new, chain), strict=True)
        known.update((word, "".join(terms[-1:])) for word, terms in each)
        return known


def _room(remembered: dict[str, dict[str, T]], chain: str, most: int) -> dict[str, T]:
    """What is remembered of one chain. When that is full, a new empty dict takes its place;
    callers that hold the old one can go on using it.
    """
    if len(remembered.setdefault(chain, {})) > most:
        remembered[chain] = {}
    return remembered[chain]


class SimpleAnalyzer(Analyzer):
    """An analyzer without Java, for the engine in memory: it knows the listed word forms and the
    English plural, and no other stems.
    """

    fingerprint = "simple"

    def tokens(self, text: str, chain: str) -> list[Token]:
        if chain == "exact":
            return [Token(line) for line in text.split("\n") if line]
        found, step = [], 1
        for word in words_of(fold(clean(text))):
            if chain != "plain" and word in STOP_WORDS:
                step += 1
            else:
                found.append(Token(word if chain == "plain" else _singular(word), step))
                step = 1
        return found

    def analyze(self, texts: Sequence[str], chain: str) -> list[Terms]:
        return [tuple(token.term for token in self.tokens(text, chain)) for text in texts]


def _singular(word: str) -> str:
    word = word.removesuffix("'s")
    if word in _terms_of_forms():
        return _terms_of_forms()[word]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@cache
def irregular_forms() -> dict[str, list[str]]:
    """The word forms on the list, by the term that they become."""
    forms: dict[str, list[str]] = {}
    for form, term in _listed():
        forms.setdefault(term, []).append(form)
    return forms


def _listed() -> list[tuple[str, str]]:
    lines = (line.partition("\t") for line in FORMS.read_text("utf-8").splitlines())
    return [(form, term) for form, tab, term in lines if tab]


@cache
def _terms_of_forms() -> dict[str, str]:
    return dict(_listed())


def clean(text: str) -> str:
    """Text that survives the way into an engine: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")
