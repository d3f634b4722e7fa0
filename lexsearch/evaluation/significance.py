"""Whether one run is better than another, or was lucky: paired tests over queries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lexsearch.errors import EvaluationError
from lexsearch.evaluation import standard
from lexsearch.evaluation.runner import Outcome
from lexsearch.evaluation.sources import Source
from lexsearch.evaluation.trec import in_run, read_run

RUN_DEPTH = 1000
"""How many documents of each query a run holds, by custom."""

_MEASURE = f"AP@{RUN_DEPTH}"
_RESAMPLES = 9_999
_FEW_QUERIES = 6  # fewer cannot differ significantly, however they differ


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


class Fit(NamedTuple):
    """A comparison with a run, and notes on what of the run does not fit."""

    comparison: Comparison
    notes: tuple[str, ...]


def compare_with_run(outcome: Outcome, file: Path, source: Source) -> Fit:
    """Compare a task's outcome with a run of the same queries in TREC's format, by AP@1000.

    source: what was measured; the run's documents may be called by any name that it knows.

    Raises EvaluationError when the run is of other queries or of other documents.
    """
    run = read_run(file)
    queries = {in_run(question.query_id): question for question in outcome.task.questions}
    found = {
        query_id: run.rankings.get(query_id) or run.rankings.get(question.query_id)
        for query_id, question in queries.items()
    }
    if not any(found.values()):
        raise EvaluationError(
            f"{file} is of other queries: they are called like {next(iter(run.rankings))!r}, "
            f"those of {outcome.task.name} like {next(iter(queries))!r}"
        )
    rankings: dict[str, list[str]] = {}
    strangers: dict[str, None] = {}
    known = 0
    for query_id, ranking in found.items():
        names: dict[str, None] = {}
        for hit in (ranking or [])[:RUN_DEPTH]:
            name = source.name_of(hit.doc_id)
            if name is None:
                strangers[hit.doc_id] = None
            else:
                known += 1
            names[name or hit.doc_id] = None
        rankings[query_id] = list(names)
    if not known:
        raise EvaluationError(
            f"{file} is of other documents: they are called like {next(iter(strangers))!r}, "
            f"those searched like {min(source.names)!r}"
        )
    notes = []
    missing = [
        question.query_id
        for question, judged in zip(outcome.task.questions, outcome.judged, strict=True)
        if judged.retrieved and not found[in_run(question.query_id)]
    ]
    if missing:
        notes.append(
            f"{file} has no ranking for {len(missing)} of {len(queries)} queries, which count as "
            f"0 there (the first: {missing[0]})"
        )
    if strangers:
        notes.append(
            f"{file} has {len(strangers)} documents that are not searched here, and count as "
            f"wrong (the first: {next(iter(strangers))})"
        )
    if run.doubles:
        notes.append(
            f"{file} has a document twice for one query {run.doubles} times; its better place "
            "counts"
        )
    if len(queries) < _FEW_QUERIES:
        notes.append(
            f"{len(queries)} queries are too few to tell luck from skill: no difference of theirs "
            f"can have p (rand.) below {2 / 2 ** len(queries):.2g}"
        )
    values = {
        query_id: outcome.standard[question.query_id][_MEASURE]
        for query_id, question in queries.items()
    }
    others = {
        query_id: standard.measure(rankings[query_id], question.relevant)[_MEASURE]
        for query_id, question in queries.items()
    }
    return Fit(compare(values, others), tuple(notes))


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
