"""Captions in and out as JSON Lines: a portable, correctable asset."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lexsearch.errors import ImportFormatError
from lexsearch.images import filesystem
from lexsearch.records import (
    CAPTION_FIELDS,
    WHOLE,
    Box,
    Caption,
    CaptionerKey,
    Progress,
    ProgressCallback,
)
from lexsearch.storage.documents import HUMAN, latest, same_as
from lexsearch.storage.writer import Writer

_CHUNK_ROWS = 50_000
_CHUNK_CHARACTERS = 32_000_000
_CONTENT_HASH = re.compile(r"[0-9a-f]{32}")


@dataclass(slots=True)
class Imported:
    """What came of an import; counts of captions. failed: (line number, reason)."""

    added: int = 0
    unchanged: int = 0
    corrected: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)


def import_captions(writer: Writer, lines: Iterable[str], progress: ProgressCallback) -> Imported:
    """Take captions from JSON Lines; see `Index.import_captions`."""
    outcome = Imported()
    chunk: list[tuple[Caption, str | None]] = []
    characters = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            caption, path = from_json(line)
        except ImportFormatError as error:
            outcome.failed.append((number, str(error)))
            continue
        full = len(chunk) >= _CHUNK_ROWS or characters > _CHUNK_CHARACTERS
        # Captions of one picture stay together, so that whole stages can be told from parts.
        if full and (chunk[-1][0].doc_id != caption.doc_id or len(chunk) >= 2 * _CHUNK_ROWS):
            _take(writer, chunk, outcome)
            chunk, characters = [], 0
        chunk.append((caption, path))
        characters += len(line)
        if number % 1000 == 0:
            progress(Progress("importing", number, None, "caption", len(outcome.failed)))
    _take(writer, chunk, outcome)
    writer.sync(progress)
    return outcome


def _take(writer: Writer, chunk: list[tuple[Caption, str | None]], outcome: Imported) -> None:
    """Store what is new of a chunk. A caption known with another text is a correction."""
    chunk = _of_pictures(writer, chunk)
    paths = dict.fromkeys(caption.doc_id for caption, _ in chunk)
    paths.update((caption.doc_id, path) for caption, path in chunk if path)
    known = writer.catalog.known(list(paths))
    texts = {
        (doc_id, *key): caption.text
        for doc_id, captions in (writer.store.scan(known) if known else ())
        for key, caption in latest(captions).items()
    }
    new = []
    for caption, _ in chunk:
        key = (caption.doc_id, *same_as(caption))
        before = texts.get(key)
        if caption.text in (before, texts.get((*key[:-1], HUMAN))):
            outcome.unchanged += 1
            continue
        if before is None:
            outcome.added += 1
        else:
            outcome.corrected += 1
            caption = caption._replace(source="human", captioner=CaptionerKey("human"))
            key = (*key[:-1], HUMAN)
        new.append(caption)
        texts[key] = caption.text
    writer.keep(new)
    with writer.catalog.transaction():
        writer.catalog.list_imported(paths)
    writer.tidy()


def _of_pictures(
    writer: Writer, chunk: list[tuple[Caption, str | None]]
) -> list[tuple[Caption, str | None]]:
    """The chunk with absolute paths where files are, and with the id of the picture at the path
    in place of a name of one's own. A content hash stays: it is of what lay there then.
    """
    places: dict[str, tuple[str, str | None]] = {}
    for _, path in chunk:
        if path and path not in places:
            place = filesystem.absolute(os.path.expanduser(path))
            row = writer.catalog.file(place)
            known = row is not None or os.path.exists(place)
            places[path] = place if known else path, row and row.doc_id
    taken: list[tuple[Caption, str | None]] = []
    for caption, path in chunk:
        shown, doc_id = places[path] if path else (None, None)
        if doc_id and not _CONTENT_HASH.fullmatch(caption.doc_id):
            caption = caption._replace(doc_id=doc_id)
        taken.append((caption, shown))
    return taken


def from_json(line: str) -> tuple[Caption, str | None]:
    """A caption, and the picture's path if given, from one line: an object with `doc_id` and
    `text`, optionally `caption_id`, `path`, `crop`, `field`, `captioner`, `version`, `prompt`,
    `source`, `box`, `width`, `height` and `time`.

    Without a caption_id, the text itself tells captions of one crop apart.
    Raises ImportFormatError saying what is wrong.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ImportFormatError(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise ImportFormatError("not a JSON object")
    text = _string(row, "text", None)
    doc_id = _string(row, "doc_id", None)
    if not doc_id:
        raise ImportFormatError("'doc_id' is empty")
    field = _string(row, "field", "caption")
    if field not in CAPTION_FIELDS:
        raise ImportFormatError(f"'field' is {field!r}, not one of {', '.join(CAPTION_FIELDS)}")
    source = _string(row, "source", "import")
    key = [_string(row, name, "") for name in ("captioner", "version", "prompt")]
    caption = Caption(
        doc_id,
        _string(row, "crop", WHOLE),
        text,
        field,
        _string(row, "caption_id", "") if "caption_id" in row else _digest(text),
        source if source in ("model", "human") else "import",
        CaptionerKey(*key),
        _box(row.get("box")),
        _length(row, "width"),
        _length(row, "height"),
        _time(row.get("time")),
    )
    return caption, _string(row, "path", "") or None


def _string(row: Mapping[str, Any], name: str, default: str | None) -> str:
    value = row.get(name, default)
    if value is None:
        raise ImportFormatError(f"'{name}' is missing")
    if type(value) is str and value.isascii() and "\0" not in value:  # nearly all; much faster
        return value
    if not isinstance(value, str | int):
        raise ImportFormatError(f"'{name}' is not a string")
    return str(value).encode("utf-8", "replace").decode().replace("\0", " ")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _length(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    if value is not None and (not isinstance(value, int) or not 0 <= value < 2**31):
        raise ImportFormatError(f"'{name}' is not a number of pixels")
    return value


def _box(value: object) -> Box | None:
    if value is None:
        return None
    if (
        isinstance(value, list)
        and len(value) == 4
        and all(isinstance(side, int) and 0 <= side < 2**31 for side in value)
        and value[0] < value[2]
        and value[1] < value[3]
    ):
        return Box(*value)
    raise ImportFormatError("'box' is not [left, top, right, bottom] in pixels")


def _time(value: object) -> int:
    if value is None:
        return time.time_ns() // 1000
    try:
        return round(datetime.fromisoformat(str(value)).timestamp() * 1e6)
    except ValueError as error:
        raise ImportFormatError(f"'time' is not an ISO 8601 time: {value!r}") from error


def to_json(caption: Caption, path: str | None) -> str:
    """One line that `from_json` reads back to the same caption."""
    row: dict[str, object] = {
        "doc_id": caption.doc_id,
        "path": path,
        "crop": caption.crop,
        "box": caption.box,
        "width": caption.width,
        "height": caption.height,
        "field": caption.field,
        "caption_id": caption.caption_id,
        "text": caption.text,
        "source": caption.source,
        **dict(zip(("captioner", "version", "prompt"), caption.captioner, strict=True)),
        "time": datetime.fromtimestamp(caption.time / 1e6, UTC).isoformat(),
    }
    return json.dumps({name: value for name, value in row.items() if value is not None})
