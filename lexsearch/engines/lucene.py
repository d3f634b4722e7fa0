"""Embedded Lucene: the classes in Pyserini's Anserini jar, called through pyjnius.

An index written here opens in Pyserini (fields `id` and `contents`), and with the "porter"
analyzer ranks as Pyserini does. Crossing into Java costs microseconds a call, so documents go
in by the block, results come back as one string for all hits, and Java classes are declared
with just the methods used (reflecting on a whole class takes milliseconds).
"""

from __future__ import annotations

import os
import re
import threading
import time
import unicodedata
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import accumulate, starmap
from pathlib import Path
from typing import Any

from lexsearch.engines import Engine, Ranking, Scored, _classes, _jvm
from lexsearch.errors import EngineError, StorageError
from lexsearch.records import Document, Keyword, Query

_ID, _CONTENTS = "id", "contents"  # the names that Anserini and Pyserini use
_RAM_BUFFER_MB = 128.0
_THREADS = min(4, os.cpu_count() or 1)  # that Java turns documents into an index on
_BLOCK_DOCUMENTS, _BLOCK_CHARACTERS = 256, 200_000  # handed to Java at once, at most
_MAX_CLAUSES = 65_536
_FEW = 100  # hits; for more it pays to keep them in Java
_TICK = 1_000_000_000  # nanoseconds: more than it takes until a further change shows
_LEXICON = Path(__file__).parent.parent / "lexicon"
_FOUND = re.compile(r"fields=\[([^,\]]+), \[([0-9a-f ]*)\]\]")
_WORD = re.compile(r"[^\W_]+(?:['\u2019.][^\W_]+)*")

_ATTRIBUTES = (
    "org.apache.lucene.analysis.tokenattributes.CharTermAttribute",
    "org.apache.lucene.analysis.tokenattributes.OffsetAttribute",
)
_ENGLISH: tuple[tuple[str, dict[str, str]], ...] = (
    ("standard.StandardTokenizerFactory", {}),
    ("core.LowerCaseFilterFactory", {}),
    ("en.EnglishPossessiveFilterFactory", {}),
    ("core.StopFilterFactory", {}),
    ("miscellaneous.ASCIIFoldingFilterFactory", {}),
    ("miscellaneous.StemmerOverrideFilterFactory", {"dictionary": "irregular.txt"}),
    ("en.KStemFilterFactory", {}),
)

_calls = threading.RLock()  # pyjnius methods are not safe to call from two threads at once


