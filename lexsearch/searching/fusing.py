"""One list of what several sentences find, by their scores, by votes or by their places: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import fsum
from typing import Literal, NamedTuple, get_args

from lexsearch.engines import ScoredDoc
from lexsearch.errors import LexsearchError
from lexsearch.records import Keyword, Query

Fuse = Literal["sum", "vote", "rrf"]
FUSES: tuple[Fuse, ...] = get_args(Fuse)

CANDIDATES = 15
"""So many of each sentence are candidates of a vote (Flickr30K-CFQ, Sec. 4.2)."""
VOTES = 10
"""A sentence votes for so many of them (Sec. 5.1)."""
_LEVEL = 60  # of reciprocal ranks: Cormack, Clarke and Buettcher 2009


class Fusion(NamedTuple):
    """How one list is made of what several sentences find.

    how: "sum" adds their scores, "vote" is the two-stage vote of Flickr30K-CFQ, "rrf" adds
        1 / (60 + place).
    weight: of what was typed, against 1 for every other sentence; None: 3, and 1 in a vote.
    """

    how: Fuse = "sum"
    weight: float | None = None

    def weights(self, sentences: int) -> list[float]:
        """Of what was typed and of the sentences beside it."""
        usual = 1.0 if self.how == "vote" else 3.0
        return [usual if self.weight is None else self.weight, *[1.0] * sentences]


def fusion(how: str, weight: float | None) -> Fusion:
    """Raises LexsearchError for a way that is none, or a weight that is not above 0."""
    if how not in FUSES:
        raise LexsearchError(f"there is no way to fuse {how!r}; choose {', '.join(FUSES)}")
    if weight is not None and not 0 < weight <= 1000:
        raise LexsearchError(f"the weight of what is typed is above 0, at most 1000, not {weight}")
    return Fusion(how, weight)


class Fused(NamedTuple):
    """One document found, best first. votes: of how many sentences, in a vote."""

    doc_id: str
    score: float
    votes: float | None = None


def variants(query: Query) -> list[Query]:
    """The query as typed, and once for each other sentence, with that in place of all plain
    keywords: signs, quotes and fields hold for all.
    """
    typed = Query(query.keywords, query.notes)
    held = [word for word in query.keywords if word.sign or word.quoted or word.field]
    return [typed, *(Query((Keyword(sentence), *held)) for sentence in query.also)]


def fused(found: Sequence[Sequence[ScoredDoc]], fusion: Fusion) -> list[ScoredDoc]:
    """One list of what is typed, first, and each other sentence find, all of it."""
    weights = fusion.weights(len(found) - 1)
    return [ScoredDoc(one.doc_id, one.score) for one in fuse(found, weights, fusion.how)]


def fuse(found: Sequence[Sequence[ScoredDoc]], weights: Sequence[float], how: Fuse) -> list[Fused]:
    """One list of what each sentence finds, best first."""
    if how == "sum":
        return add(found, weights)
    rankings = [[doc_id for doc_id, _ in ranking] for ranking in found]
    return vote(rankings, weights) if how == "vote" else add_places(rankings, weights)


def add(found: Sequence[Sequence[ScoredDoc]], weights: Sequence[float]) -> list[Fused]:
    """By the sum of weight * score; what a sentence does not find has 0 of it."""
    scores: defaultdict[str, float] = defaultdict(float)
    for ranking, weight in zip(found, weights, strict=True):
        for doc_id, score in ranking:
            scores[doc_id] += weight * score
    return _sorted(scores)


def add_places(rankings: Sequence[Sequence[str]], weights: Sequence[float]) -> list[Fused]:
    """By the sum of weight / (60 + place)."""
    scores: defaultdict[str, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        for place, doc_id in enumerate(ranking, 1):
            scores[doc_id] += weight / (_LEVEL + place)
    return _sorted(scores)


def vote(
    rankings: Sequence[Sequence[str]], weights: Sequence[float], votes: int = VOTES
) -> list[Fused]:
    """The two-stage vote of Flickr30K-CFQ (Sec. 4.2).

    First the best 15 of each sentence are candidates. Then each sentence orders all candidates,
    those last that it does not find, and votes for the first `votes` of them that it finds. The
    paper says nothing of ties, of which there are many; here they go by the sum of
    weight / (60 + place in the second stage), then by doc_id.

    rankings: all that each sentence finds, best first. Returns the candidates; a score is the votes
    and, behind the point, the mean of 1 / (60 + place).
    """
    candidates = {doc_id for ranking in rankings for doc_id in ranking[:CANDIDATES]}
    voted: defaultdict[str, float] = defaultdict(float)
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for ranking, weight in zip(rankings, weights, strict=True):
        found = [doc_id for doc_id in ranking if doc_id in candidates]
        for doc_id in found[:votes]:
            voted[doc_id] += weight
        last = sorted(candidates.difference(found))
        for place, doc_id in enumerate((*found, *last), 1):
            shares[doc_id].append(weight / (_LEVEL + place))
    places = {doc_id: fsum(each) for doc_id, each in shares.items()}  # in whatever order
    whole = sum(weights)
    order = sorted(candidates, key=lambda one: (-voted[one], -places[one], one))
    return [Fused(one, voted[one] + places[one] / whole, voted[one]) for one in order]


def _sorted(scores: Mapping[str, float]) -> list[Fused]:
    order = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [Fused(doc_id, score) for doc_id, score in order]
