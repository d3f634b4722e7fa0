"""Captions that other tools wrote: text files beside pictures, metadata.jsonl, CSV, JSON.

    photo.txt or photo.caption beside photo.jpg        kohya, taggui, OneTrainer
    {"file_name": "photo.jpg", "text": "..."}          Hugging Face's metadata.jsonl, one a line
    [{"image": "photo.jpg", "caption": "..."}, ...]    a list, or {"photo.jpg": "..."}
    image,caption                                      CSV with a first line of names (, ; tab |)

They name pictures by path or file name, and are turned into the lines that
`lexsearch.storage.transfer.from_json` reads, of the indexed pictures that they mean.
"""

from __future__ import annotations

import codecs
import csv
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TextIO

from lexsearch.errors import ImportFormatError
from lexsearch.records import ProgressCallback
from lexsearch.storage.catalog import Catalog
from lexsearch.storage.transfer import Imported, import_captions
from lexsearch.storage.writer import Writer

_IMAGE_KEYS = (
    "file_name", "filename", "image", "image_path", "img_path", "path", "file", "filepath", "img",
    "image_name", "name",
)  # fmt: skip
_TEXT_KEYS = ("text", "caption", "captions", "description", "prompt", "tags", "comment", "label")
_SIDECARS = (".txt", ".caption")
_DELIMITERS = ",;\t|"

Failed = list[tuple[int, str]]


