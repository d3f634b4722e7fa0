"""An index: a folder that holds captions, a catalog of files and a text index.

    <index>/index.json     how it ranks, and the captioner last used
    <index>/captions/      Parquet shards: the asset (see lexsearch.storage.captions)
    <index>/catalog.sqlite which files lie where (see lexsearch.storage.catalog)
    <index>/lucene/        the text index, made from the captions and made anew whenever it breaks

Captions are written first, then the catalog, then the text index; each step can be done again
from the one before, so that a process may be killed between any two of them.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lexsearch.engines import Engine, ScoredDoc, StoredDocument, open_engine
from lexsearch.errors import (
    EngineBroken,
    EngineOutdated,
    IndexNotFound,
    IndexReadOnly,
    LexsearchError,
)
from lexsearch.records import (
    WHOLE,
    Caption,
    CaptionerKey,
    Document,
    Failure,
    Hit,
    Progress,
    Query,
    Results,
    Suggestion,
    UnmatchedKeyword,
)
from lexsearch.searching.searcher import MATCHES, MODES, Explanation, Match, Searcher, SearchHits
from lexsearch.sizes import size_of
from lexsearch.storage.catalog import Catalog
from lexsearch.storage.settings import Settings, read_settings, settings_file, write_settings
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.queries import parse, parse_plainly

if TYPE_CHECKING:
    from lexsearch.captioners import Captioner, CaptionerSpec
    from lexsearch.indexing.jobs import Runner
    from lexsearch.indexing.scan import Report
    from lexsearch.searching.sessions import Session
    from lexsearch.storage.captions import CaptionStore
    from lexsearch.storage.progress_file import Running
    from lexsearch.storage.transfer import Imported
    from lexsearch.storage.writer import Writer

T = TypeVar("T")

log = logging.getLogger("lexsearch")
ProgressCallback = Callable[[Progress], None]


def _ignore(progress: Progress) -> None:
    """For those who do not ask how far it is."""


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What is known of one picture: where it lies, and its captions in effect."""

    doc_id: str
    paths: tuple[str, ...]
    captions: tuple[Caption, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """How many pictures have the captions of one stage by one captioner."""

    captioner: CaptionerKey
    stage: str
    pictures: int


@dataclass(frozen=True, slots=True)
class Status:
    """What is in an index, what is missing, and what failed. Sizes in bytes.

    failures: files that cannot be used. undescribed: pictures that a captioner, wholly or in
        part, could not describe.
    """

    path: str
    folders: tuple[str, ...]
    files: int
    pictures: int
    imported: int
    searchable: int
    waiting: int
    stages: tuple[Stage, ...]
    failures: tuple[Failure, ...]
    undescribed: tuple[tuple[CaptionerKey, Failure], ...]
    settings: Settings
    caption_bytes: int
    text_index_bytes: int


class Index:
    """Pictures that can be searched by words. Open one with `lexsearch.open`.

    Searching never waits for a process that writes; of several writers one works and the
    others raise IndexLocked. Methods may be called from several threads.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        """Open the index folder at `path`; a missing one is made, unless `create` is false.

        Raises IndexNotFound when it is missing or is a folder of something else.
        """
        self.path = Path(path).expanduser().absolute()
        if not settings_file(self.path).exists():
            self._start(create)
        self._settings = read_settings(self.path)
        self._engine: Engine | None = None
        self._catalog: Catalog | None = None
        self._closed = 0
        self._lock = threading.RLock()

    @property
    def settings(self) -> Settings:
        """As they are now, whoever changed them."""
        return read_settings(self.path)

    @property
    def _lucene(self) -> Path:
        return self.path / "lucene"

    def _start(self, create: bool) -> None:
        if self.path.is_dir() and any(self.path.iterdir()):
            raise IndexNotFound(f"{self.path} is a folder, but not a lexsearch index")
        if not create:
            raise IndexNotFound(
                f"there is no index at {self.path}; make one with: lexsearch index FOLDER"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise IndexReadOnly(f"{self.path} could not be made: {error.strerror}") from error
        write_settings(self.path, Settings())

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
        with self._lock:
            if self._engine is not None:
                self._engine.close()
            if self._catalog is not None:
                self._catalog.close()
            self._engine = self._catalog = None
            self._closed += 1

    # Searching

    def search(
        self,
        query: str | Query,
        k: int = 10,
        *,
        mode: str = "best",
        match: Match = "best",
        skip: int = 0,
    ) -> Results:
        """The k best pictures for a query such as "bus, traffic light, -person", best first.

        mode: "best" understands keywords (docs/how-it-ranks.md); "paper" is BM25 over the
            captions as Nakata et al. 2024 and Pyserini have it: all words are one bag, and
            commas, signs and quotes mean nothing.
        match: "best" gives pictures with all keywords first, then those that lack one, and ends
            where no keyword is left; "all" gives only pictures with all of them; "any" ranks
            every picture that has anything to do with the query, to measure rankings.
        skip: leave out the first so many: the page after the first ten has skip=10.
        Where only ids are wanted, of very many pictures, `rank` is faster.
        Raises QueryError for an empty query.
        """
        parsed = _understood(query, mode, match)
        nothing = SearchHits([], 0, [], [])
        with self._lock:
            found = self._answer(
                parsed, nothing, lambda one, asked: one.find(asked, k, mode, match, skip)
            )
            if found is nothing:
                return Results(query=parsed)
            searcher = self._searcher
            paths = self._paths([scored.doc_id for scored in found.documents])
        why = searcher.why(found)  # the longest part, with nothing locked
        unknown: tuple[UnmatchedKeyword, ...] = ()
        if all(missing for _, missing in why):
            unknown = self._answer(parsed, (), lambda one, _: one.unknown(found, why))
        each = zip(found.documents, found.stored, why, strict=True)
        hits = [
            _hit(rank, scored.score, scored.doc_id, paths[scored.doc_id], stored, reasons)
            for rank, (scored, stored, reasons) in enumerate(each, skip + 1)
        ]
        return Results(hits, query=parsed, total=found.total, unknown=unknown)

    def suggest(self, query: str | Query, n: int = 8, k: int = 50) -> list[Suggestion]:
        """Words that split the k best pictures for a query best, with how many have them."""
        return self._answer(_understood(query), [], lambda one, asked: one.suggest(asked, n, k))

    def explain(self, query: str | Query, name: str | os.PathLike[str]) -> Hit | None:
        """Why one picture, by its path or doc_id, matches a query; None when it does not.

        Rank and score are 0: it is not compared with others.
        """
        parsed = _understood(query)
        with self._lock:
            doc_id = self._find(name)
            asked = self._resolved(parsed)
            stored, why = self._ask(lambda one: one.explain(asked, doc_id))
            paths = self._paths([doc_id])[doc_id]
        evidence, _ = why
        return _hit(0, 0.0, doc_id, paths, stored, why) if evidence else None

    def total(self, query: str | Query, match: Match = "best") -> int:
        """How many pictures match a query."""
        parsed = _understood(query, match=match)
        return self._answer(parsed, 0, lambda one, asked: one.total(asked, match))

    def words(self, query: str | Query, n: int = 50, k: int = 200) -> list[Suggestion]:
        """The commonest words of the k best pictures for a query, with how many have them."""
        return self._answer(_understood(query), [], lambda one, asked: one.words(asked, n, k))

    def session(self, query: str | Query) -> Session:
        """A search that goes on in rounds: keywords are added, dropped, taken back."""
        from lexsearch.searching.sessions import Session

        return Session(self, _understood(query))

    def _resolved(self, query: Query) -> Query:
        """With the doc_id in place of a path in `like:PATH`."""
        return Query(
            tuple(
                replace(word, text=self._find(word.text)) if word.field == "like" else word
                for word in query.keywords
            )
        )

    def rank(
        self, query: str | Query, k: int, *, mode: str = "best", match: Match = "any"
    ) -> list[ScoredDoc]:
        """The k best documents, best first, as `search` ranks them, without paths and words.

        For many queries at great depths, as in evaluation.
        """
        parsed = _understood(query, mode, match)
        return self._answer(parsed, [], lambda one, asked: one.rank(asked, k, mode, match))

    def _answer(self, query: Query, nothing: T, question: Callable[[Searcher, Query], T]) -> T:
        """What a question about a query gives; `nothing` where there is nothing to search."""
        if not self._has_captions():
            return nothing
        with self._lock:
            self._reading()  # without a catalog nothing can be found: then it is made first
            asked = self._resolved(query)
            return self._ask(lambda searcher: question(searcher, asked))

    def state(self) -> tuple[int, ...]:
        """Something that stays equal for as long as a search gives the same."""
        with self._lock:
            version = self._reading().version()
            text = self._ask(lambda searcher: searcher.state()) if self._has_captions() else 0
            return (self._closed, version, text)

    def documents(self) -> list[str]:
        """The doc_ids of all that can be found, in order."""
        if not self._has_captions():
            return []
        with self._lock:
            return self._reading().listed()

    def contents(self) -> Iterator[Document]:
        """What can be found, as the text index has it: each with its captions in effect joined."""
        from lexsearch.storage.documents import compose

        listed = set(self.documents())
        for doc_id, captions in self._store().scan() if listed else ():
            if doc_id in listed:
                yield compose(doc_id, captions, self.settings.captioner)

    def _ask(self, question: Callable[[Searcher], T]) -> T:
        """Put a question to the text index. One that is broken is opened again next time: a writer
        may have made it anew.
        """
        self._heed_settings()
        try:
            return question(self._open_searcher())
        except (EngineBroken, EngineOutdated):
            self.close()
            raise

    def _open_searcher(self) -> Searcher:
        if self._engine is None:
            engine = open_engine(self._lucene, self._settings.ranking)
            try:
                lexicon = Lexicon(engine.terms, self.path / "lexicon.toml")
            except LexsearchError:
                engine.close()
                raise
            self._engine, self._searcher = engine, Searcher(engine, lexicon)
        return self._searcher

    def _heed_settings(self) -> None:
        """Rank as another process may have told meanwhile."""
        settings = self.settings
        if settings != self._settings:
            self.close()
            self._settings = settings

    def _has_captions(self) -> bool:
        return any((self.path / "captions").glob("*.parquet"))

    def _reading(self) -> Catalog:
        if self._catalog is None:
            file = self.path / "catalog.sqlite"
            if not file.exists():
                with self._writing() as writer:  # makes one from the captions that are there
                    writer.sync()
                if self._has_captions():
                    log.warning(
                        "%s was missing; run `lexsearch index` on your folders again (no picture "
                        "is captioned twice)",
                        file,
                    )
            self._catalog = Catalog(file)
        return self._catalog

    def _paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        catalog = self._reading()
        places = catalog.files_of(doc_ids)
        missing = [doc_id for doc_id in doc_ids if not places[doc_id]]
        imported = catalog.imported_paths(missing)
        return {
            doc_id: tuple(row.path for row in rows)
            or ((imported[doc_id],) if doc_id in imported else ())
            for doc_id, rows in places.items()
        }

    def relative_paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each document, its pictures' paths relative to the folder they were indexed in."""
        with self._lock:
            places = self._reading().files_of(doc_ids)
        return {
            doc_id: tuple(os.path.relpath(row.path, row.root) for row in rows)
            for doc_id, rows in places.items()
        }

    def places(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Where the pictures of these documents lie: for each that is to be found its paths
        (none for captions without a picture). Unknown and removed documents are left out.
        """
        with self._lock:
            catalog = self._reading()
            return self._paths([doc_id for doc_id in doc_ids if catalog.is_listed(doc_id)])

    def newest(self, k: int = 10, *, skip: int = 0) -> tuple[list[str], int]:
        """The doc_ids of the pictures whose files changed last, after the first `skip`; and how
        many pictures there are.
        """
        with self._lock:
            catalog = self._reading()
            return catalog.newest(k, skip), catalog.pictures()

    # Changing

    def _writing(self) -> AbstractContextManager[Writer]:
        from lexsearch.storage.writer import writing

        return writing(self.path)

    def add(
        self,
        *paths: str | os.PathLike[str],
        captioner: str | CaptionerSpec | Captioner = "auto",
        crops: str = "fixed",
        max_pixels: int | None = None,
        again: bool = False,
        limit: int | None = None,
        runner: Runner | None = None,
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
        Returns counts, the files that failed and the pictures that could not be described, with
        the reasons.
        """
        from lexsearch.captioners import CaptionerSpec, open_captioner
        from lexsearch.images.crops import SCHEMES
        from lexsearch.images.files import MAX_PIXELS
        from lexsearch.indexing.adding import add
        from lexsearch.indexing.local import LocalRunner
        from lexsearch.storage.progress_file import publish_progress

        if crops not in SCHEMES:
            raise LexsearchError(f"there is no way to cut {crops!r}; choose {', '.join(SCHEMES)}")
        absolute = [os.path.abspath(path) for path in paths]
        for path in absolute:
            if not os.path.lexists(path):
                raise LexsearchError(f"there is no file or folder {path}")
        if isinstance(captioner, str):
            captioner = CaptionerSpec(captioner)
        given = isinstance(captioner, CaptionerSpec)
        opened = (
            open_captioner(captioner.name, **captioner.options)
            if isinstance(captioner, CaptionerSpec)
            else captioner
        )
        try:
            if opened.spec is None and runner is not None:
                raise LexsearchError("another runner needs the captioner's name or spec")
            with self._writing() as writer:
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
                        again=again,
                        limit=limit,
                    )
        finally:
            if given:
                opened.close()

    def remove(self, *names: str | os.PathLike[str]) -> int:
        """Take files, folders or imported documents (by doc_id) out of the results; the
        captions stay, so that adding them again costs nothing. Returns how many were taken out.
        """
        removed = 0
        with self._writing() as writer:
            with writer.catalog.transaction():
                for name in names:
                    rows = list(writer.catalog.files_under(os.path.abspath(name)))
                    for row in rows:
                        writer.catalog.drop_file(row.path)
                    removed += len(rows) or writer.catalog.exclude(str(name))
                    writer.catalog.drop_failures(os.path.abspath(name))
            writer.sync()
        return removed

    def reindex(
        self,
        *,
        k1: float | None = None,
        b: float | None = None,
        progress: ProgressCallback = _ignore,
    ) -> int:
        """Make the text index anew from the captions.

        k1, b: BM25's parameters in `paper` mode from now on.
        Returns how many pictures can be found.
        """
        changes: dict[str, Any] = {"k1": k1, "b": b}
        changed = {name: value for name, value in changes.items() if value is not None}
        with self._lock:
            self.close()
            with self._writing() as writer:
                ranking = replace(writer.settings.ranking, **changed)
                writer.change_settings(replace(writer.settings, ranking=ranking))
                writer.rebuild(progress)
        return self.status().searchable

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

    def export_captions(self) -> Iterator[str]:
        """All captions of what can be found, each with its last text, as JSON Lines.

        In order of document.
        """
        from lexsearch.storage.documents import latest
        from lexsearch.storage.transfer import to_json

        for doc_id, captions in self._store().scan():
            if not self._reading().is_listed(doc_id):
                continue
            path = next(iter(self._paths([doc_id])[doc_id]), None)
            for caption in latest(captions).values():
                if caption.text is not None:
                    yield to_json(caption, path)

    def describe(self, name: str | os.PathLike[str]) -> PictureInfo:
        """What is known of a picture, by its path or doc_id; LexsearchError when nothing is."""
        doc_id = self._find(name)
        captions = [row for _, rows in self._store().scan([doc_id]) for row in rows]
        from lexsearch.storage.documents import in_effect

        return PictureInfo(
            doc_id,
            self._paths([doc_id])[doc_id],
            tuple(in_effect(captions, self.settings.captioner)),
        )

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

        doc_id = self._find(name)
        with self._writing() as writer:
            rows = [row for _, rows in writer.store.scan([doc_id]) for row in rows]
            if text is None:
                corrections = withdraw(rows, crop, field, caption_id)
            else:
                current = writer.settings.captioner
                corrections = correct(rows, current, text, crop, field, caption_id)
            writer.keep(corrections)
            writer.sync()
            writer.tidy()

    def _store(self) -> CaptionStore:
        from lexsearch.storage.captions import CaptionStore

        return CaptionStore(self.path / "captions")

    def _find(self, name: str | os.PathLike[str]) -> str:
        with self._lock:
            catalog = self._reading()
            row = catalog.file(os.path.abspath(name))
            if row is not None:
                return row.doc_id
            if catalog.has_document(str(name)):
                return str(name)
            if os.path.isfile(name):
                from lexsearch.images.files import hash_file

                doc_id = hash_file(os.fspath(name))
                if catalog.has_document(doc_id):
                    return doc_id
        raise LexsearchError(f"{os.fspath(name)} is not in the index {self.path}")

    def running(self) -> Running | None:
        """How far the process is that fills this index right now; None when there is none."""
        from lexsearch.storage.progress_file import running

        return running(self.path)

    def status(self) -> Status:
        """What is in the index, what is missing, and what failed."""
        with self._lock:
            self._reading()
            searchable = self._ask(lambda searcher: searcher.count()) if self._has_captions() else 0
            catalog = self._reading()
            return Status(
                path=str(self.path),
                folders=tuple(catalog.roots()),
                files=catalog.places(),
                pictures=catalog.pictures(),
                imported=catalog.imported(),
                searchable=searchable,
                waiting=catalog.waiting(),
                stages=tuple(Stage(*row) for row in catalog.coverage.stages()),
                failures=tuple(catalog.failures()),
                undescribed=tuple(catalog.coverage.undescribed()),
                settings=self.settings,
                caption_bytes=size_of(self.path / "captions"),
                text_index_bytes=size_of(self._lucene),
            )


def _hit(
    rank: int,
    score: float,
    doc_id: str,
    paths: tuple[str, ...],
    stored: StoredDocument,
    why: Explanation,
) -> Hit:
    evidence, missing = why
    width, height = stored.size or (None, None)
    words = tuple(dict.fromkeys(word for one in evidence for word in one.words))
    path = next(iter(paths), None)
    return Hit(rank, score, doc_id, path, paths, words, evidence, missing, width, height)


def _understood(query: str | Query, mode: str = "best", match: str = "best") -> Query:
    """In paper mode signs, quotes and fields are words like any other."""
    if mode not in MODES or match not in MATCHES:
        raise LexsearchError(f"mode is one of {MODES}, match one of {MATCHES}")
    if isinstance(query, Query):
        return query
    return parse_plainly(query) if mode == "paper" else parse(query)
