"""Trees of nodes in OpenSearch's query language.

The server counts, the client weighs: `_score` of a term or phrase is how often it is there (see
`lexsearch.engines.opensearch.mapping`), and what BM25 makes of it are scripts with numbers from
here. No statistic of a shard enters a score, so shards, replicas and deleted documents change none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

from lexsearch.engines.fields import NO_LENGTHS
from lexsearch.engines.nodes import (
    Bool,
    Boost,
    Constant,
    MatchAll,
    Node,
    Phrase,
    Prefix,
    Sqrt,
    Synonyms,
    Term,
    idf_of,
    matching,
)
from lexsearch.engines.opensearch.mapping import HOLE, NEARLY
from lexsearch.errors import QueryTooLarge
from lexsearch.text.words import EXACT

# Three sources in all: a node compiles each once, and refuses more than some in a while.
_WITHOUT_LENGTHS = "_score / (_score + params.k)"
_WITH_LENGTHS = "_score / (_score + params.a + params.b * doc[params.length].value)"
_ROOT = "params.slope * Math.sqrt(_score) + params.intercept"
_MOST_PHRASES = 512  # that a phrase with several terms at a place is written out to

Query = dict[str, Any]
_NOTHING: Query = {"match_none": {}}


def terms_of(node: Node) -> Iterator[Term]:
    """All terms of a tree whose frequencies are in its scores."""
    match node:
        case Boost(inner, _) | Sqrt(inner, _, _):
            yield from terms_of(inner)
        case Term():
            yield node
        case Synonyms(field, terms):
            yield from (Term(field, text) for text, _ in terms)
        case Phrase(field, positions):
            yield from (Term(field, text) for _, texts in positions for text in texts)
        case Bool():
            for one in (*node.must, *node.should):
                yield from terms_of(one)


class Renderer:
    """Writes trees. frequency: how many documents have a term, or with no text its field.
    means: for each field the mean number of terms of the documents that have it.
    """

    def __init__(
        self,
        frequency: Callable[[Term], int],
        means: Mapping[str, float],
        k1: float,
        b: float,
    ) -> None:
        self._frequency, self._means, self._k1, self._b = frequency, means, k1, b

    def scored(self, node: Node, boost: float = 1.0) -> Query:
        """What matches a node, with the node's score times `boost`."""
        match node:
            case Boost(inner, weight):
                return self.scored(inner, boost * weight)
            case Term():
                return self._term(node, boost)
            case Synonyms():
                return self._synonyms(node, boost)
            case Phrase():
                return self._phrase(node, boost)
            case Sqrt(inner, slope, intercept):
                numbers = {"slope": slope, "intercept": intercept}
                return _script(self.scored(inner), _ROOT, numbers, boost)
            case Constant(inner):
                return {"constant_score": {"filter": matched(inner), "boost": boost}}
            case Bool():
                return self._bool(node, boost)
            case Prefix(field, text):
                return {"prefix": {field: {"value": text, "boost": boost}}}
            case MatchAll():
                return {"match_all": {"boost": boost}}

    def _term(self, node: Term, boost: float) -> Query:
        field, text = node
        return self._saturated(_term(field, text), field, boost * self._idf(field, text))

    def _synonyms(self, node: Synonyms, boost: float) -> Query:
        field, terms = node
        each = [_term(field, text, weight) for text, weight in terms]
        idf = min(self._idf(field, text) for text, _ in terms)
        return self._saturated(_either(each), field, boost * idf)

    def _phrase(self, node: Phrase, boost: float) -> Query:
        field = node.field
        texts = [text for _, texts in node.positions for text in texts]
        known = (text for text in texts if self._frequency(Term(field, text)))
        idf = sum(self._idf(field, text) for text in known)
        return self._saturated(self._counted(node), field, boost * idf)

    def _idf(self, field: str, text: str) -> float:
        return idf_of(self._frequency(Term(field)), self._frequency(Term(field, text)))

    def _saturated(self, query: Query, field: str, weight: float) -> Query:
        a, b = self._k1 * (1 - self._b), self._k1 * self._b / self._means.get(field, 1.0)
        if field in EXACT:  # a term there is there once
            return {"constant_score": {"filter": query, "boost": weight / (1 + a + b)}}
        if field in NO_LENGTHS:
            return _script(query, _WITHOUT_LENGTHS, {"k": a + b}, weight)
        numbers = {"a": a, "b": b, "length": f"{field}_coded"}
        return _script(query, _WITH_LENGTHS, numbers, weight)

    def _bool(self, node: Bool, boost: float) -> Query:
        rows = {
            "must": [self.scored(one) for one in node.must],
            "should": [self.scored(one) for one in node.should],
            "filter": [matched(one) for one in node.filter],
            "must_not": [matched(one) for one in node.must_not],
        }
        return _bool(rows, node.least, boost)

    def _counted(self, node: Phrase) -> Query:
        """What scores how often a phrase is there. OpenSearch adds a scripted similarity up over
        the terms of a phrase that the shard knows: so each choice of terms is a phrase of its own,
        of which all must be there, and each counts its share.
        """
        known = [
            (place, [text for text in texts if self._frequency(Term(node.field, text))])
            for place, texts in node.positions
        ]
        choices = prod(len(texts) for _, texts in known)
        if not choices:
            return _NOTHING
        if choices > _MOST_PHRASES:
            first = " ".join(texts[0] for _, texts in known)
            raise QueryTooLarge(
                f"a phrase such as '{first}' has words that stand for several, {choices:,} choices "
                "of them in all, and a cluster counts no more than "
                f"{_MOST_PHRASES} of them; ask for a shorter one"
            )
        places = [place for place, _ in known]
        share = 1 / len(places)
        phrases = [
            _phrase(
                node._replace(
                    positions=tuple(zip(places, ((text,) for text in texts), strict=True))
                ),
                share,
            )
            for texts in product(*(texts for _, texts in known))
        ]
        return _either(phrases)


