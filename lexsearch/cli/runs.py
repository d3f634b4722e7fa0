"""Many queries at once: topics in, a TREC run out."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from lexsearch.cli.terminal import SOME_FAILED, say
from lexsearch.errors import EvaluationError, QueryError

if TYPE_CHECKING:
    from lexsearch.evaluation.trec import Topic, Topics
    from lexsearch.index import Index
    from lexsearch.searching.searcher import Match


def topics_of(place: Path) -> Topics:
    """The topics of a file, or of standard input where it is called "-", as evaluate reads them."""
    from lexsearch.evaluation.dataset import read_text
    from lexsearch.evaluation.trec import parse_topics

    if str(place) != "-":
        return parse_topics(read_text(place), str(place))
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationError("the topics on standard input are not text in UTF-8") from error
    return parse_topics(text, "standard input")


def print_run(
    index: Index, topics: Topics, k: int, mode: str, match: Match, several: Mapping[str, Any]
) -> None:
    """Print the rankings of all topics. Lines that are none are named at the end.

    several: `also`, `fuse` and `weight` of `Index.rank`.
    """
    for topic in topics.topics:
        _print_ranking(index, topic, k, mode, match, several)
    for line in topics.wrong:
        say(line)
    if topics.wrong:
        sys.exit(SOME_FAILED)


def _print_ranking(
    index: Index, topic: Topic, k: int, mode: str, match: Match, several: Mapping[str, Any]
) -> None:
    from lexsearch.engines import ScoredDoc
    from lexsearch.evaluation.trec import write_run

    try:
        hits = index.rank(topic.text, k, mode=mode, match=match, **several)
    except QueryError as error:
        say(f"note: the topic {topic.query_id} has no ranking: {error}")
        return
    places: dict[str, Sequence[str]] = dict(index.relative_paths([hit.doc_id for hit in hits]))
    names: dict[str, float] = {}
    for hit in hits:
        for name in places[hit.doc_id] or (hit.doc_id,):
            names.setdefault(quote(os.fsencode(name)), hit.score)  # shared: the better one
    ranking = [ScoredDoc(*row) for row in names.items()][:k]
    click.echo(write_run(topic.query_id, ranking), nl=False)
