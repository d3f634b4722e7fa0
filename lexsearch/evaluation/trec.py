"""TREC's files: topics, judgements (qrels) and runs, read with the line number of what is wrong."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from lexsearch.engines import ScoredDoc
from lexsearch.errors import EvaluationError
from lexsearch.evaluation.dataset import read_text

Qrels = dict[str, dict[str, int]]
"""query_id -> doc_id -> how relevant, above 0."""

_TOPIC = re.compile(r"<top>(.*?)</top>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"<num>\s*(?:Number:)?\s*([^\s<]+)", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*(?:Topic:)?\s*([^<]*)", re.IGNORECASE)
_SMALLEST = 2.0**-149  # above 0, of 32 bits


class Topic(NamedTuple):
    """One query of a test collection."""

    query_id: str
    text: str


class Topics(NamedTuple):
    """What a file of topics holds: topics in order, and its lines that are none, each said."""

    topics: list[Topic]
    wrong: list[str]


def parse_topics(text: str, name: str) -> Topics:
    """Topics, one a line (id TAB text), or as TREC's <top> blocks with <num> and <title>.

    name: of the file, for messages.
    Raises EvaluationError when there is no topic, or an id comes twice.
    """
    rows = list(_marked(text) if "<top>" in text.lower() else _tabbed(text))
    topics = [row for row in rows if isinstance(row, Topic)]
    wrong = [f"{name}, {row}" for row in rows if isinstance(row, str)]
    if not topics:
        reason = f" ({wrong[0]})" if wrong else ""
        raise EvaluationError(
            f"{name} holds no topics: it should have lines of id TAB text{reason}"
        )
    seen: set[str] = set()
    for topic in topics:
        if topic.query_id in seen:
            raise EvaluationError(f"{name}: the topic {topic.query_id!r} comes twice")
        seen.add(topic.query_id)
    return Topics(topics, wrong)


def read_topics(path: Path) -> list[Topic]:
    """The topics of a file; EvaluationError when one of its lines is none (see parse_topics)."""
    topics, wrong = parse_topics(read_text(path), str(path))
    if wrong:
        raise EvaluationError(wrong[0])
    return topics


def _tabbed(text: str) -> Iterator[Topic | str]:
    for number, line in _lines(text):
        query_id, tab, words = line.partition("\t")
        if not tab or not query_id.strip():
            yield f"line {number}: not id TAB text: {line[:60]!r}"
        elif not words.strip(" ,\t"):
            yield f"line {number}: the topic {query_id.strip()!r} has no text"
        else:
            yield Topic(query_id.strip(), words.strip())


def _marked(text: str) -> Iterator[Topic | str]:
    for block in _TOPIC.finditer(text):
        number, title = _NUMBER.search(block[1]), _TITLE.search(block[1])
        if number and title and title[1].strip():
            yield Topic(number[1], " ".join(title[1].split()))
        else:
            line = text.count("\n", 0, block.start()) + 1
            yield f"line {line}: a <top> without <num>, or without words in <title>"


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


class Run(NamedTuple):
    """A run: each query's documents best first, and how many came twice for one query.

    Of a document that comes twice, its better place counts.
    """

    rankings: dict[str, list[ScoredDoc]]
    doubles: int


def read_run(path: Path) -> Run:
    """A run, lines of: query_id Q0 doc_id rank score name; equal scores in the file's order.

    Ids are as the file has them: percent-encoded where `in_run` did so.
    Raises EvaluationError when a line is another thing, or a score is no number.
    """
    rows: dict[str, list[ScoredDoc]] = {}
    for number, line in _lines(read_text(path)):
        fields = line.split()
        try:
            query_id, _, doc_id, _, score, _ = fields
            scored = ScoredDoc(doc_id, float(score))
        except ValueError as error:
            raise EvaluationError(
                f"{path}, line {number}: not query_id Q0 doc_id rank score name: {line[:60]!r}"
            ) from error
        if not math.isfinite(scored.score):
            raise EvaluationError(f"{path}, line {number}: the score {score} is no number")
        rows.setdefault(query_id, []).append(scored)
    if not rows:
        raise EvaluationError(f"{path} is an empty run")
    rankings = {}
    doubles = 0
    for query_id, ranking in rows.items():
        best = {hit.doc_id: hit for hit in sorted(ranking, key=lambda hit: hit.score)}
        doubles += len(ranking) - len(best)
        places = {hit.doc_id: place for place, hit in reversed(list(enumerate(ranking)))}
        rankings[query_id] = sorted(best.values(), key=lambda hit: (-hit.score, places[hit.doc_id]))
    return Run(rankings, doubles)


def in_run(text: str) -> str:
    """An id or a name as runs have it: as it is or, with white space in it, percent-encoded."""
    return quote(text, safe="/:+,;@&=$!'()*") if text.split() != [text] else text


def write_run(query_id: str, ranking: Iterable[ScoredDoc], name: str = "lexsearch") -> str:
    """The lines of one query's ranking.

    Scores fall strictly: tools order equal ones each in its own way (trec_eval by doc_id,
    backwards, in 32-bit numbers), so one that does not fall is written as the next smaller
    32-bit number. So every tool measures the ranking as it is.
    """
    lines = []
    least = math.inf
    for rank, (doc_id, score) in enumerate(ranking, 1):
        least = min(_as_float32(score), _below(least))
        lines.append(f"{in_run(query_id)} Q0 {in_run(doc_id)} {rank} {least:.9g} {name}\n")
    return "".join(lines)


def _as_float32(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _below(value: float) -> float:
    """The next smaller 32-bit number."""
    if math.isinf(value):
        return value
    (bits,) = struct.unpack("<i", struct.pack("<f", value))
    if value == 0:
        return -_SMALLEST
    return float(struct.unpack("<f", struct.pack("<i", bits + (1 if value < 0 else -1)))[0])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, line) of the lines that are not blank."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line
