"""The words that an index knows, to offer them while somebody types."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice

from lexsearch.records import Document, Suggestion
from lexsearch.searching.typical import Tally
from lexsearch.text.words import words_of

_AT_ONCE = 1000  # documents
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What pictures say.

    words: in order of letters, each in its commonest form, with how many pictures say it.
    """

    words: tuple[Suggestion, ...] = ()

    def starting(self, beginning: str, n: int) -> list[Suggestion]:
        """The n commonest words that begin so."""
        first = bisect_left(self.words, beginning, key=_word)
        beyond = bisect_left(self.words, beginning + _LAST, key=_word)
        return nsmallest(n, self.words[first:beyond], key=lambda one: (-one.count, one.word))


def learn(
    documents: Iterable[Document],
    terms: Callable[[Collection[str]], Mapping[str, Sequence[str]]],
) -> Vocabulary:
    """Read all documents once.

    terms: what a text index makes of words; words of one term are forms of one word.
    """
    tally = Tally()
    known: dict[str, str] = {}
    for part in _batches(documents):
        each = [Counter(words_of(document.contents)) for document in part]
        new = sorted(set().union(*each) - known.keys())
        made = terms(new)
        known.update((word, next(iter(made[word]), "")) for word in new)
        for words in each:
            tally.add(words, known, 1.0)
    counts = {tally.word(term): count for term, count in tally.having.items()}
    return Vocabulary(tuple(Suggestion(word, count) for word, count in sorted(counts.items())))


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    each = iter(documents)
    while part := list(islice(each, _AT_ONCE)):
        yield part


def _word(one: Suggestion) -> str:
    return one.word
