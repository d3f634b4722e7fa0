"""Embedded Lucene: the classes in Pyserini's Anserini jar, called through pyjnius.

An index written here opens in Pyserini (fields `id` and `contents`), and a bag of words ranks as it
does there. Crossing into Java costs microseconds a call, so documents go in by the block,
results come back as one string for all hits, and Java classes are declared with just the
methods used (reflecting on a whole class takes milliseconds).
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from lexsearch.engines import Engine, ScoredDoc, StoredDocument, TopDocs
from lexsearch.engines.fields import CONTENTS, unpack
from lexsearch.engines.lucene import classes as _classes
from lexsearch.engines.lucene import jvm as _jvm
from lexsearch.engines.lucene.analysis import ANALYZER
from lexsearch.engines.lucene.blocks import ID, PASSAGES
from lexsearch.engines.lucene.faults import java_errors, translated
from lexsearch.engines.lucene.layout import check_layout, has_index
from lexsearch.engines.lucene.render import Renderer
from lexsearch.engines.nodes import Node, ScoredQuery, Term
from lexsearch.errors import EngineBroken
from lexsearch.text.words import edits

_MAX_CLAUSES = 65_536
_COUNT_ALL = 2**31 - 1
_LATELY = 10_000  # of so many filters those used again and again are kept as sets of documents
_FEW = 100  # hits; for more it pays to keep them in Java
_TICK = 3_000_000_000  # nanoseconds: a disk like exFAT tells times no finer than two seconds
_FOUND = re.compile(r"doc=(\d+).*?fields=\[([^,\]]+), \[([0-9a-f ]*)\]\]")


class LuceneEngine(Engine):
    """A Lucene index in a folder, open for reading. Several threads search side by side."""

    analyzer = ANALYZER

    def __init__(self, folder: Path) -> None:
        _jvm.start()
        if not has_index(folder):  # Lucene would make the folder
            raise EngineBroken(
                f"there is no text index in {folder}; `lexsearch reindex` makes it from captions"
            )
        with java_errors(folder):
            java = self._java = _classes.load()
            self._folder = folder
            self._directory = java.FSDirectory.open(java.File(str(folder)).toPath())
            java.IndexSearcher.setMaxClauseCount(_MAX_CLAUSES)
            check_layout(self._directory, folder)
            self._seen = _changed(folder)
            self._commit = _Commit(java.DirectoryReader.open(self._directory), 1)

    def _newest(self) -> _Commit:
        """What has been committed last, by whatever process."""
        changed = _changed(self._folder)
        if changed is None or changed != self._seen:
            newer = self._java.DirectoryReader.openIfChanged(self._commit.reader)
            if newer is not None:
                check_layout(self._directory, self._folder)
                old, self._commit = self._commit, _Commit(newer, self._commit.number + 1)
                old.reader.close()  # searches that are under way hold it open
            self._seen = changed
        return self._commit

    def search(self, query: ScoredQuery, k: int) -> TopDocs:
        with java_errors(self._folder):
            commit = self._newest()
            commit.reader.incRef()
        try:
            if query.first is not None and k <= _FEW:
                best = self._best(commit, query, query.first, k)
                if len(best.best) == k:
                    return TopDocs(best.best, self._count(commit, query))
            return self._best(commit, query, query.tree, k)
        finally:
            with java_errors(self._folder):
                commit.reader.decRef()

    def _best(self, commit: _Commit, query: ScoredQuery, tree: Node, k: int) -> TopDocs:
        limit = min(k, commit.documents)
        if limit <= 0:
            return TopDocs([], self._count(commit, query))
        with java_errors(self._folder):
            rendered = commit.renderer.scored(tree)
            searcher = commit.searcher(query.k1, query.b)
            manager = _collector(limit)
        with translated(self._folder):
            found = searcher.search(rendered, manager)  # others may search meanwhile
        with java_errors(self._folder):
            total = int(found.totalHits.value)
            rows = _FOUND.findall(_as_text(found, limit))
        if len(rows) != min(limit, total):
            raise RuntimeError(f"Lucene told {len(rows)} of {min(limit, total)} hits")
        scored = []
        for place, score, digits in rows:
            doc_id = _from_hex(digits)
            commit.places[doc_id] = int(place)
            scored.append(ScoredDoc(doc_id, float(score)))
        return TopDocs(scored, total)

    def count(self, query: ScoredQuery | None = None) -> int:
        with java_errors(self._folder):
            commit = self._newest()
            return commit.documents if query is None else self._count(commit, query)

    def _count(self, commit: _Commit, query: ScoredQuery) -> int:
        with java_errors(self._folder):
            matched = commit.renderer.matched(query.tree)
            return int(commit.searcher(query.k1, query.b).count(matched))

    def state(self) -> int:
        with java_errors(self._folder):
            return self._newest().number

    def frequencies(self, terms: Collection[Term]) -> Mapping[Term, int]:
        with java_errors(self._folder):
            reader = self._newest().reader
            return {
                term: int(reader.docFreq(self._java.Term(*term)))
                if term.text
                else int(reader.getDocCount(term.field))
                for term in terms
            }

    def similar(self, term: Term) -> list[str]:
        most = 1 if len(term.text) < 6 else 2
        with java_errors(self._folder):
            fuzzy = self._java.FuzzyQuery(self._java.Term(*term), most)
            rewritten = fuzzy.rewrite(self._newest().searcher(1.0, 0.0)).toString()
        words = re.findall(rf"{term.field}:([^\s()^|]+)", rewritten)
        counts = self.frequencies([Term(term.field, word) for word in words])
        near = [(edits(term.text, one.text), -count, one.text) for one, count in counts.items()]
        return [text for far, _, text in sorted(near) if far]

    def stored(self, doc_ids: Sequence[str]) -> list[StoredDocument]:
        with java_errors(self._folder):
            commit = self._newest()
            fields = commit.searcher(1.0, 0.0).storedFields()
            found = []
            for doc_id in doc_ids:
                place = commit.place(doc_id)
                if place is None:
                    found.append(StoredDocument())
                    continue
                document = fields.document(place)
                found.append(unpack(document.get(PASSAGES), document.get(CONTENTS)))
            return found

    def close(self) -> None:
        with java_errors(self._folder):
            self._commit.reader.close()
            self._directory.close()


class _Commit:
    """One state of an index, and what was made for it. Java's lock is held when it is asked."""

    def __init__(self, reader: Any, number: int) -> None:
        self.reader = reader
        self.number = number
        self.documents = int(reader.numDocs())
        self.places: dict[str, int] = {}
        self.renderer = Renderer()
        self._searchers: dict[tuple[float, float], Any] = {}

    def searcher(self, k1: float, b: float) -> Any:
        """A searcher with its class to itself, so that it may search without the lock."""
        if (k1, b) not in self._searchers:
            java = _classes.load()
            searcher = _classes.of_its_own("L/search/IndexSearcher")(self.reader)
            searcher.setSimilarity(java.BM25Similarity(k1, b))
            searcher.setQueryCachingPolicy(java.UsageTrackingQueryCachingPolicy(_LATELY))
            self._searchers[k1, b] = searcher
        return self._searchers[k1, b]

    def place(self, doc_id: str) -> int | None:
        """Lucene's number of a document."""
        if doc_id not in self.places:
            java = _classes.load()
            by_id = java.TermQuery(java.Term(ID, doc_id))
            found = self.searcher(1.0, 0.0).search(by_id, _collector(1)).scoreDocs
            if not found:
                return None
            self.places[doc_id] = found[0].doc
        return self.places[doc_id]


def _collector(limit: int) -> Any:
    """Collects the best by score and then id, with all that match counted."""
    java = _classes.load()
    return java.TopFieldCollector.createSharedManager(_by_score_then_id(), limit, None, _COUNT_ALL)


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
