"""What is sent to Java, and what comes back (java/lexsearch/In.java and Out.java): numbers big
endian, a text as its length and UTF-8.

A tree with roots (Sqrt) is worked out from columns: for each subtree below a root, one score for
each document, which Java remembers. Subtrees go as Lucene's queries, the tree above them as a plan:

    L, M query           the query's column; M: which documents match, and no scores
    K query              which documents match, as L knows it already
    R, W slope intercept plan       slope * root of the score (W: the score) + intercept
    B, N least must should filter must_not     as Bool: how many of each, then all; N: no scores

A tree without roots is Q and one query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, pairwise
from struct import Struct, unpack_from
from typing import TypeVar

from lexsearch.engines import ScoredDoc, TopDocs
from lexsearch.engines.nodes import (
    Bool,
    Boost,
    Constant,
    Node,
    Phrase,
    Prefix,
    ScoredQuery,
    Sqrt,
    Synonyms,
    Term,
    matching,
)

number = Struct(">i").pack
_share = Struct(">f").pack
T = TypeVar("T")
_MOST = 2_000  # queries remembered


def text(value: str) -> bytes:
    coded = value.encode("utf-8", "replace")
    return number(len(coded)) + coded


def texts(values: Iterable[str]) -> bytes:
    return b"".join(map(text, values))


class Requests:
    """Writes searches. The queries of the same node (the very object) are written once: a scorer
    gives the same nodes for the same words, and hundreds of names take a while to write.
    """

    def __init__(self) -> None:
        self._scored: dict[int, tuple[Node, bytes]] = {}  # the node is kept, so that its id stays
        self._matched: dict[int, tuple[Node, bytes]] = {}

    def search(self, query: ScoredQuery, k: int) -> bytes:
        """For the k best; with k = 0, for their number alone."""
        head = number(max(k, 0)) + _share(query.k1) + _share(query.b)
        if _has_root(query.tree):
            return head + self._plan(query.tree, k > 0)
        return head + b"Q" + _query(query.tree if k > 0 else matching(query.tree))

    def _plan(self, node: Node, scored: bool) -> bytes:
        if written := self._written(node, scored):
            return written
        match node:
            case Sqrt(inner, slope, intercept) if scored:
                return b"R" + _share(slope) + _share(intercept) + self._plan(inner, True)
            case Boost(inner, weight) if scored:
                return b"W" + _share(weight) + _share(0) + self._plan(inner, True)
            case Constant(inner) if scored:
                return b"W" + _share(0) + _share(1) + self._plan(inner, False)
            case Sqrt(inner) | Boost(inner) | Constant(inner):
                return self._plan(inner, False)
            case Bool() if _has_root(node):
                return self._bool(node, scored)
            case _:
                return self._leaf(node, scored)

    def _bool(self, node: Bool, scored: bool) -> bytes:
        optional = scored or node.least or not (node.must or node.filter)
        should = node.should if optional else ()
        return (
            (b"B" if scored else b"N")
            + _head(node.least, node.must, should, node.filter, node.must_not)
            + b"".join(self._plan(one, scored) for one in (*node.must, *should))
            + b"".join(self._plan(one, False) for one in (*node.filter, *node.must_not))
        )

    def _written(self, node: Node, scored: bool) -> bytes | None:
        """A leaf that is known."""
        if id(node) in self._scored:
            written = self._scored[id(node)][1]
            return (b"L" if scored else b"K") + written
        if not scored and id(node) in self._matched:
            return b"M" + self._matched[id(node)][1]
        return None

    def _leaf(self, node: Node, scored: bool) -> bytes:
        known = self._scored if scored else self._matched
        query = _query(node if scored else matching(node))
        written = number(len(query)) + query
        if len(known) >= _MOST:
            known.clear()
        known[id(node)] = (node, written)
        return (b"L" if scored else b"M") + written


def _has_root(node: Node) -> bool:
    match node:
        case Sqrt():
            return True
        case Boost(inner) | Constant(inner):
            return _has_root(inner)
        case Bool():
            groups = (node.must, node.should, node.filter, node.must_not)
            return any(_has_root(one) for group in groups for one in group)
        case _:
            return False


def _query(node: Node) -> bytes:
    match node:
        case Term(field, term):
            return b"T" + text(field) + text(term)
        case Synonyms(field, terms):
            return b"S" + text(field) + _several(terms, lambda row: _share(row[1]) + text(row[0]))
        case Phrase(field, positions, slop):
            places = _several(positions, lambda row: number(row[0]) + _several(row[1], text))
            return b"P" + text(field) + number(slop) + places
        case Prefix(field, beginning):
            return b"X" + text(field) + text(beginning)
        case Bool(must, should, filters, must_not, least):
            groups = (must, should, filters, must_not)
            return b"B" + _head(least, *groups) + b"".join(map(_query, chain(*groups)))
        case Boost(inner, weight):
            return b"W" + _share(weight) + _query(inner)
        case Constant(inner):
            return b"C" + _query(matching(inner))
        case Sqrt():
            raise ValueError("a root is no query of Lucene's")
        case _:
            return b"A"


def _head(least: int, *groups: Sequence[Node]) -> bytes:
    return number(least) + b"".join(number(len(group)) for group in groups)


def _several(rows: Sequence[T], write: Callable[[T], bytes]) -> bytes:
    return number(len(rows)) + b"".join(map(write, rows))


def top_docs(reply: bytes) -> TopDocs:
    """The answer to a search."""
    total, n = unpack_from(">ii", reply)
    scores = unpack_from(f">{n}f", reply, 8)
    ends = [*accumulate(unpack_from(f">{n}i", reply, 8 + 4 * n), initial=8 + 8 * n)]
    ids = [reply[start:end].decode() for start, end in pairwise(ends)]
    return TopDocs(list(map(ScoredDoc, ids, scores)), total)


def numbers(reply: bytes) -> tuple[int, ...]:
    return unpack_from(f">{len(reply) // 4}i", reply)


def read_texts(reply: bytes, at: int = 0) -> list[str]:
    """All texts from a place on."""
    found = []
    while at < len(reply):
        (length,) = unpack_from(">i", reply, at)
        at += 4
        found.append(reply[at : at + length].decode())
        at += length
    return found


def read_counted(reply: bytes) -> list[tuple[str, int]]:
    """Texts, each with the number before it."""
    (n,) = unpack_from(">i", reply)
    at, found = 4, []
    for _ in range(n):
        count, length = unpack_from(">ii", reply, at)
        at += 8
        found.append((reply[at : at + length].decode(), count))
        at += length
    return found
