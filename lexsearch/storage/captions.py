"""The caption store: append-only Parquet shards, the asset that everything else is built from.

A shard holds rows sorted by doc_id and is written under a temporary name, flushed to disk and
renamed, so that its presence means it is complete. Small shards are merged into larger ones as
they gather, at most `_FANOUT` of a size standing at a time, so that reading all captions in
order of document needs only a handful of open files whatever the size of the collection.
Any Parquet reader can read a shard.
"""

from __future__ import annotations

import heapq
import json
import os
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lexsearch.errors import StorageError
from lexsearch.records import Box, Caption, CaptionerKey

SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("crop", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("caption_id", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("captioner", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("left", pa.int32()),
        pa.field("top", pa.int32()),
        pa.field("right", pa.int32()),
        pa.field("bottom", pa.int32()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
"""One row a caption. Lengths in pixels of the upright picture."""

_REPEATED = ["crop", "field", "source", "captioner", "version", "prompt"]
_NAME = re.compile(r"captions-(\d{8})-(\d)\.parquet")
_NUMBERED = re.compile(r"captions-(\d{8})-\d\.")  # half-written and damaged ones too
_FANOUT = 16
_ROW_GROUP = 4096
_BATCH = 1024
_LOOKUP_LIMIT = 2000


class DamagedShard(StorageError):
    """A shard that was opened and read, and does not hold what was written."""

    def __init__(self, shard: Path, reason: object) -> None:
        super().__init__(
            f"the captions file {shard} is damaged ({reason}); `lexsearch reindex` sets it "
            "aside, and the next `lexsearch index` captions its pictures again"
        )
        self.shard = shard


class CaptionStore:
    """The shards in a folder. One process may write at a time; the caller holds the lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def shards(self) -> list[Path]:
        """The shards that hold captions, in the order they were written."""
        if not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))

    def append(self, captions: Iterable[Caption]) -> Path:
        """Write captions as one shard and return it; raises StorageError when the disk is full."""
        rows = sorted(captions, key=attrgetter("doc_id"))
        return self._write([_to_table(rows)], level=0)

    def scan(self, doc_ids: Collection[str] | None = None) -> Iterator[tuple[str, list[Caption]]]:
        """(doc_id, its captions) in order of doc_id, for all documents or the given ones.

        Memory use does not grow with the number of documents.
        Raises DamagedShard for a damaged one, StorageError where the disk does not give it.
        """
        wanted = sorted(doc_ids) if doc_ids is not None else None
        few = wanted if wanted is not None and len(wanted) <= _LOOKUP_LIMIT else None
        chosen = None if wanted is None else set(wanted)
        with ExitStack() as opened:
            streams = [_read(*shard, few) for shard in self._open(opened)]
            documents = groupby(heapq.merge(*streams, key=itemgetter(0)), key=itemgetter(0))
            for doc_id, parts in documents:
                if chosen is None or doc_id in chosen:
                    yield doc_id, [caption for _, captions in parts for caption in captions]

    def texts(self, field: str) -> dict[str, str]:
        """The last text in a field of every document that has one, by doc_id; reads little else."""
        found: dict[str, tuple[int, str]] = {}
        with ExitStack() as opened:
            for shard, file in self._open(opened):
                with _damage(shard):
                    columns = ["doc_id", "field", "text", "time"]
                    parquet = pq.ParquetFile(file, page_checksum_verification=True)
                    for batch in parquet.iter_batches(_BATCH, columns=columns):
                        some = batch.filter(pc.equal(batch["field"], field))
                        times = some["time"].cast(pa.int64()).to_pylist()
                        rows = zip(
                            some["doc_id"].to_pylist(), times, some["text"].to_pylist(), strict=True
                        )
                        for doc_id, time, text in rows:
                            if text and time >= found.get(doc_id, (time, ""))[0]:
                                found[doc_id] = (time, text)
        return {doc_id: text for doc_id, (_, text) in found.items()}

    def _open(self, opened: ExitStack) -> Sequence[tuple[Path, BinaryIO]]:
        """All shards of one moment, though a writer may be merging them: a shard that is open
        can be read to its end when its file has gone.
        """
        while True:
            shards = self.shards()
            with ExitStack() as files:
                try:
                    pairs = [(shard, files.enter_context(shard.open("rb"))) for shard in shards]
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise _unavailable(self._folder, error) from error
                if self.shards() == shards:
                    opened.push(files.pop_all())
                    return pairs

    def read(self, shard: Path) -> Iterator[tuple[str, list[Caption]]]:
        """(doc_id, captions) of one shard, in order; a document may come twice in a row."""
        with _opened(shard) as file:
            yield from _read(shard, file, None)

    def damaged(self) -> list[DamagedShard]:
        """Shards whose end, which tells what is where, is damaged (data are checked when read)."""
        found = []
        for shard in self.shards():
            try:
                with _opened(shard) as file, _damage(shard):
                    pq.read_metadata(file)
            except DamagedShard as error:
                found.append(error)
        return found

    def replaced(self) -> set[str]:
        """Names of shards whose captions live on in a merged one."""
        return {name for shard in self.shards() for name in _replaces(shard)}

    def set_aside(self, shard: Path) -> Path:
        """Move a damaged shard out of the way, keeping it for repair; returns its new place."""
        place = shard.with_suffix(".broken")
        os.replace(shard, place)
        return place

    def finish(self) -> None:
        """Complete what a killed writer left: half-written files, and merged shards to drop."""
        if not self._folder.is_dir():
            return
        for part in self._folder.glob("*.part"):
            part.unlink()
        for shard in self.shards():
            _drop_replaced(shard)

    def compact(self) -> None:
        """Merge shards of one size wherever `_FANOUT` of them have gathered."""
        for level in range(9):
            members = [shard for shard in self.shards() if _level(shard) == level]
            if len(members) >= _FANOUT:
                self._merge(members, level + 1)

    def _merge(self, members: Sequence[Path], level: int) -> None:
        streams = heapq.merge(*(self.read(shard) for shard in members), key=itemgetter(0))
        rows = (caption for _, captions in streams for caption in captions)
        replaces = {b"replaces": json.dumps([shard.name for shard in members]).encode()}
        merged = self._write(_tables(rows), level, replaces)
        _drop_replaced(merged)

    def _write(
        self, tables: Iterable[pa.Table], level: int, metadata: dict[bytes, bytes] | None = None
    ) -> Path:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            shard = self._folder / f"captions-{self._next_number():08d}-{level}.parquet"
            part = shard.with_suffix(".part")
            try:
                with part.open("wb") as file:
                    with pq.ParquetWriter(
                        file,
                        SCHEMA.with_metadata(metadata),
                        compression="zstd",
                        use_dictionary=_REPEATED,
                        write_page_checksum=True,
                    ) as writer:
                        for table in tables:
                            writer.write_table(table, row_group_size=_ROW_GROUP)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(part, shard)
            finally:
                part.unlink(missing_ok=True)
            _sync_folder(self._folder)
        except OSError as error:
            raise StorageError(
                f"captions could not be written to {self._folder}: {error.strerror or error}"
            ) from error
        return shard

    def _next_number(self) -> int:
        numbered = (_NUMBERED.match(path.name) for path in self._folder.iterdir())
        return max((int(name[1]) for name in numbered if name), default=0) + 1


def _level(shard: Path) -> int:
    return int(shard.stem.rpartition("-")[2])


def _replaces(shard: Path) -> list[str]:
    if _level(shard) == 0:
        return []
    try:
        with _opened(shard) as file, _damage(shard):
            names: list[str] = json.loads(pq.read_schema(file).metadata[b"replaces"])
        return names
    except DamagedShard:
        return []  # whoever reads it says so


def _drop_replaced(shard: Path) -> None:
    for name in _replaces(shard):
        (shard.parent / name).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _to_table(captions: Sequence[Caption]) -> pa.Table:
    boxes = [caption.box or (None,) * 4 for caption in captions]
    columns = {
        "doc_id": [caption.doc_id for caption in captions],
        "crop": [caption.crop for caption in captions],
        "field": [caption.field for caption in captions],
        "caption_id": [caption.caption_id for caption in captions],
        "text": [caption.text for caption in captions],
        "source": [caption.source for caption in captions],
        "captioner": [caption.captioner.name for caption in captions],
        "version": [caption.captioner.version for caption in captions],
        "prompt": [caption.captioner.prompt for caption in captions],
        "left": [box[0] for box in boxes],
        "top": [box[1] for box in boxes],
        "right": [box[2] for box in boxes],
        "bottom": [box[3] for box in boxes],
        "width": [caption.width for caption in captions],
        "height": [caption.height for caption in captions],
        "time": [caption.time for caption in captions],
    }
    return pa.table(columns, schema=SCHEMA)


def _tables(captions: Iterable[Caption]) -> Iterator[pa.Table]:
    batch: list[Caption] = []
    for caption in captions:
        batch.append(caption)
        if len(batch) == _ROW_GROUP:
            yield _to_table(batch)
            batch = []
    if batch:
        yield _to_table(batch)


@contextmanager
def _opened(shard: Path) -> Iterator[BinaryIO]:
    try:
        file = shard.open("rb")
    except OSError as error:
        raise _unavailable(shard, error) from error
    with file:
        yield file


@contextmanager
def _damage(shard: Path) -> Iterator[None]:
    """Tell damage from a disk that fails. Of the two that pyarrow raises as OSError, what the
    system says has a number; a wrong checksum has none.
    """
    try:
        yield
    except (MemoryError, OSError) as error:
        if isinstance(error, MemoryError) or error.errno is not None:
            raise _unavailable(shard, error) from error
        raise DamagedShard(shard, error) from error
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise DamagedShard(shard, error) from error


def _unavailable(place: Path, error: OSError | MemoryError) -> StorageError:
    reason = "not enough memory" if isinstance(error, MemoryError) else error.strerror or error
    return StorageError(
        f"captions could not be read from {place} ({reason}); nothing was changed: try again when "
        "that is mended"
    )


def _read(
    shard: Path, opened: BinaryIO, doc_ids: Sequence[str] | None
) -> Iterator[tuple[str, list[Caption]]]:
    """(doc_id, captions) in one shard; with doc_ids (sorted), only the row groups that can
    hold one of them are read. A document may come more than once in a row.
    """
    with _damage(shard):
        file = pq.ParquetFile(opened, page_checksum_verification=True)
        groups = list(range(file.metadata.num_row_groups))
        if doc_ids is not None:
            groups = [group for group in groups if _may_hold(file.metadata, group, doc_ids)]
        wanted = None if doc_ids is None else set(doc_ids)
        batches = file.iter_batches(_BATCH, row_groups=groups)
    while True:
        with _damage(shard):
            batch = next(batches, None)
            captions = [] if batch is None else list(_from_batch(batch, wanted))
        if batch is None:
            return
        for doc_id, rows in groupby(captions, key=itemgetter(0)):
            yield doc_id, list(rows)


def _may_hold(metadata: pq.FileMetaData, group: int, doc_ids: Sequence[str]) -> bool:
    statistics = metadata.row_group(group).column(0).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    nearest = bisect_left(doc_ids, statistics.min)
    return nearest < len(doc_ids) and doc_ids[nearest] <= statistics.max


def _from_batch(batch: pa.RecordBatch, wanted: set[str] | None) -> Iterator[Caption]:
    if wanted is not None:
        batch = batch.filter(pc.is_in(batch["doc_id"], pa.array(sorted(wanted))))
    times = batch["time"].cast(pa.int64()).to_pylist()
    columns = [batch[name].to_pylist() for name in SCHEMA.names[:-1]]
    keys: dict[tuple[str, str, str], CaptionerKey] = {}
    for row in zip(*columns, times, strict=True):
        doc_id, crop, field, caption_id, text, source, *key, left, top, right, bottom = row[:13]
        width, height, time = row[13:]
        captioner = keys.setdefault(tuple(key), CaptionerKey(*key))
        box = None if left is None else Box(left, top, right, bottom)
        yield Caption(
            doc_id, crop, text, field, caption_id, source, captioner, box, width, height, time
        )
