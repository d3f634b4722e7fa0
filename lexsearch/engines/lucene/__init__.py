"""Embedded Lucene: the classes in Pyserini's Anserini jar, called through pyjnius.

An index written here opens in Pyserini (fields `id` and `contents`), and `bm25` ranks as
Pyserini does. Crossing into Java costs microseconds a call, so documents go in by the block,
results come back as one string for all hits, and Java classes are declared with just the
methods used (reflecting on a whole class takes milliseconds).
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from lexsearch.engines import Engine, EngineQuery, Ranking, ScoredDoc, StoredDocument, TopDocs
from lexsearch.engines.lucene import classes as _classes
from lexsearch.engines.lucene import jvm as _jvm
from lexsearch.engines.lucene.analysis import analyze, analyzer, clean, stems
from lexsearch.engines.lucene.blocks import (
    ANALYZERS,
    CONTENTS,
    ID,
    PASSAGES,
    SAID,
    unpack,
)
from lexsearch.engines.lucene.faults import java_errors
from lexsearch.engines.lucene.layout import check_layout, has_index
from lexsearch.engines.lucene.weighing import K1, B, Weigher
from lexsearch.errors import EngineBroken
from lexsearch.memo import Memo

_MAX_CLAUSES = 65_536
_COUNT_ALL = 2**31 - 1
_MOST_FREQUENCIES = 200_000  # remembered
_LATELY = 10_000  # of so many filters those used again and again are kept as sets of documents
_FEW = 100  # hits; for more it pays to keep them in Java
_TICK = 3_000_000_000  # nanoseconds: a disk like exFAT tells times no finer than two seconds
_FOUND = re.compile(r"doc=(\d+).*?fields=\[([^,\]]+), \[([0-9a-f ]*)\]\]")
_TERM = re.compile(rf"{SAID}:([^\s()^|]+)")


class LuceneEngine(Engine):
    """A Lucene index in a folder, open for reading."""

    def __init__(self, folder: Path, ranking: Ranking) -> None:
        _jvm.start()
        if not has_index(folder):  # Lucene would make the folder
            raise EngineBroken(
                f"there is no text index in {folder}; `lexsearch reindex` makes it from captions"
            )
        with java_errors(folder):
            java = self._java = _classes.load()
            self._folder = folder
            self._similarity = java.BM25Similarity(ranking.k1, ranking.b)
            self._directory = java.FSDirectory.open(java.File(str(folder)).toPath())
            self._reader: Any = None
            self._seen: int | None = None
            self._state = 0
            java.IndexSearcher.setMaxClauseCount(_MAX_CLAUSES)
            self._refresh()

    def _refresh(self) -> None:
        """See what has been committed since, by whatever process."""
        java = self._java
        changed = _changed(self._folder)
        if changed is not None and changed == self._seen:
            return
        if self._reader is None:
            check_layout(self._directory, self._folder)
            self._reader = java.DirectoryReader.open(self._directory)
        else:
            newer = java.DirectoryReader.openIfChanged(self._reader)
            if newer is None:
                self._seen = changed
                return
            check_layout(self._directory, self._folder)
            self._reader.close()
            self._reader = newer
        self._seen = changed
        self._paper = java.IndexSearcher(self._reader)
        self._paper.setSimilarity(self._similarity)
        self._searcher = java.IndexSearcher(self._reader)
        self._searcher.setSimilarity(java.BM25Similarity(K1, B))
        self._searcher.setQueryCachingPolicy(java.UsageTrackingQueryCachingPolicy(_LATELY))
        self._state += 1
        self._frequencies = Memo(self._count_in_index, _MOST_FREQUENCIES)
        self._places: dict[str, int] = {}
        self._weigher = Weigher(self._reader.getDocCount(SAID), self._frequency)

    def bm25(self, text: str, k: int) -> TopDocs:
        with java_errors(self._folder):
            self._refresh()
            builder = self._java.QueryBuilder(analyzer(ANALYZERS[CONTENTS]))
            query = builder.createBooleanQuery(CONTENTS, clean(text))
            return self._best(self._paper, query, k)

    def search(self, wanted: EngineQuery, k: int) -> TopDocs:
        with java_errors(self._folder):
            self._refresh()
            if len(wanted.concepts) > 1 and k <= _FEW and not wanted.everything:
                # Whoever has all of them comes first: often there is no need to look further.
                whole = self._best(self._searcher, self._weigher.query(wanted, together=True), k)
                if len(whole.best) == k:
                    return TopDocs(whole.best, self._count(wanted))
            return self._best(self._searcher, self._weigher.query(wanted), k)

    def _best(self, searcher: Any, query: Any, k: int) -> TopDocs:
        limit = min(k, self._reader.numDocs())
        if query is None:
            return TopDocs([], 0)
        if limit <= 0:
            return TopDocs([], int(searcher.count(query)))
        found = _search(searcher, query, limit)
        scored = []
        for place, score, digits in _FOUND.findall(_as_text(found, limit)):
            doc_id = _from_hex(digits)
            self._places[doc_id] = int(place)
            scored.append(ScoredDoc(doc_id, float(score)))
        return TopDocs(scored, int(found.totalHits.value))

    def count(self, wanted: EngineQuery | None = None) -> int:
        with java_errors(self._folder):
            self._refresh()
            return int(self._reader.numDocs()) if wanted is None else self._count(wanted)

    def _count(self, wanted: EngineQuery) -> int:
        query = self._weigher.matching(wanted)
        return int(self._searcher.count(query)) if query is not None else 0

    def state(self) -> int:
        with java_errors(self._folder):
            self._refresh()
            return self._state

    def terms(self, texts: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        return analyze(ANALYZERS[SAID], texts)

    def stems(
        self, words: Collection[str], field: str = "caption", *, paper: bool = False
    ) -> Mapping[str, str]:
        known_as = field if field in ANALYZERS else CONTENTS if paper else SAID
        return stems(ANALYZERS[known_as], words)

    def frequencies(self, terms: Iterable[str]) -> Mapping[str, int]:
        with java_errors(self._folder):
            self._refresh()
            return {term: self._frequency(SAID, term) for term in terms}

    def _frequency(self, field: str, term: str) -> int:
        return self._frequencies[field, term]

    def _count_in_index(self, term: tuple[str, str]) -> int:
        return int(self._reader.docFreq(self._java.Term(*term)))

    def similar(self, term: str) -> list[str]:
        with java_errors(self._folder):
            self._refresh()
            fuzzy = self._java.FuzzyQuery(self._java.Term(SAID, term), 1 if len(term) < 6 else 2)
            return _TERM.findall(fuzzy.rewrite(self._searcher).toString())

    def stored(self, doc_ids: Sequence[str]) -> list[StoredDocument]:
        with java_errors(self._folder):
            self._refresh()
            fields = self._searcher.storedFields()
            found = []
            for doc_id in doc_ids:
                place = self._place(doc_id)
                if place is None:
                    found.append(StoredDocument())
                    continue
                document = fields.document(place)
                found.append(unpack(document.get(PASSAGES), document.get(CONTENTS)))
            return found

    def _place(self, doc_id: str) -> int | None:
        if doc_id not in self._places:
            by_id = self._java.TermQuery(self._java.Term(ID, doc_id))
            found = _search(self._searcher, by_id, 1).scoreDocs
            if not found:
                return None
            self._places[doc_id] = found[0].doc
        return self._places[doc_id]

    def close(self) -> None:
        with java_errors(self._folder):
            self._reader.close()
            self._directory.close()


def _search(searcher: Any, query: Any, limit: int) -> Any:
    """TopFieldDocs of the best by score and then id, with all that match counted."""
    java = _classes.load()
    manager = java.TopFieldCollector.createSharedManager(
        _by_score_then_id(), limit, None, _COUNT_ALL
    )
    return searcher.search(query, manager)


def _changed(folder: Path) -> int | None:
    """When files last came or went, as each commit makes them; None if just now or unknown."""
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return None
    return changed if time.time_ns() - changed > _TICK else None


def _as_text(found: Any, limit: int) -> str:
    """All hits as one string, written by Java."""
    java = _classes.load()
    if limit <= _FEW:
        return str(java.Arrays.toString(found.scoreDocs, pass_by_reference=False))
    arguments = java.ArrayList()
    arguments.add(found)
    return str(_hits_writer().invokeWithArguments(arguments))


@cache
def _hits_writer() -> Any:
    """Arrays.toString(found.scoreDocs) composed inside Java: an array that comes to Python on its
    way becomes an object a hit, which takes longer than the search. Composing takes a moment.
    """
    java = _classes.load()
    hits, string = java.find("[Lorg.apache.lucene.search.ScoreDoc;"), java.find("java.lang.String")
    methods, types = java.MethodHandles, java.MethodType
    public = methods.publicLookup()
    get = public.findGetter(java.find("org.apache.lucene.search.TopDocs"), "scoreDocs", hits)
    objects = java.find("[Ljava.lang.Object;")
    write = public.findStatic(
        java.find("java.util.Arrays"), "toString", types.methodType(string, objects)
    )
    return methods.filterReturnValue(get, write.asType(types.methodType(string, hits)))


@lru_cache(maxsize=100_000)
def _from_hex(digits: str) -> str:
    """The text that Java writes as "6c 65 78"; of a byte below 16 it writes one digit."""
    try:
        return bytes.fromhex(digits).decode()
    except ValueError:
        return bytes(int(byte, 16) for byte in digits.split()).decode()


@cache
def _by_score_then_id() -> Any:
    java = _classes.load()
    by_id = java.SortField(ID, java.Type.STRING_VAL)
    return java.Sort([java.SortField.FIELD_SCORE, by_id])
