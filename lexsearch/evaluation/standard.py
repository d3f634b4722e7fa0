"""The measures of trec_eval, by ir-measures, so that they mean what they mean elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lexsearch.errors import EvaluationError
from lexsearch.extras import require

MEASURES = ("AP", "AP@1000", "RR", "nDCG@10", "P@10", "Rprec")
"""Names as ir-measures writes them; AP@1000 is for comparisons with runs of that depth."""


def measure(
    qrels: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """query_id -> measure -> value, of rankings of doc_ids, best first.

    trec_eval orders equal scores in its own way, so it is given places instead of scores.
    Raises EvaluationError when ir-measures is not installed.
    """
    require("evaluate", "an evaluation", EvaluationError)
    import ir_measures

    run = {
        query_id: dict(zip(ranking, range(len(ranking), 0, -1), strict=True))
        for query_id, ranking in rankings.items()
    }
    values: dict[str, dict[str, float]] = {query_id: {} for query_id in qrels}
    measures = [ir_measures.parse_measure(name) for name in MEASURES]
    for row in ir_measures.iter_calc(measures, qrels, run):
        values[row.query_id][str(row.measure)] = float(row.value)
    return values
