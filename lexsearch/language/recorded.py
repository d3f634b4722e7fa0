"""Sentences of language models in a file that can be shared, and searched with again offline.

JSON Lines: {"query": "family gathering", "batch": 0, "seed": 0, "model": "qwen3:4b", "prompt": 1,
"sentences": ["people eat at a long table", ...]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexsearch.errors import ModelError


class Recorded:
    """The sentences for each (query, batch, prompt), of one model or of whatever was recorded.

    file: is read where it exists. recording: add what is new to it.
    wrong: how many of its lines are none of these; they are left out.
    Raises ModelError for a file that cannot be read.
    """

    def __init__(self, file: Path, *, recording: bool = False) -> None:
        self._file = file
        self._recording = recording
        self._rows: dict[tuple[str, int, int], dict[str, tuple[str, ...]]] = {}
        self.wrong = 0
        if file.exists() or not recording:
            self._read()

    def get(self, query: str, batch: int, prompt: int, model: str | None) -> tuple[str, ...] | None:
        """What this model said; without a model, what the first that was recorded said."""
        rows = self._rows.get((query, batch, prompt), {})
        return rows.get(model) if model else next(iter(rows.values()), None)

    def put(self, row: Mapping[str, Any]) -> None:
        """Write a row that is new, so that it is not lost whatever happens then."""
        if not self._recording:
            return
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        except OSError as error:
            raise ModelError(f"{self._file} could not be written: {error.strerror}") from error

    def _read(self) -> None:
        try:
            lines = self._file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise ModelError(f"{self._file} cannot be read: {error.strerror}") from error
        for line in filter(str.strip, lines):
            try:
                row = json.loads(line)
                key = (str(row["query"]), int(row["batch"]), int(row["prompt"]))
                said = tuple(one for one in row["sentences"] if isinstance(one, str))
                self._rows.setdefault(key, {})[str(row["model"])] = said
            except (ValueError, KeyError, TypeError, RecursionError):
                self.wrong += 1
