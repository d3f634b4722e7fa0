"""An engine of dictionaries: what every engine must give, in plain Python.

It is the specification that the others are tested against, and serves tests and experiments that
need no Java. An index lives as long as the process, under its address, "memory:NAME".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from math import sqrt

from lexsearch.engines import Engine, EngineWriter, ScoredDoc, StoredDocument, TopDocs
from lexsearch.engines.fields import CHAINS, NO_LENGTHS, coded, pack, texts_of, unpack
from lexsearch.engines.nodes import (
    Bool,
    Boost,
    Constant,
    MatchAll,
    Node,
    Phrase,
    Prefix,
    ScoredQuery,
    Sqrt,
    Synonyms,
    Term,
    idf_of,
)
from lexsearch.errors import EngineBroken
from lexsearch.records import Document
from lexsearch.text.analysis import Analyzer, SimpleAnalyzer, clean
from lexsearch.text.words import edits

Scores = dict[str, float]


class Field:
    """What documents have in one field: for each term, in which documents, and where."""

    def __init__(self) -> None:
        self.places: dict[str, dict[str, list[int]]] = defaultdict(dict)
        self.lengths: dict[str, int] = {}

    def add(self, doc_id: str, terms: Sequence[tuple[str, int]]) -> None:
        place, there = -1, defaultdict[str, list[int]](list)
        for term, step in terms:
            place += step
            there[term].append(place)
        for term, places in there.items():
            self.places[term][doc_id] = places
        self.lengths[doc_id] = len(terms)

    @property
    def mean(self) -> float:
        return sum(self.lengths.values()) / (len(self.lengths) or 1)


class State:
    """The documents of one moment, by field."""

    def __init__(self, documents: Mapping[str, Document], analyzer: Analyzer) -> None:
        self.documents = dict(documents)
        self.fields = {name: Field() for name in CHAINS}
        for doc_id, document in documents.items():
            for name, text in texts_of(document, analyzer).items():
                if terms := analyzer.tokens(text, CHAINS[name]):
                    self.fields[name].add(doc_id, terms)

    def frequency(self, term: Term) -> int:
        field = self.fields[term.field]
        return len(field.places.get(term.text, ())) if term.text else len(field.lengths)


class Memory:
    """An index, and who makes its terms."""

    def __init__(self, analyzer: Analyzer | None = None) -> None:
        self.analyzer = analyzer or SimpleAnalyzer()
        self.state = State({}, self.analyzer)


INDEXES: dict[str, Memory] = {}
"""The indexes of this process by address."""


class MemoryWriter(EngineWriter):
    """Changes an index in memory; makes it when it is missing."""

    def __init__(self, address: str) -> None:
        self._memory = INDEXES.setdefault(address, Memory())
        self.analyzer = self._memory.analyzer
        self._changed = dict(self._memory.state.documents)

    def update(self, documents: Iterable[Document]) -> None:
        for document in documents:
            self._changed[document.doc_id] = document

    def delete(self, doc_ids: Iterable[str]) -> None:
        for doc_id in doc_ids:
            self._changed.pop(doc_id, None)

    def commit(self) -> None:
        self._memory.state = State(self._changed, self._memory.analyzer)

    def replace(self, documents: Iterable[Document]) -> None:
        self._changed = {document.doc_id: document for document in documents}
        self.commit()

    def close(self) -> None:
        self._changed = {}


class MemoryEngine(Engine):
    """Searches an index in memory."""

    def __init__(self, address: str) -> None:
        if address not in INDEXES:
            raise EngineBroken(f"there is no text index {address} in this process")
        self._address = address
        self._memory = INDEXES[address]
        self._state = self._memory.state
        self.analyzer = self._memory.analyzer

    def search(self, query: ScoredQuery, k: int) -> TopDocs:
        scores = _Run(self._state, query.k1, query.b).scores(query.tree)
        best = sorted(scores.items(), key=lambda row: (-row[1], row[0]))[: max(k, 0)]
        return TopDocs([ScoredDoc(*row) for row in best], len(scores))

    def count(self, query: ScoredQuery | None = None) -> int:
        if query is None:
            return len(self._state.documents)
        return len(_Run(self._state, query.k1, query.b).scores(query.tree))

    def frequencies(self, terms: Collection[Term]) -> Mapping[Term, int]:
        return {term: self._state.frequency(term) for term in terms}

    def similar(self, term: Term) -> list[str]:
        most = 1 if len(term.text) < 6 else 2
        places = self._state.fields[term.field].places
        near = [(edits(term.text, text), -len(docs), text) for text, docs in places.items()]
        return [text for far, _, text in sorted(near) if 0 < far <= most]

    def stored(self, doc_ids: Sequence[str]) -> list[StoredDocument]:
        found = map(self._state.documents.get, doc_ids)
        return [
            unpack(pack(one), clean(one.contents)) if one else StoredDocument() for one in found
        ]

    def is_current(self) -> bool:
        return self._state is self._memory.state

    def reopened(self) -> MemoryEngine:
        return MemoryEngine(self._address)

    def close(self) -> None:
        """Nothing is held."""


class _Run:
    """Runs a tree over a state: every document that matches, with its score."""

    def __init__(self, state: State, k1: float, b: float) -> None:
        self._state, self._k1, self._b = state, k1, b

    def scores(self, node: Node) -> Scores:
        match node:
            case Boost(inner, weight):
                return {doc_id: weight * score for doc_id, score in self.scores(inner).items()}
            case Term(field, text):
                places = self._state.fields[field].places.get(text, {})
                counts = {doc_id: len(there) for doc_id, there in places.items()}
                return self._saturated(field, counts, self._idf(field, text))
            case Synonyms(field, terms):
                summed: Scores = defaultdict(float)
                for text, weight in terms:
                    for doc_id, there in self._state.fields[field].places.get(text, {}).items():
                        summed[doc_id] += weight * len(there)
                return self._saturated(field, summed, min(self._idf(field, t) for t, _ in terms))
            case Phrase(field, positions):
                idf = sum(
                    self._idf(field, text)
                    for _, texts in positions
                    for text in texts
                    if self._state.frequency(Term(field, text))
                )
                return self._saturated(field, self._phrase(node), idf)
            case Sqrt(inner, slope, intercept):
                scores = self.scores(inner)
                return {doc_id: slope * sqrt(score) + intercept for doc_id, score in scores.items()}
            case Constant(inner):
                return dict.fromkeys(self.scores(inner), 1.0)
            case Prefix(field, text):
                terms_there = self._state.fields[field].places.items()
                docs = [there for term, there in terms_there if term.startswith(text)]
                return {doc_id: 1.0 for there in docs for doc_id in there}
            case MatchAll():
                return dict.fromkeys(self._state.documents, 1.0)
            case Bool():
                return self._bool(node)

    def _idf(self, field: str, text: str) -> float:
        frequency = self._state.frequency
        return idf_of(frequency(Term(field)), frequency(Term(field, text)))

    def _saturated(self, field: str, counts: Mapping[str, float], idf: float) -> Scores:
        known, k1, b = self._state.fields[field], self._k1, self._b
        mean, no_lengths = known.mean, field in NO_LENGTHS
        scores = {}
        for doc_id, count in counts.items():
            length = 1 if no_lengths else coded(known.lengths[doc_id])
            scores[doc_id] = idf * count / (count + k1 * (1 - b + b * length / mean))
        return scores

    def _bool(self, node: Bool) -> Scores:
        must, should = [[self.scores(one) for one in row] for row in (node.must, node.should)]
        needed = [set(one) for one in must] + [set(self.scores(one)) for one in node.filter]
        out = {doc_id for one in node.must_not for doc_id in self.scores(one)}
        total: Scores = defaultdict(float)
        having = Counter(doc_id for one in should for doc_id in one)
        for one in (*must, *should):
            for doc_id, score in one.items():
                total[doc_id] += score
        least = node.least or (0 if needed else 1)
        found = set.intersection(*needed) if needed else set(having)
        return {one: total.get(one, 0.0) for one in found - out if having[one] >= least}

    def _phrase(self, node: Phrase) -> Scores:
        columns: list[dict[str, list[int]]] = []
        for place, texts in node.positions:
            column: dict[str, list[int]] = defaultdict(list)
            for text in texts:
                there = self._state.fields[node.field].places.get(text, {})
                for doc_id, places in there.items():
                    column[doc_id] += [one - place for one in places]
            columns.append(column)
        rows = {
            doc_id: [sorted(column[doc_id]) for column in columns]
            for doc_id in set.intersection(*map(set, columns))
        }
        counts = {doc_id: _sloppy(row, node.slop) for doc_id, row in rows.items()}
        return {doc_id: count for doc_id, count in counts.items() if count}


def _sloppy(rows: list[list[int]], slop: int) -> float:
    """The frequency of a phrase: the sum of 1 / (1 + width) over the narrowest matches no wider
    than the slop, as in Lucene's SloppyPhraseMatcher for terms that do not repeat.

    rows: for each word of the phrase its places, less its place in the phrase.
    """
    if slop == 0:
        return float(len(set.intersection(*map(set, rows))))
    heap = [(row[0], number, 0) for number, row in enumerate(rows)]
    heapify(heap)
    end = max(row[0] for row in rows)
    total = 0.0
    place, number, at = heappop(heap)
    width, following = end - place, heap[0][0]
    while at + 1 < len(rows[number]):
        at += 1
        place = rows[number][at]
        end = max(end, place)
        if place > following:
            total += 1 / (1 + width) if width <= slop else 0
            heappush(heap, (place, number, at))
            place, number, at = heappop(heap)
            width, following = end - place, heap[0][0]
        else:
            width = min(width, end - place)
    return total + (1 / (1 + width) if width <= slop else 0)
