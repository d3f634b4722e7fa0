"""Which captioner has described which crops of which pictures, and which views it could not.

A stage whose crops all have answers is one row in `captioned`; of a stage that is under way,
`described` has a row for each crop, so that a run that was stopped asks for the rest alone. Both
are made again from the captions. `undescribed` has the views without an answer: those that were
refused are not asked about again by themselves, since each question may cost money.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from lexsearch.images.crops import ANY_SIDE, STAGES, stage_of
from lexsearch.records import WHOLE, Caption, CaptionerKey, Failure

Execute = Callable[..., list[tuple[object, ...]]]


class Lacking(NamedTuple):
    """A picture that lacks captions of a stage. size, mtime_ns: of its file, when identified.

    answered: its crops that are not to be asked about (again).
    """

    doc_id: str
    path: str
    size: int
    mtime_ns: int
    answered: frozenset[str]


class Coverage:
    """Those tables. execute: runs a statement of SQL with its values and gives the rows."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def captioner_id(self, key: CaptionerKey) -> int:
        self._execute(
            "INSERT OR IGNORE INTO captioners (name, version, prompt) VALUES (?, ?, ?)", *key
        )
        sql = "SELECT id FROM captioners WHERE name = ? AND version = ? AND prompt = ?"
        return int(str(self._execute(sql, *key)[0][0]))

    def note(self, doc_id: str, captions: Iterable[Caption]) -> None:
        """Take note of captions of a document that are stored."""
        groups: dict[tuple[CaptionerKey, str], list[Caption]] = {}
        for row in captions:
            stage = stage_of(row.crop)
            if row.source == "model" and stage is not None:
                groups.setdefault((row.captioner, stage), []).append(row)
        for (key, stage), rows in groups.items():
            self._note(doc_id, self.captioner_id(key), stage, rows)

    def _note(self, doc_id: str, captioner: int, stage: str, captions: list[Caption]) -> None:
        """A stage is complete where all the crops of a picture of that size have words."""
        crops = {row.crop for row in captions}
        self._answered(doc_id, captioner, crops)
        width, height = captions[-1].width or ANY_SIDE, captions[-1].height or ANY_SIDE
        wanted = {crop.name for crop in STAGES[stage](width, height)}
        if not crops >= wanted:
            sql = "SELECT crop FROM described WHERE doc_id = ? AND captioner = ?"
            known = {str(row[0]) for row in self._execute(sql, doc_id, captioner)}
            if not crops | known >= wanted:
                for crop in crops - known:
                    sql = "INSERT INTO described VALUES (?, ?, ?)"
                    self._execute(sql, doc_id, captioner, crop)
                return
        self._complete(doc_id, captioner, stage)

    def _answered(self, doc_id: str, captioner: int, crops: Iterable[str]) -> None:
        sql = "SELECT crop FROM undescribed WHERE doc_id = ? AND captioner = ?"
        failed = {str(row[0]) for row in self._execute(sql, doc_id, captioner)}
        for crop in failed.intersection(crops):
            sql = "DELETE FROM undescribed WHERE doc_id = ? AND captioner = ? AND crop = ?"
            self._execute(sql, doc_id, captioner, crop)

    def complete(self, doc_id: str, key: CaptionerKey, stage: str) -> None:
        """Nothing is left to be asked of a stage: the picture has none of its crops, for one."""
        self._complete(doc_id, self.captioner_id(key), stage)

    def _complete(self, doc_id: str, captioner: int, stage: str) -> None:
        sql = "INSERT OR IGNORE INTO captioned VALUES (?, ?, ?)"
        self._execute(sql, doc_id, captioner, stage)
        sql = "SELECT crop FROM described WHERE doc_id = ? AND captioner = ?"
        for (crop,) in self._execute(sql, doc_id, captioner):
            if stage_of(str(crop)) == stage:
                sql = "DELETE FROM described WHERE doc_id = ? AND captioner = ? AND crop = ?"
                self._execute(sql, doc_id, captioner, crop)

    def fail(
        self, doc_id: str, key: CaptionerKey, crop: str, reason: str, *, refused: bool
    ) -> None:
        """Note a view that has no answer. refused: asking again would be in vain."""
        values = (doc_id, self.captioner_id(key), crop, reason, refused, time.time())
        self._execute("INSERT OR REPLACE INTO undescribed VALUES (?, ?, ?, ?, ?, ?)", *values)

    def captioners(self) -> list[CaptionerKey]:
        """All that ever described something."""
        rows = self._execute("SELECT name, version, prompt FROM captioners ORDER BY id")
        return [
            CaptionerKey(str(name), str(version), str(prompt)) for name, version, prompt in rows
        ]

    def outdated(self, key: CaptionerKey, earlier: Iterable[CaptionerKey]) -> int:
        """How many documents seen in this run were described by the earlier ones alone."""
        described = (
            "SELECT files.doc_id FROM files JOIN seen USING (path) JOIN captioned USING (doc_id) "
            f"WHERE stage = '{WHOLE}' AND captioner = ?"
        )
        found: set[str] = set()
        for one in earlier:
            rows = self._execute(described, self.captioner_id(one))
            found.update(str(doc_id) for (doc_id,) in rows)
        now = {str(row[0]) for row in self._execute(described, self.captioner_id(key))}
        return len(found - now)

    def lacking(
        self, key: CaptionerKey, stage: str, earlier: Iterable[CaptionerKey] = ()
    ) -> list[Lacking]:
        """One place of every document seen in this run that lacks captions of the stage.

        earlier: captioners whose captions of a stage do as well.

        In order of path; those where a view failed before come last, so that pictures at the
        head of a folder that always fail never keep the rest from being described. Pictures
        that were refused as a whole are left out.
        """
        captioner = self.captioner_id(key)
        do = ", ".join(str(self.captioner_id(one)) for one in (key, *earlier))
        answered: dict[str, set[str]] = {}
        sql = (
            "SELECT doc_id, crop FROM described WHERE captioner = ? UNION ALL "
            "SELECT doc_id, crop FROM undescribed WHERE captioner = ? AND refused"
        )
        for doc_id, crop in self._execute(sql, captioner, captioner):
            answered.setdefault(str(doc_id), set()).add(str(crop))
        sql = (
            "SELECT files.doc_id, files.path, size, mtime_ns, "
            "EXISTS (SELECT 1 FROM undescribed WHERE undescribed.doc_id = files.doc_id "
            "AND captioner = ?) AS failed FROM files JOIN seen USING (path) "
            "WHERE NOT EXISTS (SELECT 1 FROM captioned WHERE captioned.doc_id = files.doc_id "
            f"AND captioner IN ({do}) AND stage = ?) "
            "AND NOT EXISTS (SELECT 1 FROM undescribed WHERE undescribed.doc_id = files.doc_id "
            "AND captioner = ? AND crop = ? AND refused) "
            "GROUP BY files.doc_id ORDER BY failed, files.path"
        )
        rows = self._execute(sql, captioner, stage, captioner, WHOLE)
        return [
            Lacking(
                str(doc_id),
                os.fsdecode(path),  # type: ignore[arg-type]
                int(str(size)),
                int(str(mtime_ns)),
                frozenset(answered.get(str(doc_id), ())),
            )
            for doc_id, path, size, mtime_ns, _ in rows
        ]

    def describe_again(self, key: CaptionerKey, limit: int | None = None) -> None:
        """Count the documents seen in this run, or the first `limit` of them, as not described by
        this captioner. Their captions stay in effect until there are new ones.
        """
        captioner = self.captioner_id(key)
        for table in ("captioned", "described", "undescribed"):
            self._execute(
                f"DELETE FROM {table} WHERE captioner = ? AND doc_id IN (SELECT doc_id FROM files "
                "JOIN seen USING (path) GROUP BY doc_id ORDER BY MIN(path) LIMIT ?)",
                captioner,
                -1 if limit is None else limit,
            )

    def forget(self) -> None:
        """Start over with what is known of captions."""
        self._execute("DELETE FROM captioned")
        self._execute("DELETE FROM described")

    def stages(self) -> list[tuple[CaptionerKey, str, int]]:
        """(captioner, stage, pictures captioned) for pictures that are in a folder."""
        rows = self._execute(
            "SELECT name, version, prompt, stage, COUNT(*) FROM captioned "
            "JOIN captioners ON captioners.id = captioner "
            "WHERE doc_id IN (SELECT doc_id FROM files) GROUP BY captioner, stage"
        )
        return [
            (CaptionerKey(str(name), str(version), str(prompt)), str(stage), int(str(count)))
            for name, version, prompt, stage, count in rows
        ]

    def undescribed(self, seen: CaptionerKey | None = None) -> list[tuple[CaptionerKey, Failure]]:
        """What captioners could not describe: a place of each picture, with the reason.

        seen: only what this captioner could not, of the pictures seen in this run.
        """
        only = "JOIN seen USING (path) WHERE captioner = ?" if seen else ""
        rows = self._execute(
            "SELECT name, version, prompt, MIN(files.path), COUNT(DISTINCT crop), MIN(crop), "
            "reason, MAX(refused) FROM undescribed JOIN captioners ON captioners.id = captioner "
            f"JOIN files USING (doc_id) {only} "
            "GROUP BY captioner, doc_id ORDER BY captioner, files.path",
            *([self.captioner_id(seen)] if seen else []),
        )
        return [
            (
                CaptionerKey(str(name), str(version), str(prompt)),
                Failure(
                    os.fsdecode(path),  # type: ignore[arg-type]
                    _of_views(str(reason), str(crop), int(str(views)), bool(refused)),
                ),
            )
            for name, version, prompt, path, views, crop, reason, refused in rows
        ]


def _of_views(reason: str, crop: str, views: int, refused: bool) -> str:
    """A reason, with how much of the picture it is about and what becomes of it."""
    what = f"{views} views: " if views > 1 else "" if crop == WHOLE else f"{crop}: "
    return f"{what}{reason}{' (not asked again without --again)' if refused else ''}"
