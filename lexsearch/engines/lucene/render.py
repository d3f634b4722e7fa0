"""From trees to Lucene queries.

A pitfall of pyjnius: a method remembers the last object that it was looked up on, for all objects
of its class. In `a.add(make(b))` the call goes to the wrong object if `make` uses `add` too. So
what is added is always made in a line before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lexsearch.engines.lucene import classes as _classes
from lexsearch.engines.nodes import (
    Bool,
    Boost,
    Constant,
    Node,
    Phrase,
    Prefix,
    Sqrt,
    Synonyms,
    Term,
)

_MOST = 20_000  # queries remembered


class Renderer:
    """Makes Lucene queries of nodes. Those of the same node (the very object) are made once: a
    scorer gives the same nodes for the same words, and queries with hundreds of names take a
    while to make.
    """

    def __init__(self) -> None:
        self._java = _classes.load()
        self._scored: dict[int, tuple[Node, Any]] = {}  # the node is kept, so that its id stays
        self._matched: dict[int, tuple[Node, Any]] = {}

    def scored(self, node: Node) -> Any:
        """The query that gives the node's documents and scores."""
        return self._once(self._scored, node, self._score)

    def matched(self, node: Node) -> Any:
        """The query that gives the node's documents; scores mean nothing."""
        return self._once(self._matched, node, self._match)

    def _once(
        self, known: dict[int, tuple[Node, Any]], node: Node, make: Callable[[Node], Any]
    ) -> Any:
        if id(node) not in known:
            query = make(node)
            if len(known) > _MOST:
                known.clear()
            known[id(node)] = (node, query)
        return known[id(node)][1]

    def _score(self, node: Node) -> Any:
        java = self._java
        match node:
            case Boost(inner, weight):
                return java.BoostQuery(self.scored(inner), weight)
            case Sqrt(inner, slope, intercept):
                return self._root(self.scored(inner), slope, intercept)
            case Constant(inner):
                return java.ConstantScoreQuery(self.matched(inner))
            case Bool():
                return self._bool(node, self.scored, node.should)
            case _:
                return self._leaf(node)

    def _match(self, node: Node) -> Any:
        match node:
            case Boost(inner) | Sqrt(inner) | Constant(inner):
                return self.matched(inner)
            case Bool(must, should, filters):
                should = should if node.least or not (must or filters) else ()
                if len(must) == 1 and not (should or filters or node.must_not):
                    return self.matched(must[0])
                return self._bool(node, self.matched, should)
            case Synonyms() | Phrase():
                return self.scored(node)  # the same query: what Lucene keeps of it serves both
            case _:
                return self._leaf(node)

    def _leaf(self, node: Node) -> Any:
        java = self._java
        match node:
            case Term():
                return java.TermQuery(java.Term(*node))
            case Synonyms(field, terms):
                synonyms = java.SynonymBuilder(field)
                for text, weight in terms:
                    synonyms.addTerm(java.Term(field, text), weight)
                return synonyms.build()
            case Phrase(field, positions, slop):
                phrase = java.MultiPhraseBuilder()
                for place, texts in positions:
                    phrase.add([java.Term(field, text) for text in texts], place)
                phrase.setSlop(slop)
                return phrase.build()
            case Prefix():
                return java.PrefixQuery(java.Term(*node))
            case _:
                return java.MatchAllDocsQuery()

    def _bool(self, node: Bool, make: Callable[[Node], Any], should: Sequence[Node]) -> Any:
        occur = self._java.Occur
        clauses = [(make(one), occur.MUST) for one in node.must]
        clauses += [(make(one), occur.SHOULD) for one in should]
        clauses += [(self.matched(one), occur.FILTER) for one in node.filter]
        clauses += [(self.matched(one), occur.MUST_NOT) for one in node.must_not]
        builder = self._java.BooleanBuilder()
        for query, how in clauses:
            builder.add(query, how)
        if node.least:
            builder.setMinimumNumberShouldMatch(node.least)
        return builder.build()

    def _root(self, query: Any, slope: float, intercept: float) -> Any:
        java = self._java
        value = java.ValueSource.fromDoubleValuesSource(java.DoubleValuesSource.SCORES)
        root = java.PowFloatFunction(value, java.ConstValueSource(0.5))
        line = java.LinearFloatFunction(root, slope, intercept)
        return java.FunctionScoreQuery(query, line.asDoubleValuesSource())