class Estimator(Renderer):
    """Writes trees that match the same documents, and leaves the weights of words to the server's
    own BM25, by what each shard holds: nearly the same scores, for a fraction of the time.
    """

    def _term(self, node: Term, boost: float) -> Query:
        if node.field in EXACT:
            return super()._term(node, boost)
        return _term(f"{node.field}.{NEARLY}", node.text, boost)

    def _synonyms(self, node: Synonyms, boost: float) -> Query:
        each = [self._term(Term(node.field, text), boost * weight) for text, weight in node.terms]
        return {"dis_max": {"queries": each}}

    def _phrase(self, node: Phrase, boost: float) -> Query:
        each = [
            self._synonyms(Synonyms(node.field, tuple((text, 1.0) for text in texts)), boost)
            for _, texts in node.positions
        ]
        return {"bool": {"filter": [_phrase(node)], "should": each}}


def matched(node: Node) -> Query:
    """What matches a node, for where no score is asked for."""
    return _filter(matching(node))


def _filter(node: Node) -> Query:
    match node:
        case Bool():
            rows = {key: list(map(_filter, getattr(node, key))) for key in _CLAUSES}
            return _bool(rows, node.least)
        case Synonyms(field, terms):
            return {"terms": {field: [text for text, _ in terms]}}
        case Term(field, text):
            return _term(field, text)
        case Phrase():
            return _phrase(node)
        case Prefix(field, text):
            return {"prefix": {field: text}}
        case _:
            return {"match_all": {}}


_CLAUSES = ("must", "should", "filter", "must_not")


def _bool(rows: Mapping[str, list[Query]], least: int, boost: float = 1.0) -> Query:
    if not (rows["must"] or rows["should"] or rows["filter"]):
        return _NOTHING  # OpenSearch would take all but the excluded ones
    written: Query = {key: row for key, row in rows.items() if row}
    if rows["should"]:
        is_needed = not rows["must"] and not rows["filter"]
        written["minimum_should_match"] = least or int(is_needed)
    if boost != 1:
        written["boost"] = boost
    return {"bool": written}


def _either(queries: list[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries}}


def _term(field: str, text: str, weight: float = 1.0) -> Query:
    return {"term": {field: {"value": text, "boost": weight} if weight != 1 else text}}


def _script(query: Query, source: str, params: Mapping[str, object], boost: float) -> Query:
    script = {"lang": "painless", "source": source, "params": params}
    return {"script_score": {"query": query, "script": script, "boost": boost}}


def _phrase(node: Phrase, boost: float = 1.0) -> Query:
    """One query for all terms that may stand at each place: "bus|buses stop|stops"."""
    words: list[str] = []
    last = node.positions[0][0] - 1
    for place, texts in node.positions:
        words += [HOLE] * (place - last - 1)
        words.append("|".join(texts))
        last = place
    asked = {"query": " ".join(words), "analyzer": "ways", "slop": node.slop, "boost": boost}
    return {"match_phrase": {node.field: asked}}
