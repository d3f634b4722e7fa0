"""The search as a teacher: how well a text finds the picture that it is about.

"Multimodal LLM-guided query optimization for visual-language retrieval" (MGQRe) calls it the
retriever: its score is s(y, v), and a rewrite y of a query x earns 20 (s(y, v) - s(x, v)) (Eq. 4).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import log2
from typing import TYPE_CHECKING, NamedTuple

from lexsearch.evaluation.sources import IndexSource
from lexsearch.evaluation.tasks import sentence
from lexsearch.memo import Memo
from lexsearch.records import Query
from lexsearch.text.words import words_of

if TYPE_CHECKING:
    from lexsearch.evaluation.baselines import DenseSource

SCALE = 20.0
"""Of a reward (Eq. 4)."""
DEPTH = 200
"""Of a ranking of words, places below score nothing."""
_REMEMBERED = 200_000


class Asked(NamedTuple):
    """A text that is to find a picture. query: as typed, of which the text is a rewrite."""

    query: str
    doc_id: str
    text: str


class Verdict(NamedTuple):
    """score: s(text, picture), from 0 to 1. rank: the picture's place, None beyond the depth."""

    score: float
    rank: int | None


class Retriever(ABC):
    """Judges texts by what they find.

    key: what makes two scores comparable.
    """

    key: str

    @abstractmethod
    def rank(self, text: str, depth: int) -> list[str]:
        """The first pictures that a text finds, best first."""

    @abstractmethod
    def judge(self, asked: Sequence[Asked]) -> list[Verdict]:
        """How well each text finds its picture. Equal scores of other pictures count against it."""

    def rewards(self, asked: Sequence[Asked]) -> list[float]:
        """20 (s(y, v) - s(x, v)) of each text y in place of its query x (Eq. 4)."""
        typed = [one._replace(text=one.query) for one in asked]
        verdicts = self.judge([*asked, *typed])
        pairs = zip(verdicts[: len(asked)], verdicts[len(asked) :], strict=True)
        return [SCALE * (ours.score - before.score) for ours, before in pairs]


class LexicalRetriever(Retriever):
    """BM25, or what keywords mean, over captions.

    BM25's scores grow with the length of a query and say nothing of other pictures, so that a model
    which is paid by them learns to say long texts or common words. The place is what counts:
    s(y, v) = 1 / log2(1 + place), 0 beyond 200 places; 0 also of a text without words, and of one
    with more than 1.5 |x| + 5 words.
    """

    def __init__(self, source: IndexSource) -> None:
        self._source = source
        self.key = f"{source.ranking}, {len(source.names)} pictures"
        self._known: Memo[Asked, Verdict] = Memo(self._verdict, _REMEMBERED)

    def rank(self, text: str, depth: int) -> list[str]:
        return [hit.doc_id for hit in self._source.rank(Query((sentence(text),)), depth)]

    def judge(self, asked: Sequence[Asked]) -> list[Verdict]:
        return [self._known[one] for one in asked]

    def _verdict(self, one: Asked) -> Verdict:
        words = len(words_of(one.text))
        if not words or words > 1.5 * len(words_of(one.query)) + 5:
            return Verdict(0.0, None)
        hits = self._source.rank(Query((sentence(one.text),)), DEPTH + 1)
        own = next((hit.score for hit in hits if hit.doc_id == one.doc_id), None)
        if own is None:
            return Verdict(0.0, None)
        rank = sum(hit.score >= own for hit in hits)
        return Verdict(1 / log2(1 + rank), rank) if rank <= DEPTH else Verdict(0.0, None)


class DenseRetriever(Retriever):
    """A dual encoder over pictures: s(y, v) is the cosine, as in the paper."""

    def __init__(self, source: DenseSource) -> None:
        self._source = source
        self.key = f"{source.ranking}, {len(source.names)} pictures"

    def rank(self, text: str, depth: int) -> list[str]:
        return [hit.doc_id for hit in self._source.rank(text, depth)]

    def judge(self, asked: Sequence[Asked]) -> list[Verdict]:
        found = self._source.places([(one.text, one.doc_id) for one in asked])
        return [Verdict(cosine, rank) for cosine, rank in found]
