"""Change an index, one process at a time, so that a kill at any moment loses nothing.

The order is always: captions into the store, a note in the catalog, documents into the text
index. Whatever a killed writer left between two of these steps is caught up by the next one.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from filelock import FileLock, Timeout

from lexsearch.engines import Engine, Ranking, open_engine
from lexsearch.errors import EngineError, IndexLocked, IndexReadOnly
from lexsearch.records import Caption, CaptionerKey, Document, Progress
from lexsearch.storage.captions import BrokenShard, CaptionStore
from lexsearch.storage.catalog import Catalog
from lexsearch.storage.documents import compose
from lexsearch.text.words import name_of

_CHUNK = 1000  # documents brought up to date between two looks at the catalog
_COMMIT_EVERY = 20_000
_BULK = 5000  # from this many waiting documents on, all captions are read once, in order

ProgressCallback = Callable[[Progress], None]
log = logging.getLogger("lexsearch")


@contextmanager
def writing(
    folder: Path, ranking: Ranking, current: CaptionerKey | None = None
) -> Iterator[Writer]:
    """The only writer of the index in `folder`, with all that a killed one left caught up.

    Raises IndexLocked when another process is writing, IndexReadOnly when nobody may.
    """
    if not os.access(folder, os.W_OK):
        raise IndexReadOnly(f"{folder} may not be written to; check its permissions")
    lock = FileLock(folder / "writer.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise IndexLocked(
            f"another process is writing to {folder}; wait for it to end (searching goes on)"
        ) from error
    try:
        writer = Writer(folder, ranking, current)
        try:
            writer.catch_up()
            yield writer
        finally:
            writer.close()
    finally:
        lock.release()


class Writer:
    """What `writing` gives: the catalog, the captions and the text index, open for changes."""

    def __init__(self, folder: Path, ranking: Ranking, current: CaptionerKey | None) -> None:
        self.ranking = ranking
        self.current = current
        self.catalog = Catalog(folder / "catalog.sqlite", write=True)
        self.store = CaptionStore(folder / "captions")
        self._lucene = folder / "lucene"
        self._engine: Engine | None = None

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self.catalog.close()

    def keep(self, captions: Iterable[Caption]) -> None:
        """Store captions for good. `sync` makes them searchable."""
        rows = list(captions)
        if rows:
            shard = self.store.append(rows)
            with self.catalog.transaction():
                self.catalog.record(shard.name, rows)

    def catch_up(self) -> None:
        """Take note of shards that the catalog does not know, or that are gone."""
        self.store.finish()
        for shard, reason in self.store.unreadable():
            self._set_aside(shard, reason)
        recorded = self.catalog.shards()
        present = {shard.name: shard for shard in self.store.shards()}
        if recorded - present.keys() - self.store.replaced():
            with self.catalog.transaction():
                self.catalog.forget_captions()
            recorded = set()
        for name in present.keys() - recorded:
            with self.catalog.transaction():
                rows = self.store.read(present[name])
                self.catalog.record(name, (row for _, part in rows for row in part))
        with self.catalog.transaction():
            self.catalog.replace_shards(present)

    def _repair(self, error: BrokenShard) -> None:
        self._set_aside(error.shard, str(error.__cause__))
        self.catch_up()

    def _set_aside(self, shard: Path, reason: str) -> None:
        place = self.store.set_aside(shard)
        log.warning(
            "a captions file was damaged (%s) and is now %s; the pictures in it are captioned "
            "again by the next `lexsearch index`",
            reason,
            place,
        )

    def tidy(self) -> None:
        """Merge small captions files where many have gathered."""
        try:
            self.store.compact()
        except BrokenShard as error:
            self._repair(error)
        with self.catalog.transaction():
            self.catalog.replace_shards(shard.name for shard in self.store.shards())

    def sync(self, progress: ProgressCallback | None = None) -> None:
        """Bring the text index up to date with the captions and the catalog."""
        while True:
            try:
                return self._sync(self._open_engine(), progress)
            except BrokenShard as error:
                self._repair(error)

    def rebuild(self, progress: ProgressCallback | None = None) -> None:
        """Make the text index anew from the captions; the old one serves until it is done."""
        fresh = self._lucene.with_name("lucene.new")
        shutil.rmtree(fresh, ignore_errors=True)
        with self.catalog.transaction():
            self.catalog.mark_all_stale()
        self.close_engine()
        self._engine = open_engine(fresh, self.ranking, write=True)
        self.sync(progress)
        self.close_engine()
        shutil.rmtree(self._lucene, ignore_errors=True)
        os.replace(fresh, self._lucene)

    def close_engine(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _open_engine(self) -> Engine:
        if self._engine is None:
            if not any(self._lucene.glob("segments_*")):
                with self.catalog.transaction():
                    self.catalog.mark_all_stale()
            try:
                self._engine = open_engine(self._lucene, self.ranking, write=True)
            except EngineError as error:
                log.warning("%s: it is being rebuilt", error)
                shutil.rmtree(self._lucene, ignore_errors=True)
                with self.catalog.transaction():
                    self.catalog.mark_all_stale()
                self._engine = open_engine(self._lucene, self.ranking, write=True)
        return self._engine

    def _sync(self, engine: Engine, progress: ProgressCallback | None) -> None:
        total = self.catalog.waiting()
        waiting = enumerate(self._waiting(total > _BULK), 1)
        taken: list[str] = []
        gone: list[str] = []

        def documents() -> Iterator[Document]:
            for done, (doc_id, captions) in islice(waiting, _COMMIT_EVERY):
                taken.append(doc_id)
                if captions:
                    yield compose(doc_id, captions, self.current, self._names(doc_id))
                else:
                    gone.append(doc_id)
                if progress and (done % 100 == 0 or done == total):
                    progress(Progress("indexing words", done, total, "picture"))

        while True:
            engine.update(documents())
            engine.delete(gone)
            if not taken:
                break
            self._commit(engine, taken)
            taken.clear()
            gone.clear()
        if total > _BULK and 2 * total > engine.count():
            if progress:
                progress(Progress("joining the index", 0, 1, "part"))
            engine.compact()

    def _names(self, doc_id: str) -> list[str]:
        """The words in the paths where a picture lies, below the folders that were indexed."""
        rows = self.catalog.files_of([doc_id])[doc_id]
        paths = [os.path.relpath(row.path, os.path.dirname(row.root)) for row in rows]
        return [name_of(path) for path in paths or self.catalog.imported_paths([doc_id]).values()]

    def _waiting(self, bulk: bool) -> Iterator[tuple[str, list[Caption]]]:
        """(doc_id, captions) of the documents that wait, in order; no captions: to be removed."""
        everything = self.store.scan() if bulk else iter(())
        ahead = next(everything, None)
        last = ""
        while waiting := self.catalog.waiting_documents(_CHUNK, last):
            last = waiting[-1][0]
            few = {} if bulk else dict(self.store.scan([id_ for id_, live in waiting if live]))
            for doc_id, live in waiting:
                while ahead is not None and ahead[0] < doc_id:
                    ahead = next(everything, None)
                if live and ahead is not None and ahead[0] == doc_id:
                    yield ahead
                else:
                    yield doc_id, few.get(doc_id, []) if live else []

    def _commit(self, engine: Engine, doc_ids: list[str]) -> None:
        engine.commit()
        with self.catalog.transaction():
            self.catalog.mark_indexed(doc_ids)
