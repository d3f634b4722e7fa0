"""TREC's files: topics, judgements (qrels) and runs, read with the line number of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lexsearch.engines import ScoredDoc
from lexsearch.errors import EvaluationError
from lexsearch.evaluation.dataset import read_text

Qrels = dict[str, dict[str, int]]
"""query_id -> doc_id -> how relevant, above 0."""

_TOPIC = re.compile(r"<top>(.*?)</top>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"<num>\s*(?:Number:)?\s*([^\s<]+)", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*(?:Topic:)?\s*([^<]*)", re.IGNORECASE)


class Topic(NamedTuple):
    """One query of a test collection."""

    query_id: str
    text: str


def read_topics(path: Path) -> list[Topic]:
    """Topics, one a line (id TAB text), or as TREC's <top> blocks with <num> and <title>.

    Raises EvaluationError when there is none, one has no text, or an id comes twice.
    """
    text = read_text(path)
    topics = list(_marked(path, text) if "<top>" in text.lower() else _tabbed(path, text))
    if not topics:
        raise EvaluationError(f"{path} holds no topics: it should have lines of id TAB text")
    seen: set[str] = set()
    for topic in topics:
        if topic.query_id in seen:
            raise EvaluationError(f"{path}: the topic {topic.query_id!r} comes twice")
        seen.add(topic.query_id)
    return topics


def _tabbed(path: Path, text: str) -> Iterator[Topic]:
    for number, line in _lines(text):
        query_id, tab, words = line.partition("\t")
        if not tab:
            raise EvaluationError(f"{path}, line {number}: not id TAB text: {line[:60]!r}")
        if not words.strip(" ,\t"):
            raise EvaluationError(f"{path}, line {number}: the topic {query_id!r} has no text")
        yield Topic(query_id.strip(), words.strip())


def _marked(path: Path, text: str) -> Iterator[Topic]:
    for block in _TOPIC.findall(text):
        number, title = _NUMBER.search(block), _TITLE.search(block)
        if not number or not title or not title[1].strip():
            raise EvaluationError(f"{path}: a <top> without <num>, or without words in <title>")
        yield Topic(number[1], " ".join(title[1].split()))


def read_qrels(path: Path) -> Qrels:
    """Judgements, lines of: query_id iteration doc_id relevance. Those above 0 are kept.

    Raises EvaluationError when a line is another thing, or nothing is relevant.
    """
    qrels: Qrels = {}
    for number, line in _lines(read_text(path)):
        fields = line.split()
        if len(fields) != 4 or not re.fullmatch(r"-?\d+", fields[3]):
            raise EvaluationError(
                f"{path}, line {number}: not query_id 0 doc_id relevance: {line[:60]!r}"
            )
        query_id, _, doc_id, relevance = fields
        if int(relevance) > 0:
            qrels.setdefault(query_id, {})[doc_id] = int(relevance)
    if not qrels:
        raise EvaluationError(f"{path} judges nothing as relevant")
    return qrels


def read_run(path: Path) -> dict[str, list[ScoredDoc]]:
    """A run, lines of: query_id Q0 doc_id rank score name; each query's documents best first,
    equal scores in the file's order.
    """
    run: dict[str, list[ScoredDoc]] = {}
    for number, line in _lines(read_text(path)):
        fields = line.split()
        try:
            query_id, _, doc_id, _, score, _ = fields
            run.setdefault(query_id, []).append(ScoredDoc(doc_id, float(score)))
        except ValueError as error:
            raise EvaluationError(
                f"{path}, line {number}: not query_id Q0 doc_id rank score name: {line[:60]!r}"
            ) from error
    if not run:
        raise EvaluationError(f"{path} is an empty run")
    return {
        query_id: sorted(ranking, key=lambda hit: -hit.score) for query_id, ranking in run.items()
    }


def write_run(query_id: str, ranking: Iterable[ScoredDoc], name: str = "lexsearch") -> str:
    """The lines of one query's ranking."""
    return "".join(
        f"{query_id} Q0 {doc_id} {rank} {score:.6f} {name}\n"
        for rank, (doc_id, score) in enumerate(ranking, 1)
    )


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, line) of the lines that are not blank."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line
