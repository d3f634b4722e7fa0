"""Embedded Lucene: the classes in Pyserini's Anserini jar, called through pyjnius.

An index written here opens in Pyserini (fields `id` and `contents`), and `bm25` ranks as
Pyserini does. Crossing into Java costs microseconds a call, so documents go in by the block,
results come back as one string for all hits, and Java classes are declared with just the
methods used (reflecting on a whole class takes milliseconds).
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from lexsearch.engines import Engine, EngineQuery, Ranking, ScoredDoc, StoredDocument, TopDocs
from lexsearch.engines.lucene import classes as _classes
from lexsearch.engines.lucene import jvm as _jvm
from lexsearch.engines.lucene.analysis import analyze, analyzer, clean, fingerprint, stems
from lexsearch.engines.lucene.blocks import (
    ANALYZERS,
    CONTENTS,
    ID,
    PASSAGES,
    SAID,
    Block,
    in_blocks,
    unpack,
)
from lexsearch.engines.lucene.weighing import K1, B, Weigher
from lexsearch.errors import EngineError, StorageError
from lexsearch.memo import Memo
from lexsearch.records import Document
from lexsearch.storage.sizes import size_of

_LAYOUT = 4  # goes up with every change of the fields
_MADE = "lexsearch"  # the note in a Lucene commit that says how the index was made
_RAM_BUFFER_MB = 128.0
_THREADS = min(4, os.cpu_count() or 1)  # that Java turns documents into an index on
_MAX_CLAUSES = 65_536
_ROOM = 1.5  # times the size of an index must be free to rewrite it
_COUNT_ALL = 2**31 - 1
_MOST_FREQUENCIES = 200_000  # remembered
_LATELY = 10_000  # of so many filters those used again and again are kept as sets of documents
_FEW = 100  # hits; for more it pays to keep them in Java
_TICK = 1_000_000_000  # nanoseconds: more than it takes until a further change shows
_FOUND = re.compile(r"doc=(\d+).*?fields=\[([^,\]]+), \[([0-9a-f ]*)\]\]")
_TERM = re.compile(rf"{SAID}:([^\s()^|]+)")


class LuceneEngine(Engine):
    """A Lucene index in a folder, open for reading or, with `write`, for changing as well."""

    def __init__(self, folder: Path, ranking: Ranking, *, write: bool = False) -> None:
        _jvm.start()
        with _java_errors(folder):
            java = self._java = _classes.load()
            self._folder = folder
            self._similarity = java.BM25Similarity(ranking.k1, ranking.b)
            if write:
                folder.mkdir(parents=True, exist_ok=True)
            self._directory = java.FSDirectory.open(java.File(str(folder)).toPath())
            self._reader: Any = None
            self._seen: int | None = None
            self._state = 0
            java.IndexSearcher.setMaxClauseCount(_MAX_CLAUSES)
            self._writer: Any = self._open_writer() if write else None
            self._refresh()

    def _open_writer(self) -> Any:
        java = self._java
        config = java.IndexWriterConfig(_by_field())
        config.setSimilarity(self._similarity)
        config.setRAMBufferSizeMB(_RAM_BUFFER_MB)
        writer = _classes.of_its_own("L/index/IndexWriter")(self._directory, config)
        self._threads = ThreadPoolExecutor(_THREADS, "lucene")
        self._adding: deque[tuple[Block, Future[None]]] = deque()
        self._spare: list[Block] = []
        note = java.HashMap()
        note.put(_MADE, _how())
        writer.setLiveCommitData(note.entrySet())
        writer.commit()  # a new index can be searched at once
        return writer

    def _refresh(self) -> None:
        """See what has been committed since, by whatever process."""
        java = self._java
        changed = _changed(self._folder)
        if changed is not None and changed == self._seen:
            return
        self._seen = changed
        if self._reader is None:
            self._reader = java.DirectoryReader.open(self._directory)
            if self._reader.getIndexCommit().getUserData().get(_MADE) != _how():
                raise EngineError(
                    f"the text index {self._folder} was made by another version of lexsearch; "
                    "`lexsearch reindex` makes it anew from the captions"
                )
        else:
            newer = java.DirectoryReader.openIfChanged(self._reader)
            if newer is None:
                return
            self._reader.close()
            self._reader = newer
        self._paper = java.IndexSearcher(self._reader)
        self._paper.setSimilarity(self._similarity)
        self._searcher = java.IndexSearcher(self._reader)
        self._searcher.setSimilarity(java.BM25Similarity(K1, B))
        self._searcher.setQueryCachingPolicy(java.UsageTrackingQueryCachingPolicy(_LATELY))
        self._state += 1
        self._frequencies = Memo(self._count_in_index, _MOST_FREQUENCIES)
        self._places: dict[str, int] = {}
        self._weigher = Weigher(self._reader.getDocCount(SAID), self._frequency)

    def update(self, documents: Iterable[Document]) -> None:
        for block in in_blocks(documents):
            while len(self._adding) > _THREADS or self._is_adding(block):
                self._finish_one()
            with _java_errors(self._folder):
                filled = self._spare.pop() if self._spare else Block()
                filled.fill(block)
            self._adding.append((filled, self._threads.submit(self._add, filled)))

    def _add(self, block: Block) -> None:
        """On a thread of its own, without the lock: nobody else has this writer's class."""
        try:
            self._writer.deleteDocuments(block.terms, pass_by_reference=False)
            self._writer.addDocuments(block.documents)
        finally:
            _jvm.start().detach()

    def _is_adding(self, documents: Mapping[str, Document]) -> bool:
        """Whether another text of one of the documents is on its way, which must go first."""
        return any(documents.keys() & block.doc_ids for block, _ in self._adding)

    def _finish_one(self) -> None:
        block, adding = self._adding[0]
        error = adding.exception()
        self._adding.popleft()
        self._spare.append(block)
        if error is not None:
            with _java_errors(self._folder):
                raise error

    def _finish_all(self) -> None:
        while self._adding:
            self._finish_one()

    def delete(self, doc_ids: Iterable[str]) -> None:
        self._finish_all()
        with _java_errors(self._folder):
            if terms := [self._java.Term(ID, doc_id) for doc_id in doc_ids]:
                self._writer.deleteDocuments(terms, pass_by_reference=False)

    def commit(self) -> None:
        self._finish_all()
        with _java_errors(self._folder):
            self._writer.commit()

    def compact(self) -> None:
        self._finish_all()
        if shutil.disk_usage(self._folder).free < _ROOM * size_of(self._folder):
            return  # the index is as good without
        joining = self._threads.submit(self._join)
        try:
            error = joining.exception()  # waited for here, and not in Java, so that Ctrl-C is heard
        except BaseException:
            self._writer.rollback()  # gives up the work; what was committed stays
            raise
        with _java_errors(self._folder):
            if error is not None:
                raise error
            self._writer.commit()

    def _join(self) -> None:
        try:
            self._writer.forceMerge(1)
        finally:
            _jvm.start().detach()

    def bm25(self, text: str, k: int) -> TopDocs:
        with _java_errors(self._folder):
            self._refresh()
            builder = self._java.QueryBuilder(analyzer(ANALYZERS[CONTENTS]))
            query = builder.createBooleanQuery(CONTENTS, clean(text))
            return self._best(self._paper, query, k)

    def search(self, wanted: EngineQuery, k: int) -> TopDocs:
        with _java_errors(self._folder):
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
        with _java_errors(self._folder):
            self._refresh()
            return int(self._reader.numDocs()) if wanted is None else self._count(wanted)

    def _count(self, wanted: EngineQuery) -> int:
        query = self._weigher.matching(wanted)
        return int(self._searcher.count(query)) if query is not None else 0

    def state(self) -> int:
        with _java_errors(self._folder):
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
        with _java_errors(self._folder):
            self._refresh()
            return {term: self._frequency(SAID, term) for term in terms}

    def _frequency(self, field: str, term: str) -> int:
        return self._frequencies[field, term]

    def _count_in_index(self, term: tuple[str, str]) -> int:
        return int(self._reader.docFreq(self._java.Term(*term)))

    def similar(self, term: str) -> list[str]:
        with _java_errors(self._folder):
            self._refresh()
            fuzzy = self._java.FuzzyQuery(self._java.Term(SAID, term), 1 if len(term) < 6 else 2)
            return _TERM.findall(fuzzy.rewrite(self._searcher).toString())

    def stored(self, doc_ids: Sequence[str]) -> list[StoredDocument]:
        with _java_errors(self._folder):
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
        if self._writer is not None:
            self._threads.shutdown()
        with _java_errors(self._folder):
            if self._writer is not None:
                self._writer.rollback()
            self._reader.close()
            self._directory.close()


