"""Whether one run is better than another, or was lucky: paired tests over queries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lexsearch.errors import EvaluationError
from lexsearch.evaluation import standard
from lexsearch.evaluation.runner import Outcome
from lexsearch.evaluation.trec import read_run

RUN_DEPTH = 1000
"""How many documents of each query a run holds, by custom."""

_MEASURE = f"AP@{RUN_DEPTH}"
_RESAMPLES = 9_999


class Comparison(NamedTuple):
    """A measure of two runs over the same queries.

    better, worse, equal: queries by how the first run does beside the second.
    p_t, p_randomisation: of a two-sided paired t-test, and of a randomisation test that swaps
        the two runs at random, query by query; below 0.05 is by custom significant.
    """

    queries: int
    mean: float
    other_mean: float
    better: int
    worse: int
    equal: int
    p_t: float
    p_randomisation: float


def compare_with_run(outcome: Outcome, file: Path) -> Comparison:
    """Compare a task's outcome with a run of the same queries in TREC's format, by AP@1000.

    Raises EvaluationError when the run is of other queries.
    """
    run = read_run(file)
    qrels = {question.query_id: question.relevant for question in outcome.task.questions}
    if not run.keys() & qrels.keys():
        raise EvaluationError(
            f"{file} is of other queries: they are called like {next(iter(run))!r}, those of "
            f"{outcome.task.name} like {next(iter(qrels))!r}"
        )
    rankings = {
        query_id: [hit.doc_id for hit in run.get(query_id, ())][:RUN_DEPTH] for query_id in qrels
    }
    others = standard.measure(qrels, rankings)
    return compare(
        {query_id: row[_MEASURE] for query_id, row in outcome.standard.items()},
        {query_id: row[_MEASURE] for query_id, row in others.items()},
    )


def compare(values: Mapping[str, float], others: Mapping[str, float]) -> Comparison:
    """Compare two runs by the value that a measure has for each query.

    The two tests are those that Smucker, Allan and Carterette (2007) find to agree.
    Raises EvaluationError when the queries differ or there are fewer than two.
    """
    if values.keys() != others.keys():
        odd = sorted(values.keys() ^ others.keys())
        raise EvaluationError(
            f"the two runs differ in {len(odd)} queries (one is {odd[0]}): nothing to pair"
        )
    if len(values) < 2:
        raise EvaluationError("two runs can be compared over two queries or more")
    import numpy as np
    from scipy import stats

    a = np.array([values[query_id] for query_id in values])
    b = np.array([others[query_id] for query_id in values])
    difference = a - b
    if difference.any():
        # scipy warns where all differences are equal: then t is infinite, and p is 0.
        with np.errstate(all="ignore"):
            spread = float(difference.std())
            p_t = float(stats.ttest_1samp(difference, 0).pvalue) if spread > 1e-12 else 0.0
        p_randomisation = float(
            stats.permutation_test(
                (a, b),
                lambda x, y, axis: np.mean(x - y, axis=axis),
                permutation_type="samples",
                vectorized=True,
                n_resamples=_RESAMPLES,
                batch=1000,
                rng=0,
            ).pvalue
        )
    else:
        p_t = p_randomisation = 1.0
    return Comparison(
        len(values),
        float(a.mean()),
        float(b.mean()),
        int((difference > 0).sum()),
        int((difference < 0).sum()),
        int((difference == 0).sum()),
        p_t,
        p_randomisation,
    )
