"""Ask every question of some tasks, and reduce each ranking to its measures at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lexsearch.engines import ScoredDoc
from lexsearch.evaluation import measures, standard
from lexsearch.evaluation.measures import Judged, Point, judge
from lexsearch.evaluation.sources import Source
from lexsearch.evaluation.tasks import Question, Task
from lexsearch.records import Progress, ProgressCallback, Query, unheard

Keep = Callable[[Task, Question, Sequence[ScoredDoc]], None]


@dataclass(slots=True)
class Outcome:
    """The measures of one task, query by query in the order of its questions.

    size: how deep the curves go: the number of documents, or the task's depth.
    standard: query_id -> measure -> value, of trec_eval's measures.
    """

    task: Task
    size: int
    judged: list[Judged] = field(default_factory=list)
    standard: dict[str, dict[str, float]] = field(default_factory=dict)

    def curve(self) -> tuple[Point, ...]:
        return measures.curve(self.judged, self.size)

    def retrieved_curve(self) -> tuple[Point, ...]:
        return measures.retrieved_curve(self.judged, self.size)

    def perfect_curve(self) -> tuple[Point, ...]:
        """The curve of the best ranking possible, which does not reach everywhere either."""
        return measures.curve(measures.perfect(self.judged), self.size)

    def query_curves(self) -> Mapping[str, tuple[Point, ...]]:
        """A curve for each query alone (Fig. 8)."""
        return {
            question.query_id: measures.curve([judged], self.size)
            for question, judged in zip(self.task.questions, self.judged, strict=True)
        }

    def values(self) -> dict[str, float]:
        """All measures of the task, by name. Those of trec_eval are means over queries."""
        means = {
            name: sum(row[name] for row in self.standard.values()) / len(self.standard)
            for name in standard.MEASURES
        }
        retrieved = measures.perfect(self.judged)
        return {
            "PR-AUC": measures.area(self.curve()),
            "PR-AUC perfect": measures.area(self.perfect_curve()),
            "PR-AUC retrieved": measures.area(self.retrieved_curve()),
            "PR-AUC retrieved perfect": measures.area(
                measures.retrieved_curve(retrieved, self.size)
            ),
            **{f"R@{k}": measures.recall(self.judged, k) for k in (1, 5, 10)},
            "mAP": means.pop("AP"),
            **means,
        }


def evaluate(
    source: Source,
    tasks: Sequence[Task],
    progress: ProgressCallback = unheard,
    keep: Keep = lambda task, question, ranking: None,
) -> list[Outcome]:
    """The outcomes of the tasks. A query that several questions share is ranked once.

    keep: gets every ranking, to write it down.
    """
    count = len(source.names)
    outcomes = [Outcome(task, min(count, task.depth or count)) for task in tasks]
    asked: dict[tuple[str | Query, int | None], list[tuple[int, int]]] = {}
    for number, task in enumerate(tasks):
        for place, question in enumerate(task.questions):
            asked.setdefault((question.query, task.depth), []).append((number, place))
    judged: dict[tuple[int, int], Judged] = {}
    source.prepare(list(dict.fromkeys(query for query, _ in asked)), progress)
    for done, ((query, depth), uses) in enumerate(asked.items()):
        if done % 10 == 0:
            progress(Progress("ranking", done, len(asked), "query"))
        ranking = source.rank(query, depth)
        names = [hit.doc_id for hit in ranking]
        for number, place in uses:
            question = tasks[number].questions[place]
            judged[number, place] = judge(names, question.relevant, len(question.relevant))
            values = standard.measure(names, question.relevant)
            outcomes[number].standard[question.query_id] = values
            keep(tasks[number], question, ranking)
    progress(Progress("ranking", len(asked), len(asked), "query"))
    for number, outcome in enumerate(outcomes):
        outcome.judged = [judged[number, place] for place in range(len(outcome.task.questions))]
    return outcomes
