"""What is asked and which pictures would be right: the paper's retrieval tasks (Sec. 4).

A task is a list of queries. Several tasks may ask the same text; it is then ranked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lexsearch.errors import EvaluationError
from lexsearch.evaluation.dataset import Dataset
from lexsearch.evaluation.trec import Qrels, Topic, in_run
from lexsearch.records import Keyword, Query

CAPTION_DEPTH = 100
"""How deep a ranking is looked at where one picture is right and only the first places count."""


class Question(NamedTuple):
    """A query and the documents that are relevant to it, each with how much (above 0).

    query: as typed, or as keywords where it comes from data: what people wrote in a caption or
        as a label is words, whatever signs it holds.
    """

    query_id: str
    query: str | Query
    relevant: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Task:
    """Queries that are measured together.

    depth: how many documents of each ranking count; None for all.
    """

    name: str
    title: str
    questions: tuple[Question, ...]
    depth: int | None = None


def topics_task(topics: Sequence[Topic], qrels: Qrels) -> tuple[Task, list[str]]:
    """Topics with their judgements, and notes on what does not fit.

    Raises EvaluationError when no topic is judged.
    """
    asked = [
        Question(
            topic.query_id,
            topic.text,
            qrels.get(topic.query_id) or qrels.get(in_run(topic.query_id), {}),
        )
        for topic in topics
    ]
    judged = tuple(question for question in asked if question.relevant)
    if not judged:
        raise EvaluationError(
            f"none of the {len(topics)} topics has a relevant document: their ids are like "
            f"{topics[0].query_id!r}, those of the judgements like {next(iter(qrels))!r}"
        )
    notes = []
    if idle := [question.query_id for question in asked if not question.relevant]:
        notes.append(
            f"{len(idle)} topics without a relevant document are left out (the first: {idle[0]})"
        )
    known = {name for topic in topics for name in (topic.query_id, in_run(topic.query_id))}
    if unasked := qrels.keys() - known:
        notes.append(f"{len(unasked)} judged queries have no topic (one is {min(unasked)})")
    return Task("topics", "Topics", judged), notes


def keyword(dataset: Dataset) -> list[Task]:
    """Each label is a query; relevant are the pictures that have it."""
    having = _having(dataset)
    ids = _query_ids(having)
    questions = tuple(
        Question(ids[label], _of_labels([label]), dict.fromkeys(names, 1))
        for label, names in sorted(having.items())
    )
    return [Task("keyword", "Keyword", questions)]


def multi_keyword(dataset: Dataset) -> list[Task]:
    """The labels of a picture, joined: "car, bus, traffic light".

    The paper does not say which pictures are relevant, so there are three readings:
    - each distinct set of labels is a query, and relevant is every picture that has them all;
    - the same, and relevant is every picture that has them and no other;
    - each picture's labels are a query, and relevant is that picture alone.
    """
    having = {label: set(names) for label, names in _having(dataset).items()}
    ids = _query_ids(having)
    sets: dict[tuple[str, ...], list[str]] = {}
    for name, labels in dataset.labels.items():
        sets.setdefault(labels, []).append(name)
    containing, exact, single = [], [], []
    for labels, names in sets.items():
        query = _of_labels(labels)
        query_id = "+".join(ids[label] for label in labels)
        everywhere = set.intersection(*(having[label] for label in labels))
        containing.append(Question(query_id, query, dict.fromkeys(everywhere, 1)))
        exact.append(Question(query_id, query, dict.fromkeys(names, 1)))
        single += [Question(name, query, {name: 1}) for name in names]
    return [
        Task("multi-keyword", "Multi-keyword", tuple(containing)),
        Task("multi-keyword-exact", "Multi-keyword, exactly these labels", tuple(exact)),
        Task("multi-keyword-single", "Multi-keyword, that picture alone", tuple(single)),
    ]


def _query_ids(labels: Iterable[str]) -> dict[str, str]:
    """An id for each label: with _ for spaces where that keeps them apart."""
    ids = {label: label.replace(" ", "_") for label in labels}
    return ids if len(set(ids.values())) == len(ids) else {label: label for label in ids}


def _of_labels(labels: Iterable[str]) -> Query:
    return Query(tuple(Keyword(" ".join(label.split())) for label in labels))


def sentence(text: str) -> Keyword:
    return Keyword(" ".join(text.split()))


def caption(dataset: Dataset) -> list[Task]:
    """Every caption is a query, and relevant is the picture it was written of."""
    questions = tuple(
        Question(f"{name}/{number}", Query((sentence(text),)), {name: 1})
        for name, texts in dataset.captions.items()
        for number, text in enumerate(texts)
    )
    return [Task("caption", "Caption-to-image", questions, CAPTION_DEPTH)]


def feedback(dataset: Dataset) -> list[Task]:
    """A caption, and then the labels of its picture added one by one (Sec. 4.4).

    A task for each number of keywords: "feedback-0" is the first caption of each picture alone.
    A picture with fewer labels keeps all it has, so that every task asks for the same pictures.
    """
    captioned = [name for name, texts in dataset.captions.items() if texts]
    pictures = [name for name in captioned if dataset.labels.get(name)]
    most = max((len(dataset.labels[name]) for name in pictures), default=0)
    tasks = []
    for number in range(most + 1):
        questions = tuple(
            Question(
                name,
                Query(
                    (
                        sentence(dataset.captions[name][0]),
                        *_of_labels(dataset.labels[name][:number]).keywords,
                    )
                ),
                {name: 1},
            )
            for name in pictures
        )
        title = f"Feedback, caption and {number} keywords"
        tasks.append(Task(f"feedback-{number}", title, questions, CAPTION_DEPTH))
    return tasks


TASKS: Mapping[str, Callable[[Dataset], list[Task]]] = {
    "keyword": keyword,
    "multi-keyword": multi_keyword,
    "caption": caption,
    "feedback": feedback,
}
_NEEDS = {
    "keyword": ("labels",),
    "multi-keyword": ("labels",),
    "caption": ("captions",),
    "feedback": ("captions", "labels"),
}


def choose(dataset: Dataset, names: Sequence[str]) -> Iterator[Task]:
    """The tasks of these names; without names, all that the data set allows.

    Raises EvaluationError when the data set lacks what a named one needs, or has neither labels
    nor captions.
    """
    if not dataset.labels and not any(dataset.captions.values()):
        notes = "".join(f"; {note}" for note in dataset.notes)
        raise EvaluationError(
            f"{dataset.name} as given has {len(dataset.images)} pictures, but neither labels nor "
            f"captions of them: there is nothing to measure{notes}"
        )
    for name in names or TASKS:
        missing = [need for need in _NEEDS[name] if not getattr(dataset, need)]
        if missing and names:
            raise EvaluationError(
                f"the task {name} needs {' and '.join(missing)}, which {dataset.name} as given "
                "does not have; name the file that has them too"
            )
        if not missing:
            yield from TASKS[name](dataset)


def _having(dataset: Dataset) -> dict[str, list[str]]:
    having: dict[str, list[str]] = {}
    for name, labels in dataset.labels.items():
        for label in labels:
            having.setdefault(label, []).append(name)
    return having
