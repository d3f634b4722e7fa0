"""Snapshots of an index in a folder: its text index, and all that the catalog and the captions
know of its pictures.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lexsearch.engines import is_cluster
from lexsearch.engines.weights import RankingWeights
from lexsearch.errors import EngineBroken, IndexLocked, IndexReadOnly
from lexsearch.images.filesystem import exists
from lexsearch.records import LIKENESS, Document, PictureCopy
from lexsearch.searching.remote import RemoteSnapshots
from lexsearch.searching.snapshot import Snapshot, Snapshots, Sort, Text, ordered
from lexsearch.storage.albums import IS, albums_of
from lexsearch.storage.catalog import Catalog, identify
from lexsearch.storage.documents import compose, in_effect, latest
from lexsearch.storage.settings import (
    Settings,
    catalog_file,
    index_folder,
    is_index,
    lexicon_file,
    read_settings,
)
from lexsearch.storage.status import PictureInfo, Status, status_of
from lexsearch.text.lexicon import Lexicon

if TYPE_CHECKING:
    from lexsearch.storage.captions import CaptionStore
    from lexsearch.storage.progress_file import Running

_MANY = 1000  # documents for which all dates are looked up, and remembered
log = logging.getLogger("lexsearch")


def snapshots_of(
    path: str | os.PathLike[str], weights: RankingWeights, *, create: bool
) -> Snapshots:
    """Those of the index in a folder, or of one on a cluster at an address alone. create: see
    FolderSnapshots.
    """
    if is_cluster(path):
        return RemoteSnapshots(os.fspath(path), weights)
    return FolderSnapshots(index_folder(path), weights, create=create)


class FolderSnapshots(Snapshots):
    """Takes snapshots of the index in a folder. Raises IndexNotFound for one that is gone."""

    def __init__(self, folder: Path, weights: RankingWeights, *, create: bool = False) -> None:
        """folder: absolute. create: it may still have to be made, by the first change.

        Raises IndexNotFound when it is missing and may not be made, or is a folder of something
        else.
        """
        super().__init__(str(folder), weights)
        if is_index(folder) or not create:
            read_settings(folder)
        self._folder = folder
        self._create = create
        self._lock = threading.Lock()
        self._idle: list[Catalog] = []  # a question has one to itself
        self._watch: Catalog | None = None  # sees at any time whether the catalog has changed
        self._watches = 0

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def settings(self) -> Settings:
        if self._create and not is_index(self._folder):
            return Settings()
        return read_settings(self._folder)

    @contextmanager
    def now(self) -> Iterator[FolderSnapshot]:
        settings = read_settings(self._folder)
        catalog = self._take()
        try:
            version = self.version()
            with catalog.moment():
                yield FolderSnapshot(self, settings, catalog, version)
        finally:
            self._give_back(catalog)

    def version(self) -> tuple[int, int]:
        """Another one whenever the catalog has changed, or another lies in its place."""
        with self._lock:
            return (self._watches, self._watch.version() if self._watch else 0)

    def _take(self) -> Catalog:
        with self._lock:
            if self._watch is None or not self._watch.is_in_place():
                self._close_catalogs()
                self._drop_text()  # of the folder that lay there before
                self._watch = _open_catalog(self._folder)
                self._watches += 1
            return self._idle.pop() if self._idle else Catalog(catalog_file(self._folder))

    def _give_back(self, catalog: Catalog) -> None:
        with self._lock:
            if self._watch is not None and catalog.is_in_place():
                self._idle.append(catalog)
            else:
                catalog.close()

    def close(self) -> None:
        super().close()
        with self._lock:
            self._close_catalogs()

    def _close_catalogs(self) -> None:
        for catalog in (*self._idle, *filter(None, [self._watch])):
            catalog.close()
        self._idle, self._watch = [], None


class FolderSnapshot(Snapshot):
    """Settings, catalog and text index of one moment. Captions that were corrected since are read
    as they are now: nothing that was stored is ever changed.
    """

    def __init__(
        self,
        snapshots: FolderSnapshots,
        settings: Settings,
        catalog: Catalog,
        version: Hashable,
    ) -> None:
        """version: of the catalog, as `snapshots` tells it."""
        super().__init__(snapshots, settings)
        self.folder = snapshots.folder
        self.catalog = catalog
        self._snapshots = snapshots
        self._version = version

    @cached_property
    def store(self) -> CaptionStore:
        """The captions; opened where they are read, since that loads Arrow."""
        from lexsearch.storage.captions import CaptionStore

        return CaptionStore(self.folder / "captions")

    def state(self) -> Hashable:
        return (self._version, self._text and self._text.number)

    def _open_text(self) -> Text | None:
        if not self._snapshots.has_text() and not any((self.folder / "captions").glob("*.parquet")):
            return None
        try:
            return self._text_now()
        except EngineBroken:
            if self.catalog.has_indexed():
                raise
            return None  # a writer has stored the first captions, and is about to index them

    def _text_now(self) -> Text:
        address = self.settings.text_index(self.folder)
        return self._snapshots.text(self.settings, address, lexicon_file(self.folder))

    def _is_now(self) -> bool:
        return self._snapshots.version() == self._version

    def _lexicon(self) -> Lexicon:
        return self._text_now().lexicon

    # Documents

    def documents(self) -> list[str]:
        return self.catalog.listed()

    def is_listed(self, doc_id: str) -> bool:
        return self.catalog.is_listed(doc_id)

    def folders(self) -> dict[str, int]:
        return self.catalog.folders()

    def albums(self) -> dict[str, int]:
        return albums_of(self.catalog)

    def favourites(self, doc_ids: Sequence[str]) -> set[str]:
        return set(self.catalog.facts_of(doc_ids, IS))

    def duplicates(self) -> list[tuple[PictureCopy, ...]]:
        from lexsearch.images.copies import copies

        places: dict[str, list[str]] = {}
        for row in self.catalog.files():
            places.setdefault(row.doc_id, []).append(row.path)
        return copies(places, self.store.texts(LIKENESS))

    def browse(
        self, k: int = 10, *, skip: int = 0, sort: Sort = "relevance"
    ) -> tuple[list[str], int]:
        total = self.catalog.pictures()
        if ordered(sort) == "relevance":
            return self.catalog.newest(k, skip), total
        key = ("browse", self._version, sort)
        every = self._once(key, lambda: self.in_order(self.catalog.having_files(), sort))
        return every[skip : skip + k], total

    def dates(self, doc_ids: Sequence[str]) -> dict[str, str]:
        if len(doc_ids) <= _MANY:
            return self.catalog.dates(doc_ids)
        known = self._once(("dates", self._version), self.catalog.all_dates)
        return {doc_id: known[doc_id] for doc_id in doc_ids if doc_id in known}

    def first_paths(self, doc_ids: Sequence[str]) -> dict[str, str]:
        return self.catalog.first_paths(doc_ids)

    def months(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for date, count in reversed(self.catalog.facts("date").items()):
            counts[date[:7]] = counts.get(date[:7], 0) + count
        return counts

    def counted(self, field: str) -> dict[str, int]:
        return self.catalog.facts(field)

    def status(self) -> Status:
        return status_of(self.folder, self.settings, self.catalog, self.searchable())

    def running(self) -> Running | None:
        from lexsearch.storage.progress_file import running

        return running(self.folder)

    def identify(self, name: str | os.PathLike[str]) -> str | None:
        return identify(self.catalog, name)

    def paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        places = self.catalog.files_of(doc_ids)
        imported = self.catalog.imported_paths([one for one in doc_ids if not places[one]])
        return {
            doc_id: _living_first(row.path for row in rows)
            or ((imported[doc_id],) if doc_id in imported else ())
            for doc_id, rows in places.items()
        }

    def relative_paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        below = {
            doc_id: tuple(os.path.relpath(row.path, row.root) for row in rows)
            for doc_id, rows in self.catalog.files_of(doc_ids).items()
        }
        return {doc_id: below[doc_id] or paths for doc_id, paths in self.paths(doc_ids).items()}

    def named(self, name: str) -> list[str]:
        try:
            rows = [self.catalog.file(os.path.join(root, name)) for root in self.catalog.roots()]
        except UnicodeEncodeError:  # half a character
            return []
        there = [row for row in rows if row and os.path.relpath(row.path, row.root) == name]
        doc_ids = dict.fromkeys(row.doc_id for row in there)
        return [doc_id for doc_id in doc_ids if self.catalog.is_listed(doc_id)]

    def describe(self, name: str | os.PathLike[str]) -> PictureInfo:
        doc_id = self.find(name)
        captions = [row for _, rows in self.store.scan([doc_id]) for row in rows]
        effective = in_effect(captions, self.settings.captioner)
        return PictureInfo(doc_id, self.paths([doc_id])[doc_id], tuple(effective))

    def contents(self) -> Iterator[Document]:
        listed = set(self.catalog.listed())
        for doc_id, captions in self.store.scan() if listed else ():
            if doc_id in listed:
                yield compose(doc_id, captions, self.settings.captioner, lexicon=self._lexicon)

    def export_captions(self) -> Iterator[str]:
        from lexsearch.storage.transfer import to_json  # loads Arrow, which a search does not need

        for doc_id, captions in self.store.scan():
            if not self.catalog.is_listed(doc_id):
                continue
            path = next(iter(self.paths([doc_id])[doc_id]), None)
            for caption in latest(captions).values():
                if caption.text is not None and caption.field != LIKENESS:
                    yield to_json(caption, path)


def _open_catalog(folder: Path) -> Catalog:
    """The catalog to read. One that is missing, or of an earlier lexsearch, a writer makes first,
    where this process may be one.
    """
    file = catalog_file(folder)
    missing = not file.exists()
    if missing or Catalog.is_outdated(file):
        from lexsearch.storage.writer import writing

        try:
            with writing(folder) as writer:
                if missing:
                    writer.sync()
        except (IndexLocked, IndexReadOnly):
            if not file.exists():
                raise
    catalog = Catalog(file)
    if missing and catalog.shards():
        log.warning(
            "%s was missing; run `lexsearch index` on your folders again (no picture is captioned "
            "twice)",
            file,
        )
    return catalog


def _living_first(paths: Iterable[str]) -> tuple[str, ...]:
    """Places that are there before those that are not: a folder may have moved, or be away."""
    places = tuple(paths)
    return places if len(places) < 2 else tuple(sorted(places, key=exists, reverse=True))
