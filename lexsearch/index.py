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
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lexsearch.engines import ScoredDoc, is_cluster
from lexsearch.engines.weights import WEIGHTS, RankingWeights
from lexsearch.errors import IndexLocked, IndexNotFound, IndexReadOnly, LexsearchError, QueryError
from lexsearch.images import filesystem
from lexsearch.records import (
    FAVOURITE,
    WHOLE,
    Caption,
    CaptionerKey,
    Document,
    Hit,
    Keyword,
    PictureCopy,
    Progress,
    Query,
    Results,
    Suggestion,
)
from lexsearch.searching.fusing import fusion
from lexsearch.searching.remote import RemoteSnapshot
from lexsearch.searching.searcher import MATCHES, MODES, Match
from lexsearch.searching.snapshot import SORTS, FolderSnapshot, Snapshots, Sort
from lexsearch.storage.albums import ALBUM, IS, named, put, take
from lexsearch.storage.settings import (
    Settings,
    index_folder,
    make_index,
    read_settings,
    settings_file,
)
from lexsearch.storage.status import PictureInfo, Status
from lexsearch.text.changes import keywords_of
from lexsearch.text.queries import parse, parse_plainly

if TYPE_CHECKING:
    from lexsearch.captioners import Captioner, CaptionerSpec
    from lexsearch.errors import ModelError
    from lexsearch.indexing.enriching import Enriched
    from lexsearch.indexing.jobs import Runner
    from lexsearch.indexing.scan import Report
    from lexsearch.language import Ask, LanguageModel
    from lexsearch.language.remembered import Remembered
    from lexsearch.searching.sessions import Session
    from lexsearch.searching.vocabulary import Vocabulary
    from lexsearch.storage.merging import Merged
    from lexsearch.storage.progress_file import Running
    from lexsearch.storage.transfer import Imported
    from lexsearch.storage.writer import Writer

ProgressCallback = Callable[[Progress], None]


def _ignore(progress: Progress) -> None:
    """For those who do not ask how far it is."""


