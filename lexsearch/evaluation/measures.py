"""Measures of rankings, as Nakata et al. 2024 define them (Sec. 4.1, Eq. 5-6): pure.

All are micro-averaged: counts are summed over queries first and divided afterwards. mAP and
the other measures of trec_eval are in `lexsearch.evaluation.standard`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Sequence
from itertools import pairwise
from typing import NamedTuple


class Judged(NamedTuple):
    """What the measures need to know of the ranking of one query.

    relevant: how many documents are relevant to it (P_q), found or not.
    retrieved: how many documents the ranking holds.
    ranks: the places of the relevant ones among them, from 1, ascending.
    """

    relevant: int
    retrieved: int
    ranks: tuple[int, ...]

    def found(self, k: int) -> int:
        """Relevant documents among the first k (TP_q@k)."""
        return bisect_right(self.ranks, k)


class Point(NamedTuple):
    """Precision and recall at depth k."""

    k: int
    precision: float
    recall: float


def judge(ranking: Sequence[str], relevant: Container[str], count: int) -> Judged:
    """Reduce a ranking, best first, to what the measures need.

    relevant: the relevant documents, of which there are `count`.
    """
    ranks = tuple(rank for rank, doc_id in enumerate(ranking, 1) if doc_id in relevant)
    return Judged(count, len(ranking), ranks)


def depths(size: int) -> tuple[int, ...]:
    """Where the curves have their points: k = 1, 2, 4 ... and, last, `size` itself.

    size: how many documents there are, at least 1.
    """
    powers = [1 << bit for bit in range(size.bit_length()) if 1 << bit < size]
    return (*powers, size)


def curve(queries: Sequence[Judged], size: int) -> tuple[Point, ...]:
    """The precision-recall curve over all queries (Eq. 5-6).

    P@k = sum TP_q@k / (N_Q k) and R@k = sum TP_q@k / sum P_q, at k = 1, 2, 4 ... `size`.
    A query that retrieves fewer than k documents counts as if the rest were wrong ones.
    """
    positives = _positives(queries)
    found = [(k, sum(query.found(k) for query in queries)) for k in depths(size)]
    return tuple(Point(k, tp / (len(queries) * k), tp / positives) for k, tp in found)


def retrieved_curve(queries: Sequence[Judged], size: int) -> tuple[Point, ...]:
    """The same curve with precision over the documents really retrieved.

    P@k = sum TP_q@k / sum min(k, retrieved_q); 0 where nothing was retrieved at all.
    """
    positives = _positives(queries)
    points = []
    for k in depths(size):
        tp = sum(query.found(k) for query in queries)
        retrieved = sum(min(k, query.retrieved) for query in queries)
        points.append(Point(k, tp / retrieved if retrieved else 0.0, tp / positives))
    return tuple(points)


def _positives(queries: Sequence[Judged]) -> int:
    positives = sum(query.relevant for query in queries)
    if not positives:
        raise ValueError("no query has a relevant document: there is nothing to measure")
    return positives


def area(points: Sequence[Point]) -> float:
    """The area under a precision-recall curve by the trapezoidal rule (PR-AUC).

    From the recall at the first point to that at the last; nothing is added at either end. So
    even a perfect ranking stays below 1 (see `perfect`), and where queries have so few relevant
    documents that one is a large share of them, a worse ranking, whose first point lies further
    left, may even come out above.
    """
    return sum((b.recall - a.recall) * (a.precision + b.precision) / 2 for a, b in pairwise(points))


def pr_auc(queries: Sequence[Judged], size: int) -> float:
    """The area under `curve`."""
    return area(curve(queries, size))


def perfect(queries: Sequence[Judged]) -> tuple[Judged, ...]:
    """What rankings would be judged that hold all relevant documents first, and no other."""
    return tuple(
        Judged(query.relevant, query.relevant, tuple(range(1, query.relevant + 1)))
        for query in queries
    )


def recall(queries: Sequence[Judged], k: int) -> float:
    """R@k = sum TP_q@k / sum P_q (Eq. 6).

    Where every query has one relevant document, as in caption-to-image retrieval, it is the
    share of queries that find theirs among the first k.
    """
    return sum(query.found(k) for query in queries) / _positives(queries)


def precision(queries: Sequence[Judged], k: int) -> float:
    """P@k = sum TP_q@k / (N_Q k) (Eq. 5)."""
    _positives(queries)
    return sum(query.found(k) for query in queries) / (len(queries) * k)
