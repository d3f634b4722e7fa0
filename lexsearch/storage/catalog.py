"""The catalog: which files lie where, which captions exist, what waits to be indexed.

One SQLite file. Everything in it can be made again from the captions and the folders, except
which imported documents were removed.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lexsearch.errors import IndexReadOnly, IndexUnusable, StorageError
from lexsearch.images.crops import stage_of
from lexsearch.records import Caption, CaptionerKey, Failure

_TABLES = """
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
CREATE TEMP TABLE IF NOT EXISTS seen (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS lost (doc_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_LIVE = "(imported OR EXISTS (SELECT 1 FROM files WHERE files.doc_id = documents.doc_id))"


class FileRow(NamedTuple):
    """A picture file as last seen. Size in bytes, time in nanoseconds since 1970."""

    path: str
    root: str
    size: int
    mtime_ns: int
    doc_id: str


class Catalog:
    """The SQLite file of an index; open for reading unless `write`."""

    def __init__(self, file: Path, *, write: bool = False) -> None:
        self._file = file
        with self._errors():
            self._db = _connect_to_write(file) if write else _connect_to_read(file)
            self._db.execute("PRAGMA schema_version")  # fails now rather than later if damaged

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "readonly" in str(error):
                raise IndexReadOnly(f"{self._file} may not be written to") from error
            raise StorageError(f"{self._file} could not be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise IndexUnusable(
                f"the catalog {self._file} is damaged ({error}); move it away and run "
                "`lexsearch index` on your folders again: no picture is captioned twice"
            ) from error

    def version(self) -> int:
        """Changes whenever somebody else has changed the catalog."""
        return self._number("PRAGMA data_version")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes in the block become durable together, or not at all."""
        with self._errors(), self._db:
            yield

    def _rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._errors():
            return self._db.execute(sql, values).fetchall()

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
        for start in range(0, len(doc_ids), 500):
            part = doc_ids[start : start + 500]
            marks = ",".join("?" * len(part))
            sql = f"SELECT * FROM files WHERE doc_id IN ({marks}) ORDER BY path"
            for row in map(_file_row, self._rows(sql, *part)):
                places[row.doc_id].append(row)
        return places

    def newest(self, limit: int, skip: int = 0) -> list[str]:
        """Documents by the time that their files were last changed, the latest first."""
        rows = self._rows(
            "SELECT doc_id FROM files GROUP BY doc_id ORDER BY MAX(mtime_ns) DESC, doc_id "
            "LIMIT ? OFFSET ?",
            limit,
            skip,
        )
        return [str(row[0]) for row in rows]

    # What one run of indexing has seen

    def mark_seen(self, path: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (os.fsencode(path),))

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

    def has_lost(self, doc_id: str) -> bool:
        """Whether the document lost one of its places in this run."""
        return bool(self._rows("SELECT 1 FROM lost WHERE doc_id = ?", doc_id))

    def to_caption(self, key: CaptionerKey, stage: str) -> list[FileRow]:
        """One place of every document seen in this run that lacks the stage's captions."""
        rows = self._db.execute(
            "SELECT files.* FROM files JOIN seen USING (path) "
            "WHERE NOT EXISTS (SELECT 1 FROM captioned WHERE captioned.doc_id = files.doc_id "
            "AND captioner = ? AND stage = ?) "
            "GROUP BY files.doc_id ORDER BY files.path",
            (self.captioner_id(key), stage),
        )
        return [_file_row(row) for row in rows]

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

    def mark_indexed(self, doc_ids: Iterable[str]) -> None:
        self._db.executemany(
            "UPDATE documents SET waiting = 0 WHERE doc_id = ?", ((doc_id,) for doc_id in doc_ids)
        )

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

    def imported_paths(self, doc_ids: Sequence[str]) -> dict[str, str]:
        """The paths that came with imported documents, where they came with one."""
        marks = ",".join("?" * len(doc_ids))
        sql = f"SELECT doc_id, path FROM documents WHERE doc_id IN ({marks}) AND path IS NOT NULL"
        return {str(doc_id): str(path) for doc_id, path in self._rows(sql, *doc_ids)}

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
        found: set[str] = set()
        for start in range(0, len(doc_ids), 500):
            part = doc_ids[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._rows(f"SELECT doc_id FROM documents WHERE doc_id IN ({marks})", *part)
            found.update(str(row[0]) for row in rows)
        return found

    def captioner_id(self, key: CaptionerKey) -> int:
        self._db.execute(
            "INSERT OR IGNORE INTO captioners (name, version, prompt) VALUES (?, ?, ?)", key
        )
        sql = "SELECT id FROM captioners WHERE name = ? AND version = ? AND prompt = ?"
        return self._number(sql, *key)

    def record(self, shard: str, captions: Iterable[Caption]) -> None:
        """Take note of the captions in a shard."""
        ids: dict[CaptionerKey, int] = {}
        for caption in captions:
            imported = caption.source == "import"
            self._db.execute(
                "INSERT INTO documents (doc_id, imported) VALUES (?, ?) ON CONFLICT (doc_id) "
                "DO UPDATE SET waiting = 1, imported = imported OR (excluded.imported "
                "AND doc_id NOT IN (SELECT doc_id FROM files))",
                (caption.doc_id, imported),
            )
            if caption.source == "model":
                if caption.captioner not in ids:
                    ids[caption.captioner] = self.captioner_id(caption.captioner)
                stage = stage_of(caption.crop)
                if stage is not None:
                    self.set_captioned(caption.doc_id, ids[caption.captioner], stage)
        self._db.execute("INSERT OR REPLACE INTO shards VALUES (?)", (shard,))

    def set_captioned(self, doc_id: str, captioner: int, stage: str) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO captioned VALUES (?, ?, ?)", (doc_id, captioner, stage)
        )

    def shards(self) -> set[str]:
        return {str(row[0]) for row in self._rows("SELECT name FROM shards")}

    def replace_shards(self, names: Iterable[str]) -> None:
        self._db.execute("DELETE FROM shards")
        self._db.executemany("INSERT INTO shards VALUES (?)", ((name,) for name in names))

    def forget_captions(self) -> None:
        """Start over with what is known of captions (after one of the shards broke)."""
        self._db.execute("DELETE FROM shards")
        self._db.execute("DELETE FROM captioned")
        self.mark_all_stale()

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

    def stages(self) -> list[tuple[CaptionerKey, str, int]]:
        """(captioner, stage, pictures captioned) for pictures that are in a folder."""
        rows = self._rows(
            "SELECT name, version, prompt, stage, COUNT(*) FROM captioned "
            "JOIN captioners ON captioners.id = captioner "
            "WHERE doc_id IN (SELECT doc_id FROM files) GROUP BY captioner, stage"
        )
        return [
            (CaptionerKey(str(name), str(version), str(prompt)), str(stage), int(str(count)))
            for name, version, prompt, stage, count in rows
        ]


def _connect_to_write(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=60, check_same_thread=False)
    db.executescript("PRAGMA synchronous = FULL; PRAGMA temp_store = FILE;" + _TABLES)
    return db


def _connect_to_read(file: Path) -> sqlite3.Connection:
    # A journal that a killed writer left is rolled back by the next reader that may write;
    # in a folder that nobody may write to, there is no writer to wait for either.
    mode = "rw" if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK) else "ro"
    frozen = "" if mode == "rw" else "&immutable=1"
    uri = f"{file.absolute().as_uri()}?mode={mode}{frozen}"
    return sqlite3.connect(uri, uri=True, timeout=60, check_same_thread=False)


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