def is_own(line: str) -> bool:
    """Whether a file that begins with this line is as `lexsearch export` writes it."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "doc_id" in row


def import_from(
    writer: Writer, source: str, keys: Mapping[str, str], progress: ProgressCallback
) -> Imported:
    """Take captions from a file of any of these forms, or of a folder; see `Index.import_from`."""
    foreign = ForeignCaptions(writer.catalog, keys)
    if os.path.isdir(source):
        outcome = import_captions(writer, foreign.beside(os.path.abspath(source)), progress)
        if not (outcome.added or outcome.unchanged or outcome.corrected):
            raise ImportFormatError(
                f"no text file lies beside an indexed picture in {source} (photo.txt beside "
                "photo.jpg); index the folder first"
            )
        return outcome
    with _opened(source) as file:
        first = next((line for line in file if line.strip()), "")
        file.seek(0)
        if is_own(first):
            return import_captions(writer, file, progress)
        outcome = import_captions(writer, foreign.of_file(source, file), progress)
    # Those lines are made here: what is wrong with one is said of the line that it came from.
    outcome.failed = foreign.failed
    return outcome


class ForeignCaptions:
    """Reads captions of other tools for the pictures of an index.

    keys: under what a row has its "image" and its "text", where not by a usual name.
    failed: (line or row number, reason) of what could not be taken, filled while reading.
    """

    def __init__(self, catalog: Catalog, keys: Mapping[str, str]) -> None:
        if foreign := keys.keys() - {"image", "text"}:
            raise ImportFormatError(f"--key {min(foreign)}: it is image=NAME or text=NAME")
        self._catalog = catalog
        self._image_keys = (keys["image"],) if "image" in keys else _IMAGE_KEYS
        self._text_keys = (keys["text"],) if "text" in keys else _TEXT_KEYS
        self._by_name: dict[str, list[str]] | None = None
        self.failed: Failed = []

    def beside(self, folder: str) -> Iterator[str]:
        """The texts that lie beside the indexed pictures at or below a folder."""
        for row in self._catalog.files_under(folder):
            stem = os.path.splitext(row.path)[0]
            for place in (*(stem + end for end in _SIDECARS), f"{row.path}.txt"):
                if (text := _read(place)) is not None:
                    yield _line(row.doc_id, row.path, text, "sidecar")

    def of_file(self, name: str, lines: Iterable[str]) -> Iterator[str]:
        """What a file holds. name: its path, from which relative names are tried first."""
        folder, captioner = os.path.dirname(os.path.abspath(name)), os.path.basename(name)
        for number, row in self._rows(iter(lines)):
            try:
                picture, texts = self._understood(row)
                doc_id, path = self._picture(picture, folder)
            except ImportFormatError as error:
                self.failed.append((number, str(error)))
                continue
            for text in texts:
                yield _line(doc_id, path, text, captioner)

    def _rows(self, lines: Iterator[str]) -> Iterator[tuple[int, object]]:
        first = next((line for line in lines if line.strip()), "")
        start = first.lstrip()[:1]
        if start not in ("{", "["):
            yield from self._of_csv(chain([first], lines))
            return
        try:
            alone = json.loads(first)
        except (ValueError, RecursionError):
            alone = None
        if isinstance(alone, dict) and any(key in alone for key in self._image_keys):
            yield from self._of_lines(chain([first], lines))
            return
        try:
            everything = alone if alone is not None else json.loads("".join(chain([first], lines)))
        except (ValueError, RecursionError) as error:
            raise ImportFormatError(f"neither JSON nor one object a line: {error}") from error
        if isinstance(everything, dict):  # by picture
            everything = [{self._image_keys[0]: name, **_as_row(value, self._text_keys[0])}
                          for name, value in everything.items()]  # fmt: skip
        yield from enumerate(everything, 1)

    def _of_lines(self, lines: Iterable[str]) -> Iterator[tuple[int, object]]:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError) as error:
                    self.failed.append((number, f"not JSON: {error}"))

    def _of_csv(self, lines: Iterator[str]) -> Iterator[tuple[int, object]]:
        first = next(lines, "")
        delimiter = max(_DELIMITERS, key=first.count)
        reader = csv.reader(chain([first], lines), delimiter=delimiter)
        names = [name.strip() for name in next(reader, [])]
        if not (_has(names, self._image_keys) and _has(names, self._text_keys)):
            raise ImportFormatError(
                f"its first line has {', '.join(map(repr, names[:20])) or 'nothing'}, of which "
                "none is known for the picture and one for its text; say which: "
                "--key image=NAME --key text=NAME"
            )
        for values in reader:
            if values:
                yield reader.line_num, dict(zip(names, values, strict=False))

    def _understood(self, row: object) -> tuple[str, list[str]]:
        """The picture that a row names, and its texts."""
        if not isinstance(row, dict):
            raise ImportFormatError("not an object with a picture and its text")
        lower = {str(name).strip().lower(): value for name, value in row.items()}
        picture = next((v for k in self._image_keys if (v := lower.get(k.lower()))), None)
        if isinstance(picture, dict):
            picture = picture.get("path")
        found = next((v for k in self._text_keys if (v := lower.get(k.lower()))), None)
        texts = [str(text).strip() for text in (found if isinstance(found, list) else [found])]
        if not isinstance(picture, str):
            raise ImportFormatError(
                f"names no picture ({_names(row)}); say where: --key image=NAME"
            )
        if found is None or not any(texts):
            raise ImportFormatError(
                f"{picture}: no text ({_names(row)}); say where: --key text=NAME"
            )
        return picture, [text for text in texts if text]

    def _picture(self, name: str, folder: str) -> tuple[str, str]:
        """(doc_id, path) of the indexed picture that is meant: by path, or by the end of it."""
        name = name.strip().replace("\\", "/").removeprefix("file://")
        for place in (os.path.join(folder, name), os.path.abspath(os.path.expanduser(name))):
            if (row := self._catalog.file(os.path.normpath(place))) is not None:
                return row.doc_id, row.path
        parts = [part for part in _folded(name).split("/") if part not in ("", ".", "..")]
        if not parts:
            raise ImportFormatError("names no picture")
        places = self._named(parts[-1])
        for length in range(len(parts), 1, -1):  # the more folders agree, the surer
            end = "/" + "/".join(parts[-length:])
            fitting = [place for place in places if _folded(place).endswith(end)]
            places = fitting or places
            if fitting:
                break
        documents = {row.doc_id: row.path for place in places if (row := self._catalog.file(place))}
        if not documents:
            raise ImportFormatError(f"{name}: no indexed picture has this path or name")
        if len(documents) > 1:
            raise ImportFormatError(f"{name}: {len(documents)} indexed pictures have this name")
        return next(iter(documents.items()))

    def _named(self, name: str) -> Sequence[str]:
        """Paths of indexed pictures with this file name, with its ending or without."""
        if self._by_name is None:
            self._by_name = {}
            for root in self._catalog.roots():
                for row in self._catalog.files_under(root):
                    base = _folded(os.path.basename(row.path))
                    for key in {base, os.path.splitext(base)[0]}:
                        self._by_name.setdefault(key, []).append(row.path)
        return self._by_name.get(name, [])


def _opened(source: str) -> TextIO:
    with open(source, "rb") as file:
        wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return open(source, encoding="utf-16" if wide else "utf-8-sig", errors="replace", newline="")


def _read(place: str) -> str | None:
    """The text of a file; None where there is none, or nothing in it."""
    try:
        with open(place, encoding="utf-8-sig", errors="replace") as file:
            return file.read().strip() or None
    except OSError:
        return None


def _line(doc_id: str, path: str, text: str, captioner: str) -> str:
    row = {"doc_id": doc_id, "path": path, "text": text, "captioner": captioner}
    return json.dumps(row)


def _as_row(value: object, key: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else {key: value}


def _has(names: Sequence[str], keys: Sequence[str]) -> bool:
    known = {name.lower() for name in names}
    return any(key.lower() in known for key in keys)


def _names(row: Mapping[str, object]) -> str:
    return "it has " + (", ".join(map(repr, list(row)[:20])) or "nothing")


def _folded(path: str) -> str:
    """Of two ways to write an accent one."""
    return unicodedata.normalize("NFC", path)
