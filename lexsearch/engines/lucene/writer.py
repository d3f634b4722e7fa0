"""Changing a Lucene index: documents go in by the block, on threads of their own."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from lexsearch.engines import EngineWriter
from lexsearch.engines.fields import CHAINS
from lexsearch.engines.lucene import classes as _classes
from lexsearch.engines.lucene import jvm as _jvm
from lexsearch.engines.lucene.analysis import ANALYZER, analyzer
from lexsearch.engines.lucene.blocks import ID, Block, in_blocks
from lexsearch.engines.lucene.faults import java_errors
from lexsearch.engines.lucene.layout import MADE, check_layout, has_index, layout
from lexsearch.errors import EngineBroken, EngineOutdated
from lexsearch.records import Document
from lexsearch.sizes import size_of

_RAM_BUFFER_MB = 128.0
_THREADS = min(4, os.cpu_count() or 1)  # that Java turns documents into an index on
_ROOM = 1.5  # times the size of an index must be free to rewrite it
_LARGE = 5000  # documents that are worth joining in one piece


class LuceneWriter(EngineWriter):
    """The only writer of a Lucene index in a folder."""

    analyzer = ANALYZER

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        _jvm.start()
        self._folder = folder
        with java_errors(folder):
            java = self._java = _classes.load()
            folder.mkdir(parents=True, exist_ok=True)
            self._directory = java.FSDirectory.open(java.File(str(folder)).toPath())
            config = java.IndexWriterConfig(_by_field())
            config.setRAMBufferSizeMB(_RAM_BUFFER_MB)
            is_new = not has_index(folder)
            if anew:
                _drop_unreadable(self._directory, folder)
                config.setOpenMode(java.OpenMode.CREATE)
            elif not is_new:
                check_layout(self._directory, folder)  # before this version's mark is put on it
            self._writer = _classes.of_its_own("L/index/IndexWriter")(self._directory, config)
            note = java.HashMap()
            note.put(MADE, layout())
            self._writer.setLiveCommitData(note.entrySet())
            if is_new:
                self._writer.commit()  # a new index can be searched at once
        self._threads = ThreadPoolExecutor(_THREADS, "lucene")
        self._adding: deque[tuple[Block, Future[None]]] = deque()
        self._spare: list[Block] = []

    def update(self, documents: Iterable[Document]) -> None:
        self._put(documents)

    def _put(self, documents: Iterable[Document]) -> int:
        """Add or replace documents; how many there were."""
        count = 0
        for block in in_blocks(documents):
            count += len(block)
            while len(self._adding) > _THREADS or self._is_adding(block):
                self._finish_one()
            with java_errors(self._folder):
                filled = self._spare.pop() if self._spare else Block()
                filled.fill(block)
            self._adding.append((filled, self._threads.submit(self._add, filled)))
        return count

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
            with java_errors(self._folder):
                raise error

    def _finish_all(self) -> None:
        while self._adding:
            self._finish_one()

    def delete(self, doc_ids: Iterable[str]) -> None:
        self._finish_all()
        with java_errors(self._folder):
            if terms := [self._java.Term(ID, doc_id) for doc_id in doc_ids]:
                self._writer.deleteDocuments(terms, pass_by_reference=False)

    def commit(self) -> None:
        self._finish_all()
        with java_errors(self._folder):
            self._writer.commit()

    def replace(self, documents: Iterable[Document]) -> None:
        self._finish_all()
        with java_errors(self._folder):
            self._writer.deleteAll()  # what readers have open stays until the commit, and after
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
            error = joining.exception()  # waited for here, and not in Java, so that Ctrl-C is heard
        except BaseException:
            self._writer.rollback()  # gives up the work; what was committed stays
            raise
        if error is not None:
            with java_errors(self._folder):
                raise error

    def _merge(self) -> None:
        try:
            self._writer.forceMerge(1)
        finally:
            _jvm.start().detach()

    def close(self) -> None:
        self._threads.shutdown()
        with java_errors(self._folder):
            self._writer.rollback()
            self._directory.close()


def _drop_unreadable(directory: Any, folder: Path) -> None:
    """Take away the table of parts where Lucene cannot read it: it would not write another."""
    try:
        with java_errors(folder):
            _classes.load().SegmentInfos.readLatestCommit(directory)
    except (EngineBroken, EngineOutdated):
        for file in folder.glob("segments_*"):
            file.unlink()


@cache
def _by_field() -> Any:
    """The analyzer that IndexWriter is given: for each field its own."""
    java = _classes.load()
    analyzers = {field: analyzer(name) for field, name in CHAINS.items()}
    by_field = java.HashMap()  # filled after: see `render` on methods of pyjnius
    for field, one in analyzers.items():
        by_field.put(field, one)
    return java.PerFieldAnalyzerWrapper(analyzer("plain"), by_field)
