"""An index on an OpenSearch cluster (2.19 or 3.x), over plain REST, without a plugin.

The server counts and the client weighs (`lexsearch.engines.opensearch.render`), so that a cluster
gives the scores that embedded Lucene gives. Analysis is the client's too: documents come analysed.

A warm query takes two round trips: one that looks whether the index has changed (`is_current`), one
that searches and brings along what is stored of the hits.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from string import ascii_lowercase
from typing import Any, NamedTuple

from lexsearch.engines import Engine, ScoredDoc, StoredDocument, TopDocs
from lexsearch.engines.fields import CHAINS, unpack
from lexsearch.engines.nodes import ScoredQuery, Term
from lexsearch.engines.opensearch.address import read_address
from lexsearch.engines.opensearch.cluster import Cluster
from lexsearch.engines.opensearch.mapping import COUNTED, NOTE, made_by
from lexsearch.engines.opensearch.render import Estimator, Query, Renderer, matched, terms_of
from lexsearch.errors import EngineBroken, EngineOutdated, IndexUnusable
from lexsearch.memo import Memo
from lexsearch.text.analysis import Analyzer
from lexsearch.text.words import EXACT, edits

_LOOK = 1.0  # seconds after which `is_current` looks again whether others have committed
_PAGE = 10_000  # hits at once, OpenSearch's limit
_STORED = 50  # hits that what is stored of them comes along with
_MOST_STORED = 2_000  # remembered
_TERMS = 4_000  # counted in one request
_ALIKE = 100  # words written alike that are looked at
_KEEP = "2m"  # between two pages of many hits

COMMITS: Memo[str, int] = Memo(lambda address: 0)
"""How often this process has committed to each address: its own changes it sees at once."""


class Made(NamedTuple):
    """The index behind a name, and the last commit to it.

    candidates: that it was made for, see `Address`. owner: the id of the folder that it is of.
    """

    concrete: str
    commit: str
    candidates: int = 0
    owner: str = ""


class OpenSearchEngine(Engine):
    """Searches an index on a cluster, with the counts of one commit. Commits of other processes are
    seen within a second.

    It keeps the index that it found behind the name also while another is put in its place. To keep
    its documents too would cost the cluster an open point in time for each reader.

    made: that index, and its last commit.
    """

    is_far = True

    def __init__(self, address: str, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self._address = read_address(address)
        self._cluster = Cluster(self._address)
        self._commits = COMMITS[self._address.text]
        self._looked = time.monotonic()
        self.made = look(self._cluster, analyzer)
        self._is_old = False
        self._documents = 0
        self._means: dict[str, float] = {}
        self._frequencies: dict[Term, int] = {}
        self._stored: dict[str, StoredDocument] = {}

    def is_current(self) -> bool:
        if self._commits != COMMITS[self._address.text]:
            self._is_old = True
        elif not self._is_old and time.monotonic() - self._looked >= _LOOK:
            self._is_old = look(self._cluster, self.analyzer) != self.made
            self._looked = time.monotonic()
        return not self._is_old

    def reopened(self) -> OpenSearchEngine:
        return OpenSearchEngine(self._address.text, self.analyzer)

    def search(self, query: ScoredQuery, k: int) -> TopDocs:
        self._learn([*terms_of(query.tree)])
        weighing = self._frequencies.__getitem__, self._means, query.k1, query.b
        rendered = Renderer(*weighing).scored(query.tree)
        k = max(0, min(k, self._documents))
        if k > _PAGE:
            return self._pages(rendered, k)
        if 0 < k <= self.made.candidates:
            estimated = Estimator(*weighing).scored(query.tree)
            return self._best_of_candidates(estimated, rendered, k)
        body = _page(rendered, k, ["stored"] if k <= _STORED else False)
        found = self._search(body)
        for hit in found["hits"] if k <= _STORED else ():
            self._remember(hit)
        return TopDocs([*map(_scored, found["hits"])], found["total"]["value"])

    def _best_of_candidates(self, estimated: Query, exact: Query, k: int) -> TopDocs:
        """The best of what each shard's estimate finds, by their exact scores. OpenSearch puts no
        ties in order here, so that all candidates come, and are sorted on this side.
        """
        most = self.made.candidates
        again = {"rescore_query": exact, "query_weight": 0.0, "rescore_query_weight": 1.0}
        body = {
            "query": estimated,
            "size": most,
            "track_total_hits": True,
            "rescore": {"window_size": most, "query": again},
            "docvalue_fields": ["doc_id"],
            "_source": False,
        }
        found = self._search(body)
        best = [ScoredDoc(hit["fields"]["doc_id"][0], hit["_score"]) for hit in found["hits"]]
        best.sort(key=lambda one: (-one.score, one.doc_id))
        return TopDocs(best[:k], found["total"]["value"])

    def _pages(self, rendered: Query, k: int) -> TopDocs:
        """More hits than OpenSearch gives at once: page after page of one point in time."""
        index = self.made.concrete
        params = {"keep_alive": _KEEP, "allow_partial_pit_creation": "false"}
        opened = self._ask("POST", f"/{index}/_search/point_in_time", None, **params)
        pit = {"id": opened["pit_id"], "keep_alive": _KEEP}
        best: list[ScoredDoc] = []
        total = 0
        try:
            body = {**_page(rendered, _PAGE, False), "pit": pit}
            while True:
                body["size"] = min(_PAGE, k - len(best))
                found = self._ask("POST", "/_search", body, allow_partial_search_results="false")
                hits = found["hits"]["hits"]
                total = total or found["hits"]["total"]["value"]
                best += map(_scored, hits)
                if len(hits) < body["size"] or len(best) >= k:
                    return TopDocs(best, total)
                body |= {"search_after": hits[-1]["sort"], "track_total_hits": False}
        finally:
            self._ask("DELETE", "/_search/point_in_time", {"pit_id": [pit["id"]]})

    def count(self, query: ScoredQuery | None = None) -> int:
        if query is None:
            self._learn([])
            return self._documents
        body = {"query": matched(query.tree), "size": 0, "track_total_hits": True}
        return int(self._search(body)["total"]["value"])

    def frequencies(self, terms: Collection[Term]) -> Mapping[Term, int]:
        self._learn(terms)
        return {term: self._frequencies[term] for term in terms}

    def _learn(self, terms: Collection[Term]) -> None:
        """How many documents have each term, and its field; with the first, how long fields are."""
        each = dict.fromkeys(terms) | dict.fromkeys(Term(term.field) for term in terms)
        asked = [term for term in each if term not in self._frequencies]
        if not self._means:
            asked += [Term(field) for field in CHAINS if Term(field) not in each]
        for start in range(0, len(asked), _TERMS):
            self._count(asked[start : start + _TERMS])

    def _count(self, terms: Sequence[Term]) -> None:
        filters = {str(number): _having(term) for number, term in enumerate(terms)}
        counts: dict[str, Any] = {"having": {"filters": {"filters": filters}}}
        if not self._means:
            counts |= {field: {"avg": {"field": f"{field}_length"}} for field in COUNTED}
        body = {"size": 0, "track_total_hits": True, "aggs": counts}
        answer = self._search_all(body)
        found = answer["aggregations"]
        if not self._means:
            self._documents = answer["hits"]["total"]["value"]
            self._means = {field: found[field]["value"] or 1.0 for field in COUNTED}
        buckets = found["having"]["buckets"]
        self._frequencies.update(
            (term, buckets[str(number)]["doc_count"]) for number, term in enumerate(terms)
        )

    def similar(self, term: Term) -> list[str]:
        most = 1 if len(term.text) < 6 else 2
        how = {
            "field": term.field,
            "analyzer": "terms",
            "suggest_mode": "always",
            "max_edits": most,
            "prefix_length": 0,
            "min_word_length": 1,
            "accuracy": 0.0,
            "max_term_freq": 2**31 - 1,
            "size": _ALIKE,
            "shard_size": 10 * _ALIKE,
        }
        texts = {term.text}
        if most > 1:  # Lucene's suggester then holds the first letter fixed
            texts |= {letter + term.text[1:] for letter in ascii_lowercase}
        suggest = {text: {"text": text, "term": how} for text in texts}
        answer = self._search_all({"size": 0, "suggest": suggest})["suggest"]
        words = {row["text"] for [one] in answer.values() for row in one["options"]} | texts
        words.discard(term.text)
        counts = self.frequencies([Term(term.field, word) for word in words])
        near = [(edits(term.text, one.text), -n, one.text) for one, n in counts.items() if n]
        return [text for far, _, text in sorted(near) if 0 < far <= most]

    def stored(self, doc_ids: Sequence[str]) -> list[StoredDocument]:
        asked = [doc_id for doc_id in dict.fromkeys(doc_ids) if doc_id not in self._stored]
        found: dict[str, StoredDocument] = {}
        for part in _parts(asked, _STORED * 10):
            body = _page({"terms": {"doc_id": part}}, len(part), ["stored"])
            for hit in self._search({**body, "track_total_hits": False})["hits"]:
                found[hit["sort"][1]] = _stored(hit)
        return [
            self._stored.get(doc_id) or found.get(doc_id, StoredDocument()) for doc_id in doc_ids
        ]

    def _remember(self, hit: Mapping[str, Any]) -> None:
        if len(self._stored) >= _MOST_STORED:
            self._stored = {}
        self._stored[hit["sort"][1]] = _stored(hit)

    def _search(self, body: Mapping[str, object]) -> Any:
        return self._search_all(body)["hits"]

    def _search_all(self, body: Mapping[str, object]) -> Any:
        """A shard that cannot answer fails the search: fewer hits would be taken for all."""
        path = f"/{self.made.concrete}/_search"
        return self._ask("POST", path, body, allow_partial_search_results="false")

    def _ask(self, method: str, path: str, body: object, **params: str) -> Any:
        try:
            return self._cluster.ask(method, path, body, **params)
        except EngineBroken:
            self._is_old = True  # another index may stand in its place already
            raise

    def close(self) -> None:
        self._cluster.close()


def is_there(address: str) -> bool:
    """Whether a cluster has an index of that name."""
    cluster = Cluster(read_address(address))
    try:
        return bool(cluster.ask("HEAD", f"/{cluster.address.name}"))
    finally:
        cluster.close()


def look(cluster: Cluster, analyzer: Analyzer | None) -> Made:
    """The index behind the cluster's address, and its last commit.

    analyzer: that it must have been made with; None: whatever it was made with.
    Raises EngineBroken when there is none, EngineOutdated when it was made in another way,
    IndexUnusable when it is none of lexsearch.
    """
    address = cluster.address
    path = f"/{address.name}/_mapping"
    # "local": no need to wait for a cluster manager, who may be changing just now.
    found = cluster.ask("GET", path, filter_path="*.mappings._meta", local="true")
    notes = {index: row["mappings"]["_meta"].get(NOTE) for index, row in found.items()}
    if len(notes) != 1 or not all(notes.values()):
        raise IndexUnusable(f"{address} is no index of lexsearch; choose another name")
    [(index, note)] = notes.items()
    if analyzer is not None and note["made"] != made_by(analyzer):
        raise EngineOutdated(
            f"the text index {address} was made by another version of lexsearch; "
            "`lexsearch reindex` makes it anew from the captions"
        )
    return Made(index, note["commit"], int(note.get("candidates", 0)), note.get("owner", ""))


def _page(query: Query, k: int, source: object) -> dict[str, Any]:
    return {
        "query": query,
        "size": k,
        "sort": [{"_score": "desc"}, {"doc_id": "asc"}],
        "track_total_hits": True,
        "_source": source,
    }


def _scored(hit: Mapping[str, Any]) -> ScoredDoc:
    score, doc_id = hit["sort"]
    return ScoredDoc(doc_id, score)


def _stored(hit: Mapping[str, Any]) -> StoredDocument:
    contents, packed = json.loads(hit["_source"]["stored"])
    return unpack(packed, contents)


def _having(term: Term) -> Query:
    if term.text:
        return {"term": {term.field: term.text}}
    return {"exists": {"field": term.field if term.field in EXACT else f"{term.field}_length"}}


def _parts(rows: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
