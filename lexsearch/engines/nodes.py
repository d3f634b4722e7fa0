"""What an engine is asked to run: a small tree that says which documents match, and their scores.

Where a node scores by BM25, N, document frequencies and lengths are those of its own field, over
the documents that are there (an engine may count deleted ones until it has tidied up):

    idf = ln(1 + (N - df + 0.5) / (df + 0.5))
    score = idf * f / (f + k1 * (1 - b + b * length / mean length))

with the lengths of fields as Lucene keeps them, in one byte, and as 1 in the field "said".
"""

from __future__ import annotations

from math import log
from typing import NamedTuple, TypeAlias


class Term(NamedTuple):
    """Documents with a term, scored by BM25. With no text: those that have the field at all,
    which is for `Engine.frequencies` alone.
    """

    field: str
    text: str = ""


class Synonyms(NamedTuple):
    """Documents with any of the terms, (text, weight from 0 to 1), scored by BM25 as if they were
    one word: its frequency is the sum of weight * frequency, its document frequency that of the
    commonest.
    """

    field: str
    terms: tuple[tuple[str, float], ...]


class Phrase(NamedTuple):
    """Documents where terms stand at these places: (place, any of these terms).

    Scored by BM25, with the sum of the idf of all terms that any document has. slop: how far off
    they may stand, at a frequency of 1 / (1 + how far).
    """

    field: str
    positions: tuple[tuple[int, tuple[str, ...]], ...]
    slop: int = 0


class Prefix(NamedTuple):
    """Documents with a term that begins like this; they score 1."""

    field: str
    text: str


class Bool(NamedTuple):
    """Documents that match all of `must` and `filter`, none of `must_not`, and `least` of `should`
    (of which one, where there is nothing that must be). The score is the sum of those of `must`
    and `should`. With nothing in it, it matches nothing.
    """

    must: tuple[Node, ...] = ()
    should: tuple[Node, ...] = ()
    filter: tuple[Node, ...] = ()
    must_not: tuple[Node, ...] = ()
    least: int = 0


class Boost(NamedTuple):
    """The node's score times a weight, which is no less than 0."""

    node: Node
    weight: float


class Sqrt(NamedTuple):
    """slope * the square root of the node's score + intercept."""

    node: Node
    slope: float
    intercept: float


class Constant(NamedTuple):
    """What the node matches, at a score of 1."""

    node: Node


class MatchAll(NamedTuple):
    """All documents, at a score of 1."""


Node: TypeAlias = Term | Synonyms | Phrase | Prefix | Bool | Boost | Sqrt | Constant | MatchAll


class ScoredQuery(NamedTuple):
    """A tree, and BM25's k1 and b in it."""

    tree: Node
    k1: float = 2.0
    b: float = 0.4


def matching(node: Node) -> Node:
    """A node that matches the same documents, without what is there for scores alone."""
    if isinstance(node, Boost | Sqrt | Constant):
        return matching(node.node)
    if isinstance(node, Bool):
        required = (*map(matching, node.must), *map(matching, node.filter))
        optional = not required or node.least
        should = tuple(map(matching, node.should)) if optional else ()
        must_not = tuple(map(matching, node.must_not))
        if len(required) == 1 and not should and not must_not:
            return required[0]
        return Bool((), should, required, must_not, node.least)
    return node


def idf_of(documents: int, frequency: int) -> float:
    """Of a term that so many documents have, of those that have its field; always above 0."""
    return log(1 + (documents - frequency + 0.5) / (frequency + 0.5))
