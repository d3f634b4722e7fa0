"""The measures of trec_eval, and of a list as people see it, from the places of what is right.

They give what ir-measures gives (tests compare them); worked out from the places alone, they take
a tenth of the time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

TREC_EVAL = ("AP", "AP@1000", "RR", "nDCG@10", "P@10", "Rprec")
"""Names as ir-measures writes them; AP@1000 is for comparisons with runs of that depth."""
LIST = ("P10", "list precision", "list recall", "list F1")
"""P10 is the share of right ones among the first ten, or among as many as there are right ones if
those are fewer: unlike P@10, a perfect ranking reaches 1. The others are of all that is listed.
"""
CAPPED = ("MR@1", "MR@5", "MR@10", "MR@10 printed", "hit@10")
"""MR@K, the Multi-recall of Flickr30K-CFQ, is the share found among the first K of as many as are
right, K at most: found / min(K, relevant). The paper prints found / max(K, relevant), by which no
query with one right picture could reach more than 1/K; but it reports .776 at 10, and says that the
measure becomes Recall@K where one picture is right. "MR@10 printed" is by the formula as printed.
hit@K is the share of queries with at least one right picture among the first K.
"""
MEASURES = (*TREC_EVAL, *LIST, *CAPPED)


def measure(ranking: Sequence[str], relevant: Mapping[str, int]) -> dict[str, float]:
    """The value of each measure for one query.

    ranking: doc_ids, best first, each once. relevant: how much each relevant document is, above 0.
    """
    count = len(relevant)
    places = [place for place, doc_id in enumerate(ranking, 1) if doc_id in relevant]
    precisions = [found / place for found, place in enumerate(places, 1)]
    first_ten = sum(place <= 10 for place in places)
    found = len(places)
    return {
        "AP": sum(precisions) / count if count else 0.0,
        "AP@1000": (
            sum(p for p, place in zip(precisions, places, strict=True) if place <= 1000) / count
            if count
            else 0.0
        ),
        "RR": 1 / places[0] if places else 0.0,
        "nDCG@10": _ndcg(ranking[:10], relevant, 10),
        "P@10": first_ten / 10,
        "Rprec": sum(place <= count for place in places) / count if count else 0.0,
        "P10": first_ten / min(10, count) if count else 0.0,
        **{
            f"MR@{k}": sum(place <= k for place in places) / min(k, count) if count else 0.0
            for k in (1, 5, 10)
        },
        "MR@10 printed": first_ten / max(10, count),
        "hit@10": float(first_ten > 0),
        "list precision": found / len(ranking) if ranking else 0.0,
        "list recall": found / count if count else 0.0,
        "list F1": 2 * found / (len(ranking) + count) if found else 0.0,
    }


def _ndcg(ranking: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    best = sorted(relevant.values(), reverse=True)[:k]
    ideal = _gain(best)
    return _gain([relevant.get(doc_id, 0) for doc_id in ranking]) / ideal if ideal else 0.0


def _gain(gains: Sequence[int]) -> float:
    """Discounted cumulative gain as trec_eval has it: gain / log2(place + 1)."""
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))
