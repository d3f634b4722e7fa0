"""Answers of language models that were given before, in a file of the user's cache folder."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from hashlib import blake2b
from pathlib import Path

import platformdirs

from lexsearch.language import Ask

_REVISION = 1
_MOST_ROWS, _MOST_BYTES = 200_000, 100_000_000
_TIDY_EVERY = 500  # answers kept
log = logging.getLogger("lexsearch")


class Remembered:
    """Answers by what was asked of which model; neither addresses nor keys are in it.

    The longest unused go where there are more than 200,000, or 100 MB. Several processes may
    use it. Where the file cannot be used, nothing is remembered, and that is logged once.
    """

    def __init__(self, file: Path | None = None) -> None:
        folder = os.environ.get("LEXSEARCH_CACHE") or platformdirs.user_cache_path("lexsearch")
        self._file = file or Path(folder) / "answers.sqlite"
        self._kept = 0
        self._connection: sqlite3.Connection | None = None
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._file, timeout=5.0, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS answers"
                " (key BLOB PRIMARY KEY, answer TEXT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID"
            )
            self._connection.commit()
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def get(self, model: str, ask: Ask) -> str | None:
        """What the model answered, or None."""
        if self._connection is None:
            return None
        key = _key(model, ask)
        try:
            row = self._connection.execute(
                "SELECT answer FROM answers WHERE key = ?", (key,)
            ).fetchone()
            if row is not None:
                self._connection.execute(
                    "UPDATE answers SET used = ? WHERE key = ?", (int(time.time()), key)
                )
                self._connection.commit()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        return row[0] if row else None

    def put(self, model: str, ask: Ask, answer: str) -> None:
        """Keep an answer, in place of an earlier one."""
        if self._connection is None:
            return
        try:
            self._connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)",
                (_key(model, ask), answer, int(time.time())),
            )
            self._connection.commit()
            if self._kept % _TIDY_EVERY == 0:
                self._tidy(self._connection)
            self._kept += 1
        except sqlite3.Error as error:
            self._give_up(error)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _tidy(self, connection: sqlite3.Connection) -> None:
        count, size = connection.execute(
            "SELECT count(*), coalesce(sum(length(answer)), 0) FROM answers"
        ).fetchone()
        while count > _MOST_ROWS or size > _MOST_BYTES:
            connection.execute(
                "DELETE FROM answers WHERE key IN (SELECT key FROM answers ORDER BY used LIMIT ?)",
                (max(count // 10, 1),),
            )
            connection.commit()
            count, size = connection.execute(
                "SELECT count(*), coalesce(sum(length(answer)), 0) FROM answers"
            ).fetchone()

    def _give_up(self, error: Exception) -> None:
        log.warning("answers are not remembered: %s: %s", self._file, error)
        self.close()


def _key(model: str, ask: Ask) -> bytes:
    return blake2b(json.dumps([_REVISION, model, *ask]).encode(), digest_size=16).digest()
