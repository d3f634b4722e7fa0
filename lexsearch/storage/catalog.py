"""The catalog: which files lie where, which captions exist, what waits to be indexed.

One SQLite file, with a log of what is being written beside it (-wal, -shm), so that who reads sees
one moment to the end, and waits for nobody. Everything in it can be made again from the captions
and the folders, except which imported documents were removed.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from lexsearch.errors import IndexReadOnly, IndexUnusable, StorageError
from lexsearch.images import filesystem
from lexsearch.records import Caption, Failure
from lexsearch.storage.coverage import Coverage

_MIGRATIONS = (
    # 1: the tables of the first indexes, which had no version: there already, or made here.
    """
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, root BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    doc_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_document ON files (doc_id);
CREATE TABLE IF NOT EXISTS failures (
    path BLOB PRIMARY KEY, reason TEXT NOT NULL, time REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    doc_id TEXT PRIMARY KEY, imported INTEGER NOT NULL DEFAULT 0, path TEXT,
    waiting INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting_documents ON documents (doc_id) WHERE waiting;
CREATE TABLE IF NOT EXISTS captioners (
    id INTEGER PRIMARY KEY, name TEXT, version TEXT, prompt TEXT, UNIQUE (name, version, prompt)
);
CREATE TABLE IF NOT EXISTS captioned (
    doc_id TEXT, captioner INTEGER, stage TEXT, PRIMARY KEY (doc_id, captioner, stage)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shards (name TEXT PRIMARY KEY) WITHOUT ROWID;
""",
    # 2: views, beside whole stages (see lexsearch.storage.coverage)
    """
CREATE TABLE described (
    doc_id TEXT, captioner INTEGER, crop TEXT, PRIMARY KEY (doc_id, captioner, crop)
) WITHOUT ROWID;
CREATE TABLE undescribed (
    doc_id TEXT, captioner INTEGER, crop TEXT, reason TEXT NOT NULL, refused INTEGER NOT NULL,
    time REAL NOT NULL, PRIMARY KEY (doc_id, captioner, crop)
) WITHOUT ROWID;
""",
    # 3: imported documents by the path that came with them
    """
CREATE INDEX imported_by_path ON documents (path) WHERE imported;
""",
    # 4: when the metadata of a document were read; what people do not want indexed
    """
CREATE TABLE metadata (doc_id TEXT PRIMARY KEY, stamp TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE removed (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE excluded (pattern TEXT PRIMARY KEY);
""",
    # 5: what documents are counted and sorted by, as their text is composed
    """
CREATE TABLE facts (
    doc_id TEXT, field TEXT, text TEXT, PRIMARY KEY (doc_id, field, text)
) WITHOUT ROWID;
CREATE INDEX facts_by_text ON facts (field, text);
UPDATE documents SET waiting = 1;
""",
)
"""Each takes the catalog from the version before it to its own, which counts from 1. A change of
the tables is a further one at the end; those that are here are never changed.
"""
_ABSORB = """
INSERT OR REPLACE INTO files SELECT * FROM other.files;
INSERT OR REPLACE INTO failures SELECT * FROM other.failures;
DELETE FROM failures WHERE path IN (SELECT path FROM files);
INSERT INTO documents (doc_id, imported, path) SELECT doc_id, imported, path FROM other.documents
    WHERE true ON CONFLICT (doc_id) DO UPDATE SET waiting = 1,
    imported = (imported OR excluded.imported) AND doc_id NOT IN (SELECT doc_id FROM files),
    path = COALESCE(path, excluded.path);
INSERT OR IGNORE INTO captioners (name, version, prompt)
    SELECT name, version, prompt FROM other.captioners;
INSERT OR IGNORE INTO captioned SELECT doc_id, mine.id, stage FROM other.captioned
    JOIN other.captioners AS theirs ON theirs.id = captioner
    JOIN captioners AS mine USING (name, version, prompt);
INSERT OR IGNORE INTO undescribed SELECT doc_id, mine.id, crop, reason, refused, time
    FROM other.undescribed JOIN other.captioners AS theirs ON theirs.id = captioner
    JOIN captioners AS mine USING (name, version, prompt);
INSERT OR REPLACE INTO metadata SELECT * FROM other.metadata;
INSERT OR IGNORE INTO removed SELECT * FROM other.removed;
INSERT OR IGNORE INTO excluded SELECT * FROM other.excluded
"""
_OF_ONE_RUN = """
CREATE TEMP TABLE seen (path BLOB PRIMARY KEY, beside INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE lost (doc_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_HAS_TABLES = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table'"
_AT_A_TIME = 500
_LIVE = "(imported OR EXISTS (SELECT 1 FROM files WHERE files.doc_id = documents.doc_id))"
log = logging.getLogger("lexsearch")


class FileRow(NamedTuple):
    """A picture file as last seen. Size in bytes, time in nanoseconds since 1970."""

    path: str
    root: str
    size: int
    mtime_ns: int
    doc_id: str


class Catalog:
    """The SQLite file of an index; open for reading unless `write`. Of several threads one
    reads at a time, for the moment that a look-up takes.

    Raises IndexUnusable for a damaged one, or one of a later lexsearch. One of an earlier
    lexsearch is brought up to date: the file itself by a writer, a copy in memory by a reader.

    coverage: which captioner has described what.
    """

    def __init__(self, file: Path, *, write: bool = False) -> None:
        self._file = file
        self._reading = threading.Lock()
        self._is_copy = False
        self.coverage = Coverage(self._rows)
        with self._errors():
            self._db = _connect_to_write(file) if write else _connect_to_read(file)
            if not write and not _can_be_read(self._db):
                self._db.close()
                self._db, self._is_copy = _in_memory(_connect_frozen(file)), True
            self._place = self._stamp()
            version = self._number("PRAGMA user_version")
            if version > len(_MIGRATIONS):
                self._db.close()
                raise IndexUnusable(
                    f"{file} was made by a later version of lexsearch; upgrade lexsearch to use it"
                )
            if write:
                with suppress(StorageError):  # somebody reads it without a log just now
                    self._rows("PRAGMA journal_mode = WAL")
            self._has_log = self._rows("PRAGMA journal_mode") == [("wal",)]
            self._was_outdated = version < len(_MIGRATIONS)
            if not write and self._was_outdated:
                self._db, self._is_copy = _in_memory(self._db), True
                self._place = self._stamp()
            if write and version < len(_MIGRATIONS) and self._number(_HAS_TABLES):
                log.warning("%s is of an earlier lexsearch: it is brought up to date", file)
            for number, script in enumerate(_MIGRATIONS[version:], version + 1):
                self._db.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT")
            if write:
                self._db.executescript(_OF_ONE_RUN)

    def close(self) -> None:
        self._db.close()

    @staticmethod
    def is_outdated(file: Path) -> bool:
        """Whether the catalog is of an earlier lexsearch."""
        catalog = Catalog(file)
        catalog.close()
        return catalog._was_outdated

    def is_in_place(self) -> bool:
        """Whether the file is still the one that was opened."""
        return self._stamp() == self._place

    def _stamp(self) -> tuple[int, ...] | None:
        """What tells one file from another that was put in its place. An open one keeps its
        number; a copy does not keep it open, nor see what is written to it.
        """
        try:
            status = self._file.stat()
        except OSError:
            return None
        changed = (status.st_mtime_ns,) if self._is_copy else ()
        return (status.st_dev, status.st_ino, *changed)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Only a file that SQLite itself calls damaged is damaged."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without its extension
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise IndexUnusable(
                    f"the catalog {self._file} is damaged ({error}); move it away and run "
                    "`lexsearch index` on your folders again: no picture is captioned twice"
                ) from error
            if code == sqlite3.SQLITE_READONLY:
                raise IndexReadOnly(f"{self._file} may not be written to") from error
            if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL):
                raise StorageError(
                    f"{self._file} could not be used: {error}; is the disk full?"
                ) from error
            if isinstance(error, sqlite3.OperationalError):
                raise StorageError(f"{self._file} could not be used: {error}") from error
            raise

    def version(self) -> int:
        """Changes whenever somebody else has changed the catalog; not for `moment`."""
        return self._number("PRAGMA data_version")

    @contextmanager
    def moment(self) -> Iterator[None]:
        """In the block, reading sees nothing of what others write meanwhile. Where the disk allows
        no log, it does: a writer would have to wait for the end of the block.
        """
        if not self._has_log or self._is_copy:
            yield
            return
        self._rows("BEGIN")
        try:
            self._rows(_HAS_TABLES)  # the moment is that of the first look
            yield
        finally:
            with self._reading:
                self._db.rollback()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes in the block become durable together, or not at all."""
        with self._errors(), self._db:
            yield

    def _rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._errors(), self._reading:
            return self._db.execute(sql, values).fetchall()

    def _rows_of(self, doc_ids: Sequence[str], sql: str) -> Iterator[tuple[object, ...]]:
        """The rows for some documents, whose ids come in place of {}: SQLite takes only so many
        values at a time.
        """
        for start in range(0, len(doc_ids), _AT_A_TIME):
            part = doc_ids[start : start + _AT_A_TIME]
            yield from self._rows(sql.format(",".join("?" * len(part))), *part)

    def _number(self, sql: str, *values: object) -> int:
        return int(str(self._rows(sql, *values)[0][0]))

    # Files

    def file(self, path: str) -> FileRow | None:
        rows = self._rows("SELECT * FROM files WHERE path = ?", os.fsencode(path))
        return _file_row(rows[0]) if rows else None

    def put_file(self, row: FileRow) -> None:
        """Record a file; the document that lay at its path before may lose its last place."""
        before = self.file(row.path)
        if before is not None and before.doc_id != row.doc_id:
            self._lose(before.doc_id)
        path, root = os.fsencode(row.path), os.fsencode(before.root if before else row.root)
        self._db.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", (path, root, *row[2:])
        )
        self._db.execute("DELETE FROM failures WHERE path = ?", (path,))
        # A picture that lies in a folder is listed for as long as it does.
        self._db.execute(
            "INSERT INTO documents (doc_id) VALUES (?) ON CONFLICT DO UPDATE SET imported = 0",
            (row.doc_id,),
        )

    def drop_file(self, path: str) -> None:
        row = self.file(path)
        if row is not None:
            self._db.execute("DELETE FROM files WHERE path = ?", (os.fsencode(path),))
            self._lose(row.doc_id)

    def _lose(self, doc_id: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO lost VALUES (?)", (doc_id,))
        self.mark_stale([doc_id])

    def files(self) -> list[FileRow]:
        """All files, in order of document and path."""
        return [*map(_file_row, self._rows("SELECT * FROM files ORDER BY doc_id, path"))]

    def files_under(self, path: str) -> Iterator[FileRow]:
        """The file at `path`, or all files below the folder, in order of path."""
        first, beyond = _below(path)
        rows = self._db.execute(
            "SELECT * FROM files WHERE path = ? OR (path >= ? AND path < ?) ORDER BY path",
            (os.fsencode(path), first, beyond),
        )
        return map(_file_row, rows)

    def files_of(self, doc_ids: Sequence[str]) -> dict[str, list[FileRow]]:
        """For each document, the places where its picture lies, in order of path."""
        places: dict[str, list[FileRow]] = {doc_id: [] for doc_id in doc_ids}
        sql = "SELECT * FROM files WHERE doc_id IN ({}) ORDER BY path"
        for row in map(_file_row, self._rows_of(doc_ids, sql)):
            places[row.doc_id].append(row)
        return places

    def folders(self) -> dict[str, int]:
        """How many pictures lie in each folder, and in those below it, by its path from the folder
        that was indexed on, the name of which comes first.
        """
        inside: dict[str, set[str]] = {}
        for path, root, doc_id in self._rows("SELECT path, root, doc_id FROM files"):
            above = os.path.dirname(os.fsdecode(root))  # type: ignore[arg-type]
            folder = os.path.dirname(os.path.relpath(os.fsdecode(path), above))  # type: ignore[arg-type]
            while folder:
                inside.setdefault(folder, set()).add(str(doc_id))
                folder = os.path.dirname(folder)
        return {folder: len(doc_ids) for folder, doc_ids in sorted(inside.items())}

    def newest(self, limit: int, skip: int = 0) -> list[str]:
        """Documents by the time that their files were last changed, the latest first."""
        rows = self._rows(
            "SELECT doc_id FROM files GROUP BY doc_id ORDER BY MAX(mtime_ns) DESC, doc_id "
            "LIMIT ? OFFSET ?",
            limit,
            skip,
        )
        return [str(row[0]) for row in rows]

    def having_files(self) -> list[str]:
        """The documents that lie somewhere, in order."""
        return [str(row[0]) for row in self._rows("SELECT DISTINCT doc_id FROM files ORDER BY 1")]

    def dates(self, doc_ids: Sequence[str]) -> dict[str, str]:
        """When documents were taken, YYYY-MM-DD, where that is known."""
        sql = (
            "SELECT doc_id, MAX(text) FROM json_each(?) JOIN facts ON doc_id = value "
            "WHERE field = 'date' GROUP BY doc_id"
        )
        return {str(doc_id): str(date) for doc_id, date in self._rows(sql, json.dumps(doc_ids))}

    def all_dates(self) -> dict[str, str]:
        """When each document was taken of which it is known."""
        sql = "SELECT doc_id, MAX(text) FROM facts WHERE field = 'date' GROUP BY doc_id"
        return {str(doc_id): str(date) for doc_id, date in self._rows(sql)}

    def first_paths(self, doc_ids: Sequence[str]) -> dict[str, str]:
        """For each document with a file, or a path that came with it, the first in order."""
        asked = json.dumps(doc_ids)
        of_files = "SELECT doc_id, MIN(files.path) FROM json_each(?) JOIN files ON doc_id = value "
        of_imported = (
            "SELECT doc_id, documents.path FROM json_each(?) JOIN documents ON doc_id = value "
        )
        imported = self._rows(f"{of_imported} WHERE documents.path IS NOT NULL", asked)
        known = {str(doc_id): str(path) for doc_id, path in imported}
        for doc_id, path in self._rows(f"{of_files} GROUP BY doc_id", asked):
            known[str(doc_id)] = os.fsdecode(path)  # type: ignore[arg-type]
        return known

    # What one run of indexing has seen

    def mark_seen(self, path: str, beside: int = 0) -> None:
        """beside: the stamp of the files beside it that speak of it, 0 for none."""
        self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (os.fsencode(path), beside))

    def vanished(self, path: str) -> list[str]:
        """Recorded files at or below `path` that this run has not seen."""
        first, beyond = _below(path)
        rows = self._rows(
            "SELECT path FROM files WHERE (path = ? OR (path >= ? AND path < ?)) "
            "AND path NOT IN (SELECT path FROM seen)",
            os.fsencode(path),
            first,
            beyond,
        )
        return [os.fsdecode(row[0]) for row in rows]  # type: ignore[arg-type]

    def has_arrived(self, doc_id: str) -> bool:
        """Whether this run has seen the document somewhere."""
        return bool(self.arrived_at([doc_id]))

    def arrived_at(self, doc_ids: Iterable[str]) -> list[FileRow]:
        """Where this run has seen the documents."""
        sql = "SELECT files.* FROM files JOIN seen USING (path) WHERE doc_id = ? ORDER BY path"
        return [_file_row(row) for doc_id in doc_ids for row in self._rows(sql, doc_id)]

    def has_lost(self, doc_id: str) -> bool:
        """Whether the document lost one of its places in this run."""
        return bool(self._rows("SELECT 1 FROM lost WHERE doc_id = ?", doc_id))

    # What people do not want indexed

    def remove(self, path: str) -> None:
        """Leave a file or folder out until it is restored."""
        self._db.execute("INSERT OR IGNORE INTO removed VALUES (?)", (os.fsencode(path),))

    def restore(self, path: str | None = None) -> None:
        """Index again what was removed: this file or folder, or everything."""
        which = "" if path is None else " WHERE path = ?"
        values = () if path is None else (os.fsencode(path),)
        self._db.execute(f"DELETE FROM removed{which}", values)

    def removed(self) -> list[str]:
        return [os.fsdecode(row[0]) for row in self._rows("SELECT path FROM removed")]  # type: ignore[arg-type]

    def exclude_pattern(self, pattern: str) -> None:
        """Leave out, from now on, what fits a pattern of `.gitignore`'s; the last one decides."""
        self._db.execute("INSERT OR REPLACE INTO excluded VALUES (?)", (pattern,))

    def excluded(self) -> list[str]:
        """The patterns, in the order in which they were given."""
        return [str(row[0]) for row in self._rows("SELECT pattern FROM excluded ORDER BY rowid")]

    # What files say of themselves

    def to_read(self, edition: str) -> list[tuple[FileRow, str, bool]]:
        """(first place, stamp, whether it may have been read before) of every document seen in
        this run that was not read as it is now: not by this edition of the readers, or before
        a file beside it changed. In order of document.
        """
        rows = self._db.execute(
            "SELECT files.*, ? || ':' || beside AS now, stamp, MIN(files.path), "
            "EXISTS (SELECT 1 FROM captioned WHERE captioned.doc_id = files.doc_id) "
            "OR EXISTS (SELECT 1 FROM described WHERE described.doc_id = files.doc_id) "
            "FROM files JOIN seen USING (path) LEFT JOIN metadata USING (doc_id) "
            "GROUP BY files.doc_id HAVING stamp IS NOT now ORDER BY files.doc_id",
            (edition,),
        )
        return [
            (_file_row(row[:5]), str(row[5]), row[6] is not None or bool(row[8])) for row in rows
        ]

    def set_read(self, doc_id: str, stamp: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO metadata VALUES (?, ?)", (doc_id, stamp))

    # Failures

    def put_failure(self, failure: Failure) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO failures VALUES (?, ?, ?)",
            (os.fsencode(failure.path), failure.reason, time.time()),
        )

    def drop_failures(self, path: str) -> None:
        first, beyond = _below(path)
        self._db.execute(
            "DELETE FROM failures WHERE path = ? OR (path >= ? AND path < ?)",
            (os.fsencode(path), first, beyond),
        )

    def failures(self) -> list[Failure]:
        rows = self._rows("SELECT path, reason FROM failures ORDER BY path")
        return [Failure(os.fsdecode(path), str(reason)) for path, reason in rows]  # type: ignore[arg-type]

    # Documents and captions

    def mark_stale(self, doc_ids: Iterable[str]) -> None:
        """Mark documents whose entry in the text index must be made anew."""
        self._db.executemany(
            "UPDATE documents SET waiting = 1 WHERE doc_id = ?", ((doc_id,) for doc_id in doc_ids)
        )

    def mark_all_stale(self) -> None:
        self._db.execute("UPDATE documents SET waiting = 1")

    def waiting(self) -> int:
        return self._number("SELECT COUNT(*) FROM documents WHERE waiting")

    def waiting_documents(self, limit: int, after: str = "") -> list[tuple[str, bool]]:
        """(doc_id, whether it is to be found) in order of doc_id, for those that wait."""
        rows = self._rows(
            f"SELECT doc_id, {_LIVE} FROM documents WHERE waiting AND doc_id > ? "
            "ORDER BY doc_id LIMIT ?",
            after,
            limit,
        )
        return [(str(doc_id), bool(live)) for doc_id, live in rows]

    def has_indexed(self) -> bool:
        """Whether any document is in the text index by now."""
        return bool(self._rows("SELECT 1 FROM documents WHERE NOT waiting LIMIT 1"))

    def mark_indexed(self, facts: Mapping[str, Iterable[tuple[str, str]]]) -> None:
        """Documents that are in the text index as they are now, and (field, text) of each that is
        counted or sorted by: its date, its albums, what it is marked as.
        """
        each = [(doc_id,) for doc_id in facts]
        self._db.executemany("UPDATE documents SET waiting = 0 WHERE doc_id = ?", each)
        self._db.executemany("DELETE FROM facts WHERE doc_id = ?", each)
        self._db.executemany(
            "INSERT OR IGNORE INTO facts VALUES (?, ?, ?)",
            ((doc_id, *fact) for doc_id, known in facts.items() for fact in known),
        )

    def facts(self, field: str) -> dict[str, int]:
        """The texts of a field, in order, with how many documents have each."""
        sql = "SELECT text, COUNT(*) FROM facts WHERE field = ? GROUP BY text ORDER BY text"
        return {str(text): int(str(count)) for text, count in self._rows(sql, field)}

    def facts_of(self, doc_ids: Sequence[str], field: str) -> dict[str, list[str]]:
        """What is known of documents in a field; those without it are left out."""
        known: dict[str, list[str]] = {}
        sql = "SELECT doc_id, field, text FROM facts WHERE doc_id IN ({})"
        for doc_id, found, text in self._rows_of(doc_ids, sql):
            if found == field:
                known.setdefault(str(doc_id), []).append(str(text))
        return known

    def having(self, field: str, text: str) -> list[str]:
        """The documents with a text in a field, in order."""
        sql = "SELECT doc_id FROM facts WHERE field = ? AND text = ? ORDER BY doc_id"
        return [str(row[0]) for row in self._rows(sql, field, text)]

    def list_imported(self, paths: Mapping[str, str | None]) -> None:
        """Make imported documents findable, with the path to show; but of a picture that lies
        in an indexed folder, the folder decides.
        """
        self._db.executemany(
            "UPDATE documents SET imported = 1, path = COALESCE(?, path), "
            "waiting = waiting OR NOT imported WHERE doc_id = ? "
            "AND doc_id NOT IN (SELECT doc_id FROM files)",
            ((path, doc_id) for doc_id, path in paths.items()),
        )

    def imported_twins(self) -> list[tuple[str, str]]:
        """(imported document, the picture that lies at its path) where both are to be found, and
        one of them waits: of others it was looked up before.
        """
        rows = self._rows(
            "SELECT document.doc_id, files.doc_id FROM documents AS document "
            "JOIN files ON files.path = CAST(document.path AS BLOB) "
            "WHERE document.waiting AND document.imported UNION "
            "SELECT imported.doc_id, files.doc_id FROM documents AS picture "
            "JOIN files ON files.doc_id = picture.doc_id "
            "JOIN documents AS imported ON imported.path = CAST(files.path AS TEXT) "
            "WHERE picture.waiting AND imported.imported"
        )
        return [(str(imported), str(picture)) for imported, picture in rows]

    def imported_paths(self, doc_ids: Sequence[str]) -> dict[str, str]:
        """The paths that came with imported documents, where they came with one."""
        sql = "SELECT doc_id, path FROM documents WHERE doc_id IN ({}) AND path IS NOT NULL"
        return {str(doc_id): str(path) for doc_id, path in self._rows_of(doc_ids, sql)}

    def exclude(self, doc_id: str) -> bool:
        """Take an imported document out of the results; False when there is none."""
        changed = self._db.execute(
            "UPDATE documents SET imported = 0, waiting = 1 WHERE doc_id = ? AND imported",
            (doc_id,),
        )
        return changed.rowcount > 0

    def has_document(self, doc_id: str) -> bool:
        return bool(self._rows("SELECT 1 FROM documents WHERE doc_id = ?", doc_id))

    def is_listed(self, doc_id: str) -> bool:
        """Whether the document is to be found: it lies in a folder, or was imported."""
        rows = self._rows(f"SELECT 1 FROM documents WHERE doc_id = ? AND {_LIVE}", doc_id)
        return bool(rows)

    def listed(self) -> list[str]:
        """The ids of all documents that are to be found, in order."""
        rows = self._rows(f"SELECT doc_id FROM documents WHERE {_LIVE} ORDER BY doc_id")
        return [str(row[0]) for row in rows]

    def known(self, doc_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are documents already."""
        sql = "SELECT doc_id FROM documents WHERE doc_id IN ({})"
        return {str(row[0]) for row in self._rows_of(doc_ids, sql)}

    def record(self, shard: str, captions: Iterable[Caption]) -> None:
        """Take note of the captions in a shard, sorted by document."""
        for doc_id, group in groupby(captions, key=attrgetter("doc_id")):
            rows = list(group)
            self._db.execute(
                "INSERT INTO documents (doc_id, imported) VALUES (?, ?) ON CONFLICT (doc_id) "
                "DO UPDATE SET waiting = 1, imported = imported OR (excluded.imported "
                "AND doc_id NOT IN (SELECT doc_id FROM files))",
                (doc_id, any(row.source == "import" for row in rows)),
            )
            self.coverage.note(doc_id, rows)
        self._db.execute("INSERT OR REPLACE INTO shards VALUES (?)", (shard,))

    def shards(self) -> set[str]:
        return {str(row[0]) for row in self._rows("SELECT name FROM shards")}

    def replace_shards(self, names: Iterable[str]) -> None:
        self._db.execute("DELETE FROM shards")
        self._db.executemany("INSERT INTO shards VALUES (?)", ((name,) for name in names))

    def forget_captions(self) -> None:
        """Start over with what is known of captions (after one of the shards broke)."""
        self._db.execute("DELETE FROM shards")
        self.coverage.forget()
        self.mark_all_stale()

    def absorb(self, other: Path) -> None:
        """Take over what another catalog, of the same version, knows of files and failures. What it
        knows of captions is recorded with these.
        """
        with self._errors():
            self._db.execute("ATTACH DATABASE ? AS other", (str(other),))
        try:
            with self.transaction():
                for statement in filter(str.strip, _ABSORB.split(";")):
                    self._db.execute(statement)
        finally:
            self._db.execute("DETACH DATABASE other")

    # Numbers for people

    def pictures(self) -> int:
        return self._number("SELECT COUNT(DISTINCT doc_id) FROM files")

    def places(self) -> int:
        return self._number("SELECT COUNT(*) FROM files")

    def imported(self) -> int:
        return self._number("SELECT COUNT(*) FROM documents WHERE imported")

    def roots(self) -> list[str]:
        rows = self._rows("SELECT DISTINCT root FROM files ORDER BY root")
        return [os.fsdecode(row[0]) for row in rows]  # type: ignore[arg-type]


def identify(catalog: Catalog, name: str | os.PathLike[str]) -> str | None:
    """The doc_id of a picture by its path, its doc_id or its content."""
    row = catalog.file(filesystem.absolute(os.path.expanduser(name)))
    if row is not None:
        return row.doc_id
    if catalog.has_document(str(name)):
        return str(name)
    if os.path.isfile(name):
        from lexsearch.images.files import hash_file  # loads numpy, which a search does not need

        doc_id = hash_file(os.fspath(name))
        if catalog.has_document(doc_id):
            return doc_id
    return None


def _connect_to_write(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=60, check_same_thread=False)
    db.executescript("PRAGMA synchronous = FULL; PRAGMA temp_store = FILE")
    return db


def _connect_to_read(file: Path) -> sqlite3.Connection:
    # What a killed writer left half done is put right by the next reader that may write. Who may
    # not shares the log of a writer who is there; where there is none, nothing changes.
    if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK):
        return _connect(file, "mode=rw")
    return _connect(file, "mode=ro") if _has_writer(file) else _connect_frozen(file)


def _connect_frozen(file: Path) -> sqlite3.Connection:
    """As the file is, whatever a log beside it says."""
    return _connect(file, "mode=ro&immutable=1")


def _connect(file: Path, how: str) -> sqlite3.Connection:
    uri = f"{file.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=60, check_same_thread=False)


def _can_be_read(db: sqlite3.Connection) -> bool:
    """Whether there is room, on a full disk, for what reading beside a log takes."""
    try:
        db.execute(_HAS_TABLES)
    except sqlite3.OperationalError as error:
        code = error.sqlite_errorcode & 0xFF
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN):
            return False
        raise
    return True


def _has_writer(file: Path) -> bool:
    return all(file.with_name(f"{file.name}-{log}").exists() for log in ("wal", "shm"))


def _in_memory(db: sqlite3.Connection) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    with closing(db):
        db.backup(copy)
    return copy


def _below(folder: str) -> tuple[bytes, bytes]:
    """The range of paths below a folder: from "folder/" up to "folder0", its successor."""
    stem = os.fsencode(folder.rstrip("/"))
    return stem + b"/", stem + b"0"


def _file_row(row: tuple[object, ...]) -> FileRow:
    path, root, size, mtime_ns, doc_id = row
    return FileRow(
        os.fsdecode(path),  # type: ignore[arg-type]
        os.fsdecode(root),  # type: ignore[arg-type]
        int(str(size)),
        int(str(mtime_ns)),
        str(doc_id),
    )