class LuceneEngine(Engine):
    """A Lucene index in a folder, open for reading or, with `write`, for changing as well."""

    def __init__(self, folder: Path, ranking: Ranking, *, write: bool = False) -> None:
        _jvm.start(lasting=write)
        with _java_errors(folder):
            java = self._java = _classes.load()
            self._folder = folder
            self._ranking = ranking
            self._analyzer = _analyzer(ranking.analyzer)
            self._similarity = java.BM25Similarity(ranking.k1, ranking.b)
            if write:
                folder.mkdir(parents=True, exist_ok=True)
            self._directory = java.FSDirectory.open(java.File(str(folder)).toPath())
            self._reader: Any = None
            self._seen: int | None = None
            java.IndexSearcher.setMaxClauseCount(_MAX_CLAUSES)
            self._writer: Any = self._open_writer() if write else None
            self._refresh()

    def _open_writer(self) -> Any:
        java = self._java
        config = java.IndexWriterConfig(self._analyzer)
        config.setSimilarity(self._similarity)
        config.setRAMBufferSizeMB(_RAM_BUFFER_MB)
        writer = _classes.of_its_own("L/index/IndexWriter")(self._directory, config)
        self._threads = ThreadPoolExecutor(_THREADS, "lucene")
        self._adding: deque[tuple[_Block, Future[None]]] = deque()
        self._spare: list[_Block] = []
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
        else:
            newer = java.DirectoryReader.openIfChanged(self._reader)
            if newer is None:
                return
            self._reader.close()
            self._reader = newer
        self._searcher = java.IndexSearcher(self._reader)
        self._searcher.setSimilarity(self._similarity)

    def update(self, documents: Iterable[Document]) -> None:
        for block in _in_blocks(documents):
            while len(self._adding) > _THREADS or self._is_adding(block):
                self._finish_one()
            with _java_errors(self._folder):
                filled = self._spare.pop() if self._spare else _Block()
                filled.fill(block)
            self._adding.append((filled, self._threads.submit(self._add, filled)))

    def _add(self, block: _Block) -> None:
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
            if terms := [self._java.Term(_ID, doc_id) for doc_id in doc_ids]:
                self._writer.deleteDocuments(terms, pass_by_reference=False)

    def commit(self) -> None:
        self._finish_all()
        with _java_errors(self._folder):
            self._writer.commit()

    def search(self, query: Query, k: int) -> list[Scored]:
        with _java_errors(self._folder):
            self._refresh()
            parsed = self._parse(query)
            limit = min(k, self._reader.numDocs())
            if parsed is None or limit <= 0:
                return []
            found = self._searcher.search(parsed, limit, _by_score_then_id())
            text = _as_text(found, limit)
        return [Scored(_from_hex(doc_id), float(score)) for score, doc_id in _FOUND.findall(text)]

    def _parse(self, query: Query) -> Any:
        """A bag of words, as Pyserini builds it, or None when no word is left to look for."""
        builder = self._java.QueryBuilder(self._analyzer)
        return builder.createBooleanQuery(_CONTENTS, _clean(query.text))

    def matched_words(self, query: Query, doc_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        wanted = set(self._terms(query.text))
        initials = {term[0] for term in wanted}
        counts = [Counter(_WORD.findall(text.lower())) for text in self._contents(doc_ids)]
        words = {word for count in counts for word in count if _initial(word) in initials}
        matching = self._matching(list(words), wanted)
        return {
            doc_id: tuple(word for word, _ in count.most_common() if word in matching)
            for doc_id, count in zip(doc_ids, counts, strict=True)
        }

    def _matching(self, words: Sequence[str], wanted: Set[str]) -> Set[str]:
        """Those of the words that become a wanted term; all are analysed in one go."""
        beyond = list(accumulate(len(word.encode("utf-16-le")) // 2 + 1 for word in words))
        with _java_errors(self._folder):
            terms = _analyze(self._ranking.analyzer, "\n".join(words))
        return {words[bisect_right(beyond, start)] for term, start in terms if term in wanted}

    def _contents(self, doc_ids: Sequence[str]) -> list[str]:
        java, contents = self._java, []
        with _java_errors(self._folder):
            self._refresh()
            stored = self._searcher.storedFields()
            for doc_id in doc_ids:
                by_id = java.TermQuery(java.Term(_ID, doc_id))
                found = self._searcher.search(by_id, 1, _by_score_then_id()).scoreDocs
                contents.append(stored.document(found[0].doc).get(_CONTENTS) if found else "")
        return contents

    def _terms(self, text: str) -> tuple[str, ...]:
        with _java_errors(self._folder):
            return analyze(self._ranking.analyzer, text)

    def count(self) -> int:
        with _java_errors(self._folder):
            self._refresh()
            return int(self._reader.numDocs())

    def close(self) -> None:
        if self._writer is not None:
            self._threads.shutdown()
        with _java_errors(self._folder):
            if self._writer is not None:
                self._writer.rollback()
            self._reader.close()
            self._directory.close()


class _Block:
    """Java documents, filled again and again, that go to the writer all at once."""

    def __init__(self) -> None:
        self._all = _classes.load().ArrayList()
        self._fields: list[tuple[Any, Any, Any]] = []
        self.doc_ids: Set[str] = frozenset()

    def fill(self, documents: Mapping[str, Document]) -> None:
        java = _classes.load()
        while len(self._fields) < len(documents):
            self._fields.append(self._grow())
        for fields, document in zip(self._fields, documents.values(), strict=False):
            id_field, id_values, contents = fields
            id_field.setStringValue(document.doc_id)
            id_values.setBytesValue(java.BytesRef(document.doc_id))
            contents.setStringValue(_clean(document.contents))
        self.doc_ids = documents.keys()
        self.terms = [java.Term(_ID, doc_id) for doc_id in documents]
        self.documents = self._all.subList(0, len(documents))

    def _grow(self) -> tuple[Any, Any, Any]:
        java = _classes.load()
        id_field = java.StringField(_ID, "", java.Store.YES)
        id_values = java.BinaryDocValuesField(_ID, java.BytesRef(""))
        contents = java.TextField(_CONTENTS, "", java.Store.YES)
        document = java.Document()
        for field in (id_field, id_values, contents):
            document.add(field)
        self._all.add(document)
        return id_field, id_values, contents


def _in_blocks(documents: Iterable[Document]) -> Iterator[dict[str, Document]]:
    """Documents by doc_id, in parts of bounded size; of one that comes twice, the later."""
    block: dict[str, Document] = {}
    characters = 0
    for document in documents:
        block[document.doc_id] = document
        characters += len(document.contents)
        if len(block) == _BLOCK_DOCUMENTS or characters > _BLOCK_CHARACTERS:
            yield block
            block, characters = {}, 0
    if block:
        yield block


def rehearse(folder: Path) -> None:
    """Index and search some documents, enough that every class needed gets loaded."""
    for analyzer in ("english", "porter"):
        engine = LuceneEngine(folder / analyzer, Ranking(analyzer), write=True)
        for start in (0, 1000):
            texts = {f"{n}": f"{'a bus ' * (n % 9)} light {n}" for n in range(start, start + 1000)}
            engine.update(starmap(Document, texts.items()))
            engine.commit()
        query = Query((Keyword("bus"), Keyword("traffic light")))
        engine.matched_words(query, [hit.doc_id for hit in engine.search(query, 10)])
        engine.delete(["1"])
        engine.commit()
        engine.close()


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


def _initial(word: str) -> str:
    """The first letter without its accent: a word and its term share it in every analyzer."""
    return unicodedata.normalize("NFKD", word)[0].lower()


def _clean(text: str) -> str:
    """Text that survives the way into Java: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


@cache
def _by_score_then_id() -> Any:
    java = _classes.load()
    by_id = java.SortField(_ID, java.Type.STRING_VAL)
    return java.Sort([java.SortField.FIELD_SCORE, by_id])


@contextmanager
def _java_errors(folder: Path) -> Iterator[None]:
    """Hold the lock on Java, and translate what it throws."""
    jnius = _jvm.start()
    with _calls:
        try:
            yield
        except jnius.JavaException as error:
            if error.classname is None:
                raise  # not Java's: a call that does not fit its declaration
            reason = str(error.innermessage or error.classname)
            if "No space left" in reason:
                raise StorageError(f"the disk is full: {folder} could not be written") from error
            raise EngineError(
                f"the text index {folder} is missing or broken ({reason}); "
                "`lexsearch reindex` rebuilds it from the captions"
            ) from error


@cache
def _analyzer(name: str) -> Any:
    java = _classes.load()
    if name == "porter":
        return java.EnglishAnalyzer()
    builder = java.CustomAnalyzer.builder(java.File(str(_LEXICON)).toPath())
    for factory, settings in _ENGLISH:
        arguments = java.HashMap()
        for key, value in settings.items():
            arguments.put(key, value)
        kind = java.find(f"org.apache.lucene.analysis.{factory}")
        if factory.endswith("TokenizerFactory"):
            builder.withTokenizer(kind, arguments)
        else:
            builder.addTokenFilter(kind, arguments)
    return builder.build()


@lru_cache(maxsize=100_000)
def analyze(analyzer: str, text: str) -> tuple[str, ...]:
    """The terms that an analyzer makes of a text, in order."""
    return tuple(term for term, _ in _analyze(analyzer, text))


def _analyze(analyzer: str, text: str) -> list[tuple[str, int]]:
    """(term, where it starts in the text, in UTF-16 units) in order."""
    java = _classes.load()
    stream = _analyzer(analyzer).tokenStream(_CONTENTS, _clean(text))
    try:
        term, offset = (
            java.cast(name, stream.addAttribute(java.find(name))) for name in _ATTRIBUTES
        )
        stream.reset()
        terms = []
        while stream.incrementToken():
            terms.append((term.toString(), offset.startOffset()))
        stream.end()
        return terms
    finally:
        stream.close()