def _search(searcher: Any, query: Any, limit: int) -> Any:
    """TopFieldDocs of the best by score and then id, with all that match counted."""
    java = _classes.load()
    manager = java.TopFieldCollector.createSharedManager(
        _by_score_then_id(), limit, None, _COUNT_ALL
    )
    return searcher.search(query, manager)


def _how() -> str:
    return f"{_LAYOUT} {fingerprint()}"


@cache
def _by_field() -> Any:
    """The analyzer that IndexWriter is given: for each field its own."""
    java = _classes.load()
    analyzers = {field: analyzer(name) for field, name in ANALYZERS.items()}
    by_field = java.HashMap()  # filled after: see _weighing on methods of pyjnius
    for field, one in analyzers.items():
        by_field.put(field, one)
    return java.PerFieldAnalyzerWrapper(analyzer("plain"), by_field)


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


@contextmanager
def _java_errors(folder: Path) -> Iterator[None]:
    """Hold the lock on Java, and translate what it throws."""
    jnius = _jvm.start()
    with _classes.calls:
        try:
            yield
        except jnius.JavaException as error:
            if error.classname is None:
                raise  # not Java's: a call that does not fit its declaration
            reason = str(error.innermessage or error.classname)
            if any("No space left" in line for line in (reason, *(error.stacktrace or ()))):
                raise StorageError(f"the disk is full: {folder} could not be written") from error
            raise EngineError(
                f"the text index {folder} is missing or broken ({reason}); "
                "`lexsearch reindex` rebuilds it from the captions"
            ) from error