class Index:
    """Pictures that can be searched by words. Open one with `lexsearch.open`.

    Like a dictionary by doc_id: `len(index)` pictures can be found, iteration gives their doc_ids,
    `name in index` and `index.get(name)` take a path or a doc_id.

    Searching never waits, neither for a process that writes nor for another search; of several
    writers one works and the others raise IndexLocked. Methods may be called from several threads.

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
        self._folder: Path | None = None
        if is_cluster(path):
            address = self.name = os.fspath(path)
            self._snapshots = Snapshots(lambda number: RemoteSnapshot(address, number, weights))
            return
        folder = self._folder = index_folder(path)
        self.name = str(folder)
        if settings_file(folder).exists() or not create:
            read_settings(folder)
        self._refuse_other_folders()
        self._snapshots = Snapshots(lambda number: FolderSnapshot(folder, number, weights))

    @property
    def path(self) -> Path:
        """The index's folder. Raises IndexReadOnly where it was opened by an address alone."""
        if self._folder is not None:
            return self._folder
        raise IndexReadOnly(
            f"{self.name} is searched by its address; to change it, name the index's folder"
        )

    def _refuse_other_folders(self) -> None:
        if settings_file(self.path).exists() or not self.path.is_dir():
            return
        half_made = settings_file(self.path).with_suffix(".part").name  # by one that was killed
        if any(file.name != half_made for file in self.path.iterdir()):
            raise IndexNotFound(f"{self.path} is a folder, but not a lexsearch index")

    @property
    def settings(self) -> Settings:
        """As they are now, whoever changed them; of an index to be made, the usual ones."""
        if self._folder is None:
            return Settings(engine=self.name)
        is_to_be_made = self._create and not settings_file(self.path).exists()
        return Settings() if is_to_be_made else read_settings(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close files; the index may still be used, and opens them again."""
        self._snapshots.drop()

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

    def get(self, name: str | os.PathLike[str]) -> PictureInfo | None:
        """A picture that can be found, by its path or doc_id; None when there is none."""
        with self._snapshots.now() as now:
            doc_id = now.identify(name)
            return now.describe(doc_id) if doc_id and now.is_listed(doc_id) else None

    # Searching

    def search(
        self,
        query: str | Query,
        k: int = 10,
        *,
        mode: str = "best",
        match: Match = "best",
        skip: int = 0,
        also: Sequence[str] = (),
        fuse: str = "sum",
        weight: float | None = None,
        maybe: bool = False,
        sort: Sort = "relevance",
        lacking: bool = False,
    ) -> Results:
        """The k best pictures for a query such as "bus, traffic light, -person", best first.

        mode: "best" understands keywords (docs/how-it-ranks.md); "paper" is BM25 over the
            captions as Nakata et al. 2024 and Pyserini have it: all words are one bag, and
            commas, signs and quotes mean nothing.
        match: "best" gives pictures with all keywords first, then those that lack one, and ends
            where no keyword is left; "all" gives only pictures with all of them; "any" ranks
            every picture that has anything to do with the query, to measure rankings.
        skip: leave out the first so many: the page after the first ten has skip=10.
        also: sentences that say the same in other words, searched as well (docs/searching.md). With
            "best", the list has what matches the query, and up to 200 pictures of each sentence.
        fuse: how one list is made of what they find: "sum" of scores, "vote" or "rrf"; see
            `lexsearch.searching.fusing`. weight: of the query, against 1 for each other sentence;
            3 where none is given, and 1 in a vote.
        maybe: below all others, pictures that have none of it, but words near to it, as an umbrella
            is to rain: `Hit.below` is "near". For an everyday search without `also`.
        sort: of all that match, the first by "relevance", by "date" (the latest first, and what has
            none last) or by "name" of folders and file.
        lacking: below those that have every `+word`, pictures that have others of the keywords, but
            not these: `Hit.below` is "lacking". So a `+word` narrows what was found without it.
        Where only ids are wanted, of very many pictures, `rank` is faster.
        Raises QueryError for an empty query.
        """
        parsed = _with(also, _understood(query, mode, match))
        fused, order = fusion(fuse, weight), _order(sort)
        everyday = (mode, match, order) == ("best", "best", "relevance") and not parsed.also
        if (maybe or lacking) and not everyday:
            raise QueryError("maybe and lacking are for an everyday search alone, of what is typed")
        return self._snapshots.ask(
            lambda now: now.search(parsed, k, mode, match, skip, fused, maybe, lacking, order)
        )

    def compose(self, name: str | os.PathLike[str], change: str, k: int = 10) -> Results:
        """Other pictures like this one, a path or a doc_id, but changed: "at night, without
        people". What is to be and not to be there is told by a rule (`lexsearch.text.changes`).

        Raises QueryError for a change that says nothing.
        """
        changed = keywords_of(change)
        if not changed:
            raise QueryError(f"{change!r} says no change: try 'at night, without people'")
        likeness = Keyword(os.fspath(name), quoted=True, field="like")
        results = self.search(Query((likeness, *changed)), k + 1)
        with self._snapshots.now() as now:
            itself = now.find(name)
        others = [hit for hit in results if hit.doc_id != itself]
        hits = [replace(hit, rank=rank) for rank, hit in enumerate(others[:k], 1)]
        total = results.total - (len(results) - len(others))
        return Results(hits, query=results.query, total=total, unknown=results.unknown)

    def suggest(self, query: str | Query, n: int = 8, k: int = 50) -> list[Suggestion]:
        """Words that split the k best pictures for a query best, with how many have them."""
        parsed = _understood(query)
        return self._snapshots.ask(lambda now: now.suggest(parsed, n, k))

    def explain(self, query: str | Query, name: str | os.PathLike[str]) -> Hit | None:
        """Why one picture, by its path or doc_id, matches a query; None when it does not.

        Rank and score are 0: it is not compared with others.
        """
        parsed = _understood(query)
        return self._snapshots.ask(lambda now: now.explain(parsed, name))

    def total(self, query: str | Query, match: Match = "best") -> int:
        """How many pictures match a query."""
        parsed = _understood(query, match=match)
        return self._snapshots.ask(lambda now: now.total(parsed, match))

    def words(self, query: str | Query, n: int = 50, k: int = 200) -> list[Suggestion]:
        """The commonest words of the k best pictures for a query, with how many have them."""
        parsed = _understood(query)
        return self._snapshots.ask(lambda now: now.words(parsed, n, k))

    def vocabulary(self) -> Vocabulary:
        """The words that pictures say, with how many do, and the months they are of. It reads all
        captions: minutes where there are millions.
        """
        with self._snapshots.now() as now:
            return now.vocabulary()

    def session(self, query: str | Query) -> Session:
        """A search that goes on in rounds: keywords are added, dropped, taken back."""
        from lexsearch.searching.sessions import Session

        return Session(self, _understood(query))

    def rank(
        self,
        query: str | Query,
        k: int,
        *,
        mode: str = "best",
        match: Match = "any",
        also: Sequence[str] = (),
        fuse: str = "sum",
        weight: float | None = None,
    ) -> list[ScoredDoc]:
        """The k best documents, best first, as `search` ranks them, without paths and words.

        For many queries at great depths, as in evaluation.
        """
        parsed = _with(also, _understood(query, mode, match))
        fused = fusion(fuse, weight)
        return self._snapshots.ask(lambda now: now.rank(parsed, k, mode, match, fused))

    def state(self) -> Hashable:
        """Something that stays equal for as long as a search gives the same."""
        return self._snapshots.ask(lambda now: now.state())

    # Documents

    def documents(self) -> list[str]:
        """The doc_ids of all that can be found, in order."""
        with self._snapshots.now() as now:
            return now.listed()

    def contents(self) -> Iterator[Document]:
        """What can be found, as the text index has it: each with its captions in effect joined."""
        with self._snapshots.now() as now:
            yield from now.contents()

    def relative_paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each document, its pictures' paths relative to the folder they were indexed in."""
        with self._snapshots.now() as now:
            return now.relative_paths(doc_ids)

    def named(self, name: str) -> list[str]:
        """The doc_ids of the pictures that lie at this path relative to the folder they were
        indexed in, as `relative_paths` gives it.
        """
        with self._snapshots.now() as now:
            return now.named(name)

    def places(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Where the pictures of these documents lie: for each that is to be found its paths
        (none for captions without a picture). Unknown and removed documents are left out.
        """
        with self._snapshots.now() as now:
            return now.paths([doc_id for doc_id in doc_ids if now.is_listed(doc_id)])

    def folders(self) -> dict[str, int]:
        """How many pictures lie in each folder and below it, by its path from the folder that was
        indexed on, the name of which comes first: "photos", "photos/2023".
        """
        with self._snapshots.now() as now:
            return now.folders()

    def duplicates(
        self, *, look: bool = True, progress: ProgressCallback = _ignore
    ) -> list[tuple[PictureCopy, ...]]:
        """Groups of files that show the same picture: the same bytes at several places, or copies
        that were made smaller, compressed anew or a little changed. The first of each is the
        largest.

        look: open the pictures first that were described before likenesses were kept, each once;
            not where another process writes, or nobody may.
        """
        if look and self._folder is not None:
            from lexsearch.indexing.comparing import keep_likenesses

            with suppress(IndexLocked, IndexReadOnly), self._writing() as writer:
                keep_likenesses(writer, progress)
        return self._snapshots.ask(lambda now: now.duplicates())

    def browse(
        self, k: int = 10, *, skip: int = 0, sort: Sort = "relevance"
    ) -> tuple[list[str], int]:
        """The doc_ids of the first k pictures after the first `skip`, and how many pictures there
        are. sort: as in `search`; by "relevance" those whose files changed last come first.
        """
        order = _order(sort)
        with self._snapshots.now() as now:
            return now.browse(k, skip, order)

    def months(self) -> dict[str, int]:
        """How many pictures were taken in each month, the latest first: "2023-07"."""
        with self._snapshots.now() as now:
            return now.months()

    def cameras(self) -> dict[str, int]:
        """How many pictures each camera took, as the files name it; `camera:` finds them."""
        with self._snapshots.now() as now:
            return now.counted("camera")

    def kinds(self) -> dict[str, int]:
        """How many pictures there are of each format and shape; `kind:` finds them."""
        with self._snapshots.now() as now:
            return now.counted("kind")

    def describe(self, name: str | os.PathLike[str]) -> PictureInfo:
        """What is known of a picture, by its path or doc_id; LexsearchError when nothing is."""
        with self._snapshots.now() as now:
            return now.describe(now.find(name))

    def status(self) -> Status:
        """What is in the index, what is missing, and what failed."""
        return self._snapshots.ask(lambda now: now.status())

    def running(self) -> Running | None:
        """How far the process is that fills this index right now; None when there is none."""
        from lexsearch.storage.progress_file import running

        return None if self._folder is None else running(self._folder)

    # Changing

    @contextmanager
    def _writing(self) -> Iterator[Writer]:
        from lexsearch.storage.writer import writing

        folder = self.path
        if not settings_file(folder).exists():
            if not self._create:
                read_settings(folder)
            make_index(folder)
        with writing(folder) as writer:
            yield writer

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
        progress: ProgressCallback = _ignore,
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
        from lexsearch.captioners import CaptionerSpec
        from lexsearch.images.crops import SCHEMES
        from lexsearch.images.pillow import MAX_PIXELS
        from lexsearch.indexing.adding import add
        from lexsearch.indexing.estimating import Pace
        from lexsearch.indexing.local import LocalRunner
        from lexsearch.indexing.scan import Shard
        from lexsearch.storage.progress_file import publish_progress

        if crops not in SCHEMES:
            raise LexsearchError(f"there is no way to cut {crops!r}; choose {', '.join(SCHEMES)}")
        if not 1 <= shard[0] <= shard[1]:
            raise LexsearchError(f"there is no part {shard[0]} of {shard[1]}")
        absolute = [filesystem.absolute(path) for path in paths]
        if only is None:
            self._expect_any(absolute)
        with _opened(captioner) as opened:
            if opened.spec is None and runner is not None:
                raise LexsearchError("another runner needs the captioner's name or spec")
            with self._writing() as writer:
                if engine is not None:
                    writer.move_text_index(_engine_at(engine), progress)
                writer.change_settings(replace(writer.settings, captioner=opened.key))
                with publish_progress(self.path, progress) as tell:
                    return add(
                        writer,
                        absolute,
                        runner or LocalRunner(opened),
                        opened.spec or CaptionerSpec(opened.key.name),
                        opened.key,
                        crops,
                        max_pixels or MAX_PIXELS,
                        tell,
                        pace=Pace(opened.whole_pace, (opened.pace - opened.whole_pace) / 17),
                        again=again,
                        limit=limit,
                        exclude=exclude,
                        include_removed=include_removed,
                        shard=Shard(*shard),
                        only=None if only is None else [filesystem.absolute(path) for path in only],
                    )

    def watch(
        self,
        *paths: str | os.PathLike[str],
        captioner: str | CaptionerSpec | Captioner = "auto",
        again: bool = False,
        include_removed: bool = False,
        stop: threading.Event | None = None,
        progress: ProgressCallback = _ignore,
        **options: Any,
    ) -> Iterator[Report]:
        """Bring the index up to date with folders, and then again whenever something in them has
        changed: a report each time, as `add` gives it, seconds after the change.

        A long run ends for what is new, and goes on after. A folder that is not there keeps its
        pictures until it is there again. Another process that writes is waited for.

        again, include_removed: as in `add`, for the first run alone. options: the others of `add`.
        stop: ends it when it is set, by another thread; at once while pictures are described.
        """
        from lexsearch.indexing.watching import watch

        absolute = [filesystem.absolute(path) for path in paths]
        if remote := next(filter(filesystem.is_remote, absolute), None):
            raise LexsearchError(
                f"nothing tells what changes at {remote}; run `lexsearch index` now and then"
            )
        with _opened(captioner) as opened:

            def add(only: Sequence[str] | None, progress: ProgressCallback) -> Report:
                return self.add(
                    *absolute,
                    captioner=opened,
                    again=again and only is None,
                    include_removed=include_removed and only is None,
                    only=only,
                    progress=progress,
                    **options,
                )

            yield from watch(add, absolute, stop or threading.Event(), progress, self.path)

    def _expect_any(self, paths: Sequence[str]) -> None:
        """One folder that is missing does not stop the others; nothing at all is a mistake."""
        for path in paths:
            if filesystem.exists(path):
                return
            if (self.path / "catalog.sqlite").exists():
                with self._snapshots.now() as now:
                    if isinstance(now, FolderSnapshot) and any(now.catalog.files_under(path)):
                        return
        raise LexsearchError(f"there is no file or folder {', '.join(paths)}")

    def remove(self, *names: str | os.PathLike[str]) -> int:
        """Take files, folders or imported documents (by doc_id) out of the results; the
        captions stay, so that adding them again costs nothing. A file or folder stays out until it
        is added by its own path. Returns how many were taken out.
        """
        removed = 0
        with self._writing() as writer:
            with writer.catalog.transaction():
                for name in names:
                    rows = list(writer.catalog.files_under(filesystem.absolute(name)))
                    if rows:
                        writer.catalog.remove(filesystem.absolute(name))
                    for row in rows:
                        writer.catalog.drop_file(row.path)
                    removed += len(rows) or writer.catalog.exclude(str(name))
                    writer.catalog.drop_failures(filesystem.absolute(name))
            writer.sync()
        return removed

    def reindex(
        self,
        *,
        k1: float | None = None,
        b: float | None = None,
        engine: str | None = None,
        progress: ProgressCallback = _ignore,
    ) -> int:
        """Make the text index anew from the captions.

        k1, b: BM25's parameters in `paper` mode from now on.
        engine: where the text index is from now on: "opensearch+https://HOST:PORT/NAME", an index
            on a cluster; "embedded", in this index's folder.
        Returns how many pictures can be found.
        """
        changes: dict[str, Any] = {"k1": k1, "b": b}
        changed = {name: value for name, value in changes.items() if value is not None}
        with self._writing() as writer:
            ranking = replace(writer.settings.ranking, **changed)
            writer.change_settings(replace(writer.settings, ranking=ranking))
            if engine is None or not writer.move_text_index(_engine_at(engine), progress):
                writer.rebuild(progress)
        return self.status().searchable

    def merge(
        self, *folders: str | os.PathLike[str], progress: ProgressCallback = _ignore
    ) -> Merged:
        """Take what other indexes hold, such as those of shards of a large collection: captions,
        files, failures. They stay as they are, and may be merged again when they have grown.
        """
        from lexsearch.storage.merging import merge

        sources = [index_folder(folder) for folder in folders]
        for source in sources:
            read_settings(source)
        with self._writing() as writer:
            return merge(writer, sources, progress)

    # Captions

    def import_captions(
        self, lines: Iterable[str], progress: ProgressCallback = _ignore
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
        progress: ProgressCallback = _ignore,
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
        progress: ProgressCallback = _ignore,
    ) -> Enriched:
        """Let a language model write likely searches for each picture that has none yet, from its
        captions, which it is sent. They are found from then on, without the model, and count half
        as much as captions; in paper mode they do not count.

        again: for all pictures, anew. What was written stays when this is stopped.
        Raises ModelUnavailable where the model will not answer further questions.
        """
        from lexsearch.indexing.enriching import enrich, is_readable
        from lexsearch.language.asking import ask_all

        def ask(questions: Sequence[Ask]) -> list[str | ModelError]:
            return ask_all(model, questions, is_readable, remembered=remembered, fresh=again)

        with self._writing() as writer:
            return enrich(writer, ask, searches, again=again, progress=progress)

    def forget_enriched(self, progress: ProgressCallback = _ignore) -> int:
        """Take the searches of `enrich` out again; returns of how many pictures."""
        from lexsearch.indexing.enriching import forget

        with self._writing() as writer:
            return forget(writer, progress)

    def export_captions(self) -> Iterator[str]:
        """All captions of what can be found, each with its last text, as JSON Lines.

        In order of document.
        """
        with self._snapshots.now() as now:
            yield from now.export()

    def edit_caption(
        self,
        name: str | os.PathLike[str],
        text: str | None,
        *,
        crop: str = WHOLE,
        field: str = "caption",
        caption_id: str | None = None,
    ) -> None:
        """Correct what is said of a crop for good: it outlives reindexing and other captioners.

        text: what to say of the crop; None withdraws earlier corrections.
        caption_id: of the one caption to replace; by default all of the crop are.
        """
        from lexsearch.storage.corrections import correct, withdraw

        def corrections(_: str, rows: list[Caption], current: CaptionerKey | None) -> list[Caption]:
            if text is None:
                return withdraw(rows, crop, field, caption_id)
            return correct(rows, current, text, crop, field, caption_id)

        self._correct([name], corrections)

    def deny(self, name: str | os.PathLike[str], *words: str, undo: bool = False) -> None:
        """Never say these words or phrases of a picture: in all their forms they leave all of its
        captions, those to come too. `undo` allows them again; LexsearchError for one that was not
        denied.
        """
        from lexsearch.storage.corrections import allow, deny

        def denials(doc_id: str, rows: list[Caption], _: CaptionerKey | None) -> list[Caption]:
            return allow(rows, words) if undo else deny(rows, doc_id, words)

        self._correct([name], denials)

    def _correct(
        self,
        names: Sequence[str | os.PathLike[str]],
        corrections: Callable[[str, list[Caption], CaptionerKey | None], list[Caption]],
    ) -> int:
        """Store what is to be said of pictures; of how many there was something to say."""
        with self._snapshots.now() as now:
            doc_ids = sorted({now.find(name) for name in names})
        with self._writing() as writer:
            rows = dict(writer.store.scan(doc_ids))
            captioner = writer.settings.captioner
            made = [corrections(doc_id, rows.get(doc_id, []), captioner) for doc_id in doc_ids]
            writer.keep(row for part in made for row in part)
            writer.sync()
            writer.tidy()
        return sum(map(bool, made))

    # Favourites and albums

    def favourite(self, *names: str | os.PathLike[str], undo: bool = False) -> int:
        """Mark pictures, by path or doc_id, as favourites, which `is:favourite` finds; or no more.
        Returns how many were not so before.
        """
        return self._gather(names, IS, FAVOURITE, undo)

    def favourites(self, doc_ids: Sequence[str]) -> set[str]:
        """Those of the documents that are favourites."""
        with self._snapshots.now() as now:
            return now.favourites(doc_ids)

    def add_to_album(self, album: str, *names: str | os.PathLike[str]) -> int:
        """Put pictures, by path or doc_id, into an album, which `album:NAME` finds: a new one, or
        the one of that name, in whatever case. Returns how many were not in it.
        """
        return self._gather(names, ALBUM, album, undo=False)

    def remove_from_album(self, album: str, *names: str | os.PathLike[str]) -> int:
        """Take pictures out of an album; one without pictures is none. Returns how many were in
        it. Raises LexsearchError where there is no such album.
        """
        return self._gather(names, ALBUM, album, undo=True)

    def albums(self) -> dict[str, int]:
        """How many pictures are in each album, by its name."""
        with self._snapshots.now() as now:
            return now.albums()

    def _gather(
        self, names: Sequence[str | os.PathLike[str]], field: str, text: str, undo: bool
    ) -> int:
        if field == ALBUM:
            known = list(self.albums())
            text = named(text, known)
            if undo and text not in known:
                raise LexsearchError(
                    f"there is no album {text!r}; there are: {', '.join(known) or 'none'}"
                )

        def gathered(doc_id: str, rows: list[Caption], _: CaptionerKey | None) -> list[Caption]:
            return take(rows, field, text) if undo else put(rows, doc_id, field, text)

        return self._correct(names, gathered)


@contextmanager
def _opened(captioner: str | CaptionerSpec | Captioner) -> Iterator[Captioner]:
    """The captioner that is meant. One that is opened for this is closed at the end."""
    from lexsearch.captioners import CaptionerSpec, open_captioner

    if isinstance(captioner, str):
        captioner = CaptionerSpec(captioner)
    if not isinstance(captioner, CaptionerSpec):
        yield captioner
        return
    with closing(open_captioner(captioner.name, **captioner.options)) as opened:
        yield opened


def _engine_at(text: str) -> str:
    """As the settings have it. Raises LexsearchError for what is no address."""
    if text == "embedded":
        return ""
    if not is_cluster(text):
        raise LexsearchError(
            f"{text} is no engine; write embedded, or an address opensearch+https://HOST:9200/NAME"
        )
    return text


def _order(sort: Sort) -> Sort:
    if sort not in SORTS:
        raise LexsearchError(f"there is no order {sort!r}; sort is one of {', '.join(SORTS)}")
    return sort


def _understood(query: str | Query, mode: str = "best", match: str = "best") -> Query:
    """In paper mode signs, quotes and fields are words like any other."""
    if mode not in MODES or match not in MATCHES:
        raise LexsearchError(f"mode is one of {MODES}, match one of {MATCHES}")
    if isinstance(query, Query):
        return query
    return parse_plainly(query) if mode == "paper" else parse(query)


def _with(also: Sequence[str], query: Query) -> Query:
    """The query with more sentences; one that stands there twice counts twice."""
    if not also:
        return query
    if isinstance(also, str):
        raise LexsearchError("also= takes a list of sentences, not a single text")
    more = (" ".join(text.split()) for text in also)
    return replace(query, also=(*query.also, *filter(None, more)))
