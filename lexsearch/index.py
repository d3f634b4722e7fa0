"""An index: a folder that holds captions, a catalog of files and a text index.

    <index>/index.json     how it ranks, and the captioner last used
    <index>/captions/      Parquet shards: the asset (see lexsearch.storage.captions)
    <index>/catalog.sqlite which files lie where (see lexsearch.storage.catalog)
    <index>/lucene/        the text index, made from the captions and made anew whenever it breaks

Captions are written first, then the catalog, then the text index; each step can be done again
from the one before, so that a process may be killed between any two of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexsearch.engines.weights import WEIGHTS, RankingWeights
from lexsearch.errors import IndexLocked, IndexReadOnly
from lexsearch.images import filesystem
from lexsearch.records import PictureCopy, ProgressCallback, Query, unheard
from lexsearch.searching.doors import asks, changes, tells
from lexsearch.searching.folder import snapshots_of
from lexsearch.searching.sessions import Session
from lexsearch.searching.snapshot import Snapshot
from lexsearch.storage import albums as gathering
from lexsearch.storage import corrections
from lexsearch.storage.settings import Settings

if TYPE_CHECKING:
    from lexsearch.captioners import Captioner, CaptionerSpec
    from lexsearch.indexing.enriching import Enriched
    from lexsearch.indexing.jobs import Runner
    from lexsearch.indexing.scan import Report
    from lexsearch.language import LanguageModel
    from lexsearch.language.remembered import Remembered
    from lexsearch.storage.merging import Merged
    from lexsearch.storage.transfer import Imported
    from lexsearch.storage.writer import Writer


def _absolute(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    return list(map(filesystem.absolute, paths))


class Index(AbstractContextManager["Index"]):
    """Pictures that can be searched by words. Open one with `lexsearch.open`.

    Like a dictionary by doc_id: `len(index)` pictures can be found, iteration gives their doc_ids,
    `name in index` and `index.get(name)` take a path or a doc_id.

    Searching never waits, neither for a process that writes nor for another search, and sees the
    index of one moment; of several writers one works and the others raise IndexLocked. Methods may
    be called from several threads.

    name: its folder, or the address that it was opened by.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        create: bool = True,
        weights: RankingWeights = WEIGHTS,
    ) -> None:
        """Open the index folder at `path`. A missing one is made by the first change, unless
        `create` is false; to search one that is missing raises IndexNotFound.

        path: or the address of a text index on a cluster, "opensearch+https://HOST:PORT/NAME", to
            search it where its folder is not at hand; to change it raises IndexReadOnly.
        weights: of the ranking, to measure other ones.
        Raises IndexNotFound when it is missing and `create` is false, or is a folder of something
        else.
        """
        self._create = create
        self._snapshots = snapshots_of(path, weights, create=create)
        self.name = self._snapshots.name

    @property
    def path(self) -> Path:
        """The index's folder. Raises IndexReadOnly where it was opened by an address alone."""
        return self._snapshots.folder

    @property
    def settings(self) -> Settings:
        """As they are now, whoever changed them; of an index to be made, the usual ones."""
        return self._snapshots.settings

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close files; the index may still be used, and opens them again."""
        self._snapshots.close()

    def __repr__(self) -> str:
        return f"<lexsearch.Index {self.name!r}>"

    def __len__(self) -> int:
        return len(self.documents())

    def __bool__(self) -> bool:
        """An index is one, however empty."""
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.documents())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str | os.PathLike) and self.get(name) is not None

    # Searching

    search = asks(Snapshot.search)
    compose = asks(Snapshot.compose)
    rank = asks(Snapshot.rank)
    total = asks(Snapshot.total)
    explain = asks(Snapshot.explain)
    suggest = asks(Snapshot.suggest)
    words = asks(Snapshot.words)
    vocabulary = asks(Snapshot.vocabulary)
    state = asks(Snapshot.state)

    def session(self, query: str | Query) -> Session:
        """A search that goes on in rounds: keywords are added, dropped, taken back."""
        return Session(self, query)

    # Documents

    get = asks(Snapshot.get)
    describe = asks(Snapshot.describe)
    documents = asks(Snapshot.documents)
    places = asks(Snapshot.places)
    relative_paths = asks(Snapshot.relative_paths)
    named = asks(Snapshot.named)
    folders = asks(Snapshot.folders)
    albums = asks(Snapshot.albums)
    favourites = asks(Snapshot.favourites)
    browse = asks(Snapshot.browse)
    months = asks(Snapshot.months)
    cameras = asks(Snapshot.cameras)
    kinds = asks(Snapshot.kinds)
    status = asks(Snapshot.status)
    running = asks(Snapshot.running)
    contents = tells(Snapshot.contents)
    export_captions = tells(Snapshot.export_captions)

    def duplicates(
        self, *, look: bool = True, progress: ProgressCallback = unheard
    ) -> list[tuple[PictureCopy, ...]]:
        """Groups of files that show the same picture: the same bytes at several places, or copies
        that were made smaller, compressed anew or a little changed. The first of each is the
        largest.

        look: open the pictures first that were described before likenesses were kept, each once;
            not where another process writes, or nobody may.
        """
        if look:
            from lexsearch.indexing.comparing import keep_likenesses

            with suppress(IndexLocked, IndexReadOnly), self._writing() as writer:
                keep_likenesses(writer, progress)
        return self._snapshots.ask(lambda now: now.duplicates())

    # Changing

    def _writing(self) -> AbstractContextManager[Writer]:
        from lexsearch.storage.writer import writing

        return writing(self.path, create=self._create)

    def add(
        self,
        *paths: str | os.PathLike[str],
        captioner: str | CaptionerSpec | Captioner = "auto",
        crops: str = "fixed",
        max_pixels: int | None = None,
        again: bool = False,
        limit: int | None = None,
        runner: Runner | None = None,
        exclude: Sequence[str] = (),
        include_removed: bool = False,
        engine: str | None = None,
        shard: tuple[int, int] = (1, 1),
        only: Sequence[str | os.PathLike[str]] | None = None,
        progress: ProgressCallback = unheard,
    ) -> Report:
        """Bring the index up to date with picture files and folders.

        New pictures are described, the whole of each first and the patches after, and can be
        found seconds after they are. Pictures that only moved are not described again; those that
        are gone leave the results. Stopping it at any moment loses at most some seconds' work.
        Where a captioner fails, a picture keeps the captions that it has.

        captioner: a name (see `lexsearch.captioners.open_captioner`), a spec or a Captioner.
        crops: "fixed" (17 patches), "overlapped" (40) or "none" (only whole pictures).
        max_pixels: pictures with more pixels are refused.
        again: describe the pictures at `paths` anew, also those that the captioner refused; each
            old caption counts until its new one is there.
        limit: describe at most so many pictures; the next run goes on with the others.
        runner: what runs the captioner; None: threads of this process. Another one opens the
            captioner itself, which therefore must be a name or a spec.
        exclude: patterns as in `.gitignore` of what to leave out, from now on; "!PATTERN" takes
            one in again.
        include_removed: index what was removed, too; else only by its own path.
        engine: where the text index is from now on, see `reindex`.
        shard: (3, 16) takes the third of 16 parts of the pictures, dealt by doc_id; see `merge`.
        only: files and folders, at or below `paths`, of which it is known that nothing else has
            changed: the rest is not looked at. What was removed stays removed.
        progress: told how far it is, many times. `lexsearch.indexing.adding.Enough`, raised by it
            while pictures are described, ends the run as if all were done.
        Returns counts, the files that failed and the pictures that could not be described, with
        the reasons.
        """
        from lexsearch.indexing.adding import Order, add

        how = (crops, max_pixels, again, limit, runner, exclude, include_removed, engine, shard)
        order = Order(_absolute(paths), *how, None if only is None else _absolute(only))
        return add(self.path, order, captioner, progress, create=self._create)

    def watch(
        self,
        *paths: str | os.PathLike[str],
        captioner: str | CaptionerSpec | Captioner = "auto",
        stop: threading.Event | None = None,
        progress: ProgressCallback = unheard,
        **options: Any,
    ) -> Iterator[Report]:
        """Bring the index up to date with folders, and then again whenever something in them has
        changed: a report each time, as `add` gives it, seconds after the change.

        A long run ends for what is new, and goes on after. A folder that is not there keeps its
        pictures until it is there again. Another process that writes is waited for.

        stop: ends it when it is set, by another thread; at once while pictures are described.
        options: the others of `add`; `again` and `include_removed` for the first run alone.
        """
        from lexsearch.indexing.adding import Order
        from lexsearch.indexing.watching import follow

        order = Order(_absolute(paths), **options)
        return follow(self.path, order, captioner, stop, progress, create=self._create)

    def remove(self, *names: str | os.PathLike[str]) -> int:
        """Take files, folders or imported documents (by doc_id) out of the results; the
        captions stay, so that adding them again costs nothing. A file or folder stays out until it
        is added by its own path. Returns how many were taken out.
        """
        with self._writing() as writer:
            return writer.remove(names)

    def reindex(
        self,
        *,
        k1: float | None = None,
        b: float | None = None,
        engine: str | None = None,
        progress: ProgressCallback = unheard,
    ) -> int:
        """Make the text index anew from the captions.

        k1, b: BM25's parameters in `paper` mode from now on.
        engine: where the text index is from now on: "opensearch+https://HOST:PORT/NAME", an index
            on a cluster; "embedded", in this index's folder.
        Returns how many pictures can be found.
        """
        with self._writing() as writer:
            writer.reindex(k1, b, engine, progress)
        return self.status().searchable

    def merge(
        self, *folders: str | os.PathLike[str], progress: ProgressCallback = unheard
    ) -> Merged:
        """Take what other indexes hold, such as those of shards of a large collection: captions,
        files, failures. They stay as they are, and may be merged again when they have grown.
        """
        from lexsearch.storage.merging import merge

        return merge(self.path, folders, progress, create=self._create)

    # Captions, favourites and albums

    def import_captions(
        self, lines: Iterable[str], progress: ProgressCallback = unheard
    ) -> Imported:
        """Take captions from JSON Lines (see `lexsearch.storage.transfer.from_json`), with or
        without pictures at hand. A caption that is known with another text counts as corrected.
        """
        from lexsearch.storage.transfer import import_captions

        with self._writing() as writer:
            return import_captions(writer, lines, progress)

    def import_from(
        self,
        source: str | os.PathLike[str],
        *,
        keys: Mapping[str, str] | None = None,
        progress: ProgressCallback = unheard,
    ) -> Imported:
        """Take captions from a file, or from the text files beside the pictures in a folder.

        source: a file of `export_captions` or of another tool; see `lexsearch.storage.foreign` for
            the forms. keys: the names under which its rows have their "image" and "text", where
            those are no usual ones. Pictures are meant by path or by file name.
        Raises ImportFormatError for a file that is none of these.
        """
        from lexsearch.storage.foreign import import_from

        with self._writing() as writer:
            return import_from(writer, os.fspath(source), keys or {}, progress)

    def enrich(
        self,
        model: LanguageModel,
        searches: int = 5,
        *,
        again: bool = False,
        remembered: Remembered | None = None,
        progress: ProgressCallback = unheard,
    ) -> Enriched:
        """Let a language model write likely searches for each picture that has none yet, from its
        captions, which it is sent. They are found from then on, without the model, and count half
        as much as captions; in paper mode they do not count.

        again: for all pictures, anew. What was written stays when this is stopped.
        Raises ModelUnavailable where the model will not answer further questions.
        """
        from lexsearch.indexing.enriching import enrich_by

        with self._writing() as writer:
            return enrich_by(writer, model, searches, remembered, again=again, progress=progress)

    def forget_enriched(self, progress: ProgressCallback = unheard) -> int:
        """Take the searches of `enrich` out again; returns of how many pictures."""
        from lexsearch.indexing.enriching import forget

        with self._writing() as writer:
            return forget(writer, progress)

    edit_caption = changes(corrections.edit_caption)
    deny = changes(corrections.deny)
    favourite = changes(gathering.favourite)
    add_to_album = changes(gathering.add_to_album)
    remove_from_album = changes(gathering.remove_from_album)
