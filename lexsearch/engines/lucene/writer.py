"""Changing a Lucene index: documents go into Java by the block, on threads of their own."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from lexsearch.engines import EngineWriter, fields
from lexsearch.engines.lucene import bridge, layout, wire
from lexsearch.engines.lucene import jvm as _jvm
from lexsearch.engines.lucene.analysis import ANALYZER
from lexsearch.errors import EngineBroken, EngineOutdated
from lexsearch.records import Document
from lexsearch.sizes import size_of
from lexsearch.text.analysis import clean

_THREADS = min(4, os.cpu_count() or 1)  # that Java turns documents into an index on
_ROOM = 1.5  # times the size of an index must be free to rewrite it
_LARGE = 5000  # documents that are worth joining in one piece
_BLOCK_DOCUMENTS, _BLOCK_CHARACTERS = 256, 200_000  # handed to Java at once, at most
_COUNTED = (fields.SAID, fields.EARLY)  # as Java knows them by their numbers, from 1


class LuceneWriter(EngineWriter):
    """The only writer of a Lucene index in a folder."""

    analyzer = ANALYZER

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        self._folder = folder
        _jvm.start()
        folder.mkdir(parents=True, exist_ok=True)
        there = layout.has_index(folder)
        if anew:
            _drop_unreadable(folder)
        settings = [wire.texts([str(folder), layout.note()]), wire.number(there), wire.number(anew)]
        for field, chain in fields.CHAINS.items():
            counted = _COUNTED.index(field) + 1 if field in _COUNTED else 0
            settings += [wire.texts([field, chain]), wire.number(counted)]
        self._number = bridge.call(folder, "openWriter", b"".join(settings))
        self._threads = ThreadPoolExecutor(_THREADS, "lucene")
        self._adding: deque[tuple[Set[str], Future[None]]] = deque()

    def update(self, documents: Iterable[Document]) -> None:
        self._put(documents)

    def _put(self, documents: Iterable[Document]) -> int:
        """Add or replace documents; how many there were."""
        count = 0
        for block in _in_blocks(documents):
            count += len(block)
            while len(self._adding) > _THREADS or self._is_adding(block):
                self._finish_one()
            written = b"".join(map(_written, block.values()))
            self._adding.append((block.keys(), self._threads.submit(self._add, written)))
        return count

    def _add(self, written: bytes) -> None:
        """On a thread of its own."""
        try:
            self._call("add", written)
        finally:
            _jvm.start().detach()

    def _is_adding(self, documents: Mapping[str, Document]) -> bool:
        """Whether another text of one of the documents is on its way, which must go first."""
        return any(documents.keys() & doc_ids for doc_ids, _ in self._adding)

    def _finish_one(self) -> None:
        _, adding = self._adding[0]
        adding.exception()  # wait, also where Ctrl-C is about to end this
        self._adding.popleft()
        adding.result()

    def _finish_all(self) -> None:
        while self._adding:
            self._finish_one()

    def delete(self, doc_ids: Iterable[str]) -> None:
        self._finish_all()
        if written := wire.texts(doc_ids):
            self._call("delete", written)

    def commit(self) -> None:
        self._finish_all()
        self._call("commit")

    def replace(self, documents: Iterable[Document]) -> None:
        self._finish_all()
        self._call("deleteAll")
        if self._put(documents) > _LARGE:
            self._finish_all()
            self._join()
        self.commit()

    def compact(self) -> None:
        self._finish_all()
        self._join()
        self.commit()

    def _join(self) -> None:
        """All parts to one, where the disk has room; the index is as good without."""
        if shutil.disk_usage(self._folder).free < _ROOM * size_of(self._folder):
            return
        joining = self._threads.submit(self._merge)
        try:
            joining.exception()  # waited for here, and not in Java, so that Ctrl-C is heard
        except BaseException:
            self._call("rollback")  # gives up the work; what was committed stays
            raise
        joining.result()

    def _merge(self) -> None:
        try:
            self._call("join")
        finally:
            _jvm.start().detach()

    def close(self) -> None:
        self._threads.shutdown()
        self._call("closeWriter")

    def _call(self, name: str, *request: bytes) -> None:
        bridge.call(self._folder, name, self._number, *request)


def _written(document: Document) -> bytes:
    """A document as Java reads it. Beside the fields of every engine it has its id, and stored, not
    searched, its captions and passages. Words that are counted are counted there.
    """
    texts = fields.plain_of(document, ANALYZER) | fields.counted_of(document)
    stored = (clean(document.contents), fields.pack(document))
    return wire.texts([document.doc_id, *stored, *map(texts.__getitem__, fields.CHAINS)])


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


def _drop_unreadable(folder: Path) -> None:
    """Take away the table of parts where Lucene cannot read it: it would not write another."""
    try:
        bridge.call(folder, "check", str(folder), "")
    except (EngineBroken, EngineOutdated):
        for file in folder.glob("segments_*"):
            file.unlink()
