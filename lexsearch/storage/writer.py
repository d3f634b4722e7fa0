"""Change an index, one process at a time, so that a kill at any moment loses nothing.

The order is always: captions into the store, a note in the catalog, documents into the text
index. Whatever a killed writer left between two of these steps is caught up by the next one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

from lexsearch.engines import EngineWriter, has_index, open_writer
from lexsearch.errors import (
    EngineBroken,
    EngineOutdated,
    IndexLocked,
    IndexReadOnly,
    LexsearchError,
)
from lexsearch.images import filesystem
from lexsearch.images.formats import kinds_of
from lexsearch.records import Caption, Document, Passage, Progress, ProgressCallback
from lexsearch.storage.captions import CaptionStore, DamagedShard
from lexsearch.storage.catalog import Catalog, identify
from lexsearch.storage.documents import compose
from lexsearch.storage.progress_file import forget_progress, writer_lock
from lexsearch.storage.settings import (
    Settings,
    catalog_file,
    engine_address,
    is_index,
    lexicon_file,
    make_index,
    new_id,
    read_settings,
    write_settings,
)
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.words import EXACT, names_of

_CHUNK = 1000  # documents brought up to date between two looks at the catalog
_COMMIT_EVERY = 20_000
_PATIENCE = 0.5  # seconds; whoever looks whether somebody writes holds the lock for a moment
_BULK = 5000  # from this many waiting documents on, all captions are read once, in order

_COUNTED = (*EXACT, "camera")  # fields that documents are counted and sorted by
Taken = dict[str, list[tuple[str, str]]]
log = logging.getLogger("lexsearch")


@contextmanager
def writing(folder: Path, *, create: bool = False) -> Iterator[Writer]:
    """The only writer of the index in `folder`, with all that a killed one left caught up.

    create: make one that is missing; else IndexNotFound is raised.
    Raises IndexLocked when another process is writing, IndexReadOnly when nobody may.
    """
    if create and not is_index(folder):
        make_index(folder)
    read_settings(folder)
    if not os.access(folder, os.W_OK):
        raise IndexReadOnly(f"{folder} may not be written to; check its permissions")
    lock = writer_lock(folder)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout as error:
        raise IndexLocked(
            f"another process is writing to {folder}; wait for it to end (searching goes on)"
        ) from error
    try:
        forget_progress(folder)
        writer = Writer(folder)
        try:
            writer.catch_up()
            yield writer
        finally:
            writer.close()
    finally:
        lock.release()


class Writer:
    """What `writing` gives: the catalog, the captions and the text index, open for changes.

    settings: as they are on disk since the lock is held; `change_settings` writes others.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = read_settings(folder)
        self.catalog = Catalog(catalog_file(folder), write=True)
        self.store = CaptionStore(folder / "captions")
        self._engine: EngineWriter | None = None
        self._known: Lexicon | None = None

    def change_settings(self, settings: Settings) -> None:
        """Keep other settings. Where another captioner's words count, all documents change."""
        if settings.captioner != self.settings.captioner:
            with self.catalog.transaction():
                self.catalog.mark_all_stale()
        write_settings(self.folder, settings)
        self.settings = settings

    def move_text_index(self, engine: str, progress: ProgressCallback | None = None) -> bool:
        """Make the text index anew at another address, and use that one from then on; who searches
        finds the old one until all is there. Returns whether it was not there already.

        engine: an address, or "embedded". Raises LexsearchError for what is neither, and
        EngineUnavailable, before anything was changed.
        """
        address = engine_address(engine)
        if address == self.settings.engine:
            return False
        moved = replace(self.settings, engine=address, id=self.settings.id or new_id())
        has_index(moved.text_index(self.folder))  # raises when nobody answers there
        self.settings = moved
        self.rebuild(progress)
        return True

    def reindex(
        self,
        k1: float | None,
        b: float | None,
        engine: str | None,
        progress: ProgressCallback | None = None,
    ) -> None:
        """Make the text index anew, with other parameters or at another address where they are
        given.
        """
        given = {name: value for name, value in (("k1", k1), ("b", b)) if value is not None}
        ranking = replace(self.settings.ranking, **given)
        self.change_settings(replace(self.settings, ranking=ranking))
        if engine is None or not self.move_text_index(engine, progress):
            self.rebuild(progress)

    def remove(self, names: Iterable[str | os.PathLike[str]]) -> int:
        """Take files, folders or imported documents (by doc_id) out of the results; their captions
        stay. Returns how many were taken out.
        """
        removed = 0
        with self.catalog.transaction():
            for name in names:
                path = filesystem.absolute(name)
                rows = list(self.catalog.files_under(path))
                if rows:
                    self.catalog.remove(path)
                for row in rows:
                    self.catalog.drop_file(row.path)
                removed += len(rows) or self.catalog.exclude(str(name))
                self.catalog.drop_failures(path)
        self.sync()
        return removed

    def close(self) -> None:
        self._close_engine()
        self.catalog.close()

    def find(self, name: str | os.PathLike[str]) -> str:
        """The doc_id of a picture by its path, its doc_id or its content; LexsearchError when it is
        not in the index.
        """
        doc_id = identify(self.catalog, name)
        if doc_id is None:
            raise LexsearchError(f"{os.fspath(name)} is not in the index {self.folder}")
        return doc_id

    def keep(self, captions: Iterable[Caption]) -> None:
        """Store captions for good. `sync` makes them searchable."""
        rows = sorted(captions, key=attrgetter("doc_id"))
        if rows:
            shard = self.store.append(rows)
            with self.catalog.transaction():
                self.catalog.record(shard.name, rows)

    def catch_up(self) -> None:
        """Take note of shards that the catalog does not know, or that are gone."""
        self.store.finish()
        for error in self.store.damaged():
            self._set_aside(error)
        recorded = self.catalog.shards()
        present = {shard.name: shard for shard in self.store.shards()}
        if recorded - present.keys() - self.store.replaced():
            with self.catalog.transaction():
                self.catalog.forget_captions()
            recorded = set()
        for name in present.keys() - recorded:
            rows = self.store.read(present[name])
            try:
                with self.catalog.transaction():
                    self.catalog.record(name, (row for _, part in rows for row in part))
            except DamagedShard as error:
                return self._repair(error)
        with self.catalog.transaction():
            self.catalog.replace_shards(present)

    def _repair(self, error: DamagedShard) -> None:
        self._set_aside(error)
        self.catch_up()

    def _set_aside(self, error: DamagedShard) -> None:
        place = self.store.set_aside(error.shard)
        log.warning(
            "a captions file was damaged (%s) and is now %s; the pictures in it are captioned "
            "again by the next `lexsearch index`",
            error.__cause__,
            place,
        )

    def tidy(self) -> None:
        """Merge small captions files where many have gathered."""
        try:
            self.store.compact()
        except DamagedShard as error:
            self._repair(error)
        with self.catalog.transaction():
            self.catalog.replace_shards(shard.name for shard in self.store.shards())

    def join_imported(self) -> None:
        """Captions that were imported with the path of a picture become the picture's own, so
        that one file is one hit. What was imported stays stored, and leaves the results.
        """
        pictures = dict(self.catalog.imported_twins())
        for doc_id, captions in self.store.scan(pictures) if pictures else ():
            self.keep(caption._replace(doc_id=pictures[doc_id]) for caption in captions)
            with self.catalog.transaction():
                self.catalog.exclude(doc_id)

    def sync(self, progress: ProgressCallback | None = None) -> None:
        """Bring the text index up to date with the captions and the catalog; one that is broken,
        or made by another version, is made anew.
        """
        self.join_imported()
        while True:
            try:
                return self._sync(self._open_engine(), progress)
            except DamagedShard as error:
                self._repair(error)
            except (EngineBroken, EngineOutdated) as error:
                log.warning("%s: that is being done", error)
                return self.rebuild(progress)

    def rebuild(self, progress: ProgressCallback | None = None) -> None:
        """Make the text index anew from the captions; the old one serves until it is done."""
        self.join_imported()
        while True:
            self._close_engine()
            address = self.settings.text_index(self.folder)
            engine = self._engine = open_writer(address, anew=True, owner=self.settings.id)
            with self.catalog.transaction():
                self.catalog.mark_all_stale()
            taken: Taken = {}
            documents = self._documents(taken, [], progress)
            try:
                engine.replace(documents)
            except DamagedShard as error:
                self._repair(error)
            else:
                write_settings(self.folder, self.settings)  # where it lies now
                with self.catalog.transaction():
                    self.catalog.mark_indexed(taken)
                return

    def _close_engine(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = self._known = None

    def _open_engine(self) -> EngineWriter:
        if self._engine is None:
            address = self.settings.text_index(self.folder)
            if not has_index(address):
                with self.catalog.transaction():
                    self.catalog.mark_all_stale()
            self._engine = open_writer(address, owner=self.settings.id)
        return self._engine

    def _sync(self, engine: EngineWriter, progress: ProgressCallback | None) -> None:
        total = self.catalog.waiting()
        taken: Taken = {}
        gone: list[str] = []
        documents = self._documents(taken, gone, progress)
        while True:
            engine.update(islice(documents, _COMMIT_EVERY))
            engine.delete(gone)
            if not taken:
                break
            engine.commit()
            with self.catalog.transaction():
                self.catalog.mark_indexed(taken)
            taken.clear()
            gone.clear()
        if total > _BULK and 2 * total > self.catalog.pictures() + self.catalog.imported():
            if progress:
                progress(Progress("joining the index", 0, 1, "part"))
            engine.compact()

    def _documents(
        self, taken: Taken, gone: list[str], progress: ProgressCallback | None
    ) -> Iterator[Document]:
        """The documents that wait. Notes all in `taken`, with what they are counted and sorted by,
        and the ids of those to be removed in `gone`.
        """
        total = self.catalog.waiting()
        for done, (doc_id, captions, place) in enumerate(self._waiting(total > _BULK), 1):
            taken[doc_id] = []
            if progress and (done % 100 == 0 or done == total):
                progress(Progress("indexing words", done, total, "picture"))
            if captions:
                current = self.settings.captioner
                made = compose(doc_id, captions, current, place.names, lexicon=self._lexicon)
                kinds = (Passage(kind, "kind") for kind in kinds_of(place.paths, made.size))
                made = made._replace(passages=(*made.passages, *kinds))
                counted = (one for one in made.passages if one.field in _COUNTED)
                taken[doc_id] = [(one.field, one.text) for one in counted]
                # The catalog knows paths, where it is at hand.
                yield made._replace(paths=place.paths) if self.settings.engine else made
            else:
                gone.append(doc_id)

    def _lexicon(self) -> Lexicon:
        if self._known is None:
            own = lexicon_file(self.folder)
            self._known = Lexicon(self._open_engine().analyzer.terms, own)
        return self._known

    def _places(self, doc_ids: Sequence[str]) -> dict[str, _Place]:
        """Where pictures lie, or the path that came with them."""
        files = self.catalog.files_of(doc_ids)
        imported = self.catalog.imported_paths([one for one in doc_ids if not files[one]])
        places = {}
        for doc_id, rows in files.items():
            paths = tuple(row.path for row in rows)
            below = [os.path.relpath(row.path, os.path.dirname(row.root)) for row in rows]
            if doc_id in imported:
                paths = (imported[doc_id],)
                below = [*paths]
            places[doc_id] = _Place([name for path in below for name in names_of(path)], paths)
        return places

    def _waiting(self, bulk: bool) -> Iterator[tuple[str, list[Caption], _Place]]:
        """(doc_id, captions, place) of the documents that wait, in order; no captions: to be
        removed.
        """
        everything = self.store.scan() if bulk else iter(())
        ahead = next(everything, None)
        last = ""
        while waiting := self.catalog.waiting_documents(_CHUNK, last):
            last = waiting[-1][0]
            living = [doc_id for doc_id, live in waiting if live]
            few = {} if bulk else dict(self.store.scan(living))
            places = self._places(living)
            for doc_id, _ in waiting:
                while ahead is not None and ahead[0] < doc_id:
                    ahead = next(everything, None)
                captions: list[Caption] = []
                if doc_id in places:
                    captions = few.get(doc_id, [])
                    if ahead is not None and ahead[0] == doc_id:
                        captions = ahead[1]
                yield doc_id, captions, places.get(doc_id, _NOWHERE)


class _Place(NamedTuple):
    """Where a picture lies. names: the words in its paths, below the folders that were indexed."""

    names: Sequence[str] = ()
    paths: tuple[str, ...] = ()


_NOWHERE = _Place()
