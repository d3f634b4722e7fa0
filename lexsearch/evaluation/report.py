"""Outcomes as a table, as data for programs, and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from lexsearch.evaluation.runner import Outcome
from lexsearch.evaluation.significance import Comparison

_AREAS = ("PR-AUC", "PR-AUC perfect", "PR-AUC retrieved", "mAP")
_LISTS = ("P10", "nDCG@10", "list precision", "list recall", "list F1")
_RECALLS = ("R@1", "R@5", "R@10", "RR")
_FEW = ("MR@10", "MR@10 printed", "hit@10", "P@10")
_MOST_OF_FEW = 20
_HEADINGS = {
    "list precision": "precision",
    "list recall": "recall",
    "list F1": "F1",
    "PR-AUC": "PR-AUC",
    "PR-AUC perfect": "perfect",
    "PR-AUC retrieved": "retrieved",
    "RR": "MRR",
    "MR@10 printed": "printed",
}


def finds_one(outcome: Outcome) -> bool:
    """Whether every query looks for one picture; then recall at few places says all, and areas
    under curves nothing.
    """
    return all(judged.relevant == 1 for judged in outcome.judged)


def finds_few(outcome: Outcome) -> bool:
    """Whether queries have up to 20 relevant pictures each, on average, but not one alone."""
    mean = sum(judged.relevant for judged in outcome.judged) / len(outcome.judged)
    return not finds_one(outcome) and mean <= _MOST_OF_FEW


def tables(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The lines of up to four tables: tasks with many relevant pictures by their whole ranking,
    and by the first page and the list as people see it; those of them with few by their first
    ten; tasks with one relevant picture each.
    """
    many = [outcome for outcome in outcomes if not finds_one(outcome)]
    few = [outcome for outcome in outcomes if finds_few(outcome)]
    one = [outcome for outcome in outcomes if finds_one(outcome)]
    parts = ((many, _AREAS), (many, _LISTS), (few, _FEW), (one, _RECALLS))
    shown = [part for part in parts if part[0]]
    for number, (some, columns) in enumerate(shown):
        if number:
            yield ""
        yield from _table(some, columns)


def _table(outcomes: Sequence[Outcome], columns: Sequence[str]) -> Iterator[str]:
    width = max(len(outcome.task.title) for outcome in outcomes)
    headings = "  ".join(f"{_HEADINGS.get(column, column):>9}" for column in columns)
    yield f"{'':{width}}  {'queries':>7}  {headings}"
    for outcome in outcomes:
        values = outcome.values()
        cells = "  ".join(f"{values[column]:9.3f}" for column in columns)
        yield f"{outcome.task.title:{width}}  {len(outcome.judged):7,}  {cells}"


def as_object(outcome: Outcome) -> dict[str, Any]:
    """Everything but single queries, for JSON."""
    return {
        "task": outcome.task.name,
        "queries": len(outcome.judged),
        "depth": outcome.size,
        "measures": outcome.values(),
        "curve": [point._asdict() for point in outcome.curve()],
        "retrieved_curve": [point._asdict() for point in outcome.retrieved_curve()],
        "perfect_curve": [point._asdict() for point in outcome.perfect_curve()],
    }


def write_csv(file: IO[str], outcomes: Iterable[Outcome]) -> None:
    """One value a line, of every query and, as query "all", of the task, like trec_eval -q.

    With the points of curves: of every query too, unless each has one relevant picture, where RR
    says the same.
    """
    writer = csv.writer(file)
    writer.writerow(["task", "query", "measure", "value"])
    for outcome in outcomes:
        name = outcome.task.name
        for query_id, values in outcome.standard.items():
            for measure, value in values.items():
                writer.writerow([name, query_id, measure, f"{value:.6f}"])
        for query_id, points in _curves(outcome):
            for point in points:
                writer.writerow([name, query_id, f"P@{point.k}", f"{point.precision:.6f}"])
                writer.writerow([name, query_id, f"R@{point.k}", f"{point.recall:.6f}"])
        for measure, value in outcome.values().items():
            writer.writerow([name, "all", measure, f"{value:.6f}"])


def _curves(outcome: Outcome) -> Iterator[tuple[str, Sequence[Any]]]:
    if not finds_one(outcome):
        yield from outcome.query_curves().items()
    yield "all", outcome.curve()


def comparison_lines(comparisons: Mapping[str, Comparison]) -> Iterator[str]:
    """The lines of a table of two runs, by title of the task."""
    width = max(map(len, comparisons))
    columns = ("mAP@1000", "other", "better", "worse", "equal", "p (t)", "p (rand.)")
    yield f"{'':{width}}  " + "  ".join(f"{column:>9}" for column in columns)
    for title, row in comparisons.items():
        counts = "  ".join(f"{count:9,}" for count in (row.better, row.worse, row.equal))
        chances = f"{row.p_t:9.4f}  {row.p_randomisation:9.4f}"
        yield f"{title:{width}}  {row.mean:9.3f}  {row.other_mean:9.3f}  {counts}  {chances}"
