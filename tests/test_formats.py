"""An index as the first lexsearch wrote it: opened, brought up to date, and nothing lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes import FakeCaptioner, picture

import lexsearch
from lexsearch.engines.lucene import layout
from lexsearch.errors import EngineOutdated, IndexUnusable
from lexsearch.images.files import hash_file

SETTINGS = {
    "format": 1,
    "ranking": {"k1": 1.5, "b": 0.3},
    "captioner": {"name": "fake", "version": "1", "prompt": ""},
}
TABLES = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, root BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    doc_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_by_document ON files (doc_id);
CREATE TABLE failures (
    path BLOB PRIMARY KEY, reason TEXT NOT NULL, time REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE documents (
    doc_id TEXT PRIMARY KEY, imported INTEGER NOT NULL DEFAULT 0, path TEXT,
    waiting INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE INDEX waiting_documents ON documents (doc_id) WHERE waiting;
CREATE TABLE captioners (
    id INTEGER PRIMARY KEY, name TEXT, version TEXT, prompt TEXT, UNIQUE (name, version, prompt)
);
CREATE TABLE captioned (
    doc_id TEXT, captioner INTEGER, stage TEXT, PRIMARY KEY (doc_id, captioner, stage)
) WITHOUT ROWID;
CREATE TABLE shards (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
SCHEMA = pa.schema(
    [
        *[pa.field(n, pa.string(), nullable=False) for n in ("doc_id", "crop", "field")],
        pa.field("caption_id", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        *[pa.field(n, pa.string(), nullable=False) for n in ("source", "captioner", "version")],
        pa.field("prompt", pa.string(), nullable=False),
        *[pa.field(n, pa.int32()) for n in ("left", "top", "right", "bottom", "width", "height")],
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
SHARD = "captions-00000001-0.parquet"


@pytest.fixture
def old(tmp_path: Path, photos: Path) -> Path:
    """A picture, described as a whole and corrected, and an imported document that was removed."""
    place = picture(photos / "sea.png", "blue", (64, 48))
    doc_id, status = hash_file(str(place)), place.stat()
    folder = tmp_path / "index"
    (folder / "captions").mkdir(parents=True)
    (folder / "index.json").write_text(json.dumps(SETTINGS))
    rows = [
        ("7", "whole", "caption", "x", "a camel", "import", "", "", "", 1),
        ("8", "whole", "caption", "x", "a gnu", "import", "", "", "", 1),
        (doc_id, "whole", "caption", "", "blue whole x0000ff", "model", "fake", "1", "", 2),
        (doc_id, "whole", "caption", "", "Bella at the sea", "human", "human", "", "", 3),
    ]
    columns = dict(zip(SCHEMA.names[:9], map(list, zip(*rows, strict=True)), strict=False))
    sides = {"left": 0, "top": 0, "right": 64, "bottom": 48, "width": 64, "height": 48}
    boxes = {name: [None, None, side, side] for name, side in sides.items()}
    times = {"time": [row[-1] for row in rows]}
    table = pa.table({**columns, **boxes, **times}, schema=SCHEMA)
    pq.write_table(table.sort_by("doc_id"), folder / "captions" / SHARD, write_page_checksum=True)
    db = sqlite3.connect(folder / "catalog.sqlite")
    db.executescript(TABLES)
    db.execute(
        "INSERT INTO files VALUES (?, ?, ?, ?, ?)",
        (bytes(place), bytes(photos), status.st_size, status.st_mtime_ns, doc_id),
    )
    db.execute("INSERT INTO failures VALUES (?, 'the file is empty', 1)", (bytes(photos / "x"),))
    documents = [("7", 1, "desert/7.jpg", 1), ("8", 0, None, 1), (doc_id, 0, None, 1)]
    db.executemany("INSERT INTO documents VALUES (?, ?, ?, ?)", documents)
    db.execute("INSERT INTO captioners VALUES (1, 'fake', '1', '')")
    db.execute("INSERT INTO captioned VALUES (?, 1, 'whole')", (doc_id,))
    db.execute("INSERT INTO shards VALUES (?)", (SHARD,))
    db.commit()
    db.close()
    return folder


def assert_nothing_lost(index: lexsearch.Index) -> None:
    assert [Path(hit.path or "").name for hit in index.search("Bella")] == ["sea.png"]
    assert [hit.path for hit in index.search("camel")] == ["desert/7.jpg"]
    assert index.search("gnu") == []
    assert (index.settings.ranking.k1, index.settings.ranking.b) == (1.5, 0.3)
    status = index.status()
    assert (status.pictures, status.imported, status.searchable) == (1, 1, 2)


@pytest.mark.java
def test_it_is_brought_up_to_date_with_a_sentence_and_nothing_is_described_again(
    old: Path, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    captioner = FakeCaptioner()
    with lexsearch.open(old) as index:
        index.add(photos, captioner=captioner, crops="none")
        assert captioner.captioned == []
        assert_nothing_lost(index)
    assert caplog.text.count("of an earlier lexsearch: it is brought up to date") == 1
    with lexsearch.open(old) as index:
        assert_nothing_lost(index)
        index.reindex()
        assert_nothing_lost(index)
    assert caplog.text.count("earlier lexsearch") == 1


def test_reading_it_brings_the_catalog_up_to_date(old: Path, photos: Path) -> None:
    with lexsearch.open(old) as index:
        known = index.get(photos / "sea.png")
        assert known is not None
        assert [row.text for row in known.captions] == ["Bella at the sea"]
        assert [Path(failure.path).name for failure in index.status().failures] == ["x"]
    with sqlite3.connect(old / "catalog.sqlite") as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] > 0


@pytest.mark.java
def test_where_another_process_writes_a_copy_is_read_and_the_file_when_it_is_done(
    old: Path, photos: Path
) -> None:
    from lexsearch.storage.progress_file import writer_lock

    with lexsearch.open(old) as index:
        with writer_lock(old).acquire():
            assert index.get(photos / "sea.png") is not None
            assert len(index) == 2
        with lexsearch.open(old) as other:
            other.import_captions(['{"doc_id": "9", "text": "a yak"}'])
        assert len(index) == 3
        assert len(index.search("yak")) == 1


@pytest.mark.java
def test_a_text_index_of_an_earlier_layout_is_made_anew_by_the_next_writer(
    old: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(layout, "LAYOUT", 1)
        with lexsearch.open(old) as index:
            index.reindex()
    with lexsearch.open(old) as index:
        with pytest.raises(EngineOutdated, match="lexsearch reindex"):
            index.search("Bella")
        assert index.get("7") is not None
        index.add(photos, captioner=FakeCaptioner(), crops="none")
        assert "made by another version" in caplog.text
        assert_nothing_lost(index)


@pytest.mark.parametrize("what", ["settings", "catalog"])
def test_one_of_a_later_lexsearch_is_refused_and_left_as_it_is(old: Path, what: str) -> None:
    if what == "settings":
        (old / "index.json").write_text(json.dumps({**SETTINGS, "format": 99}))
    else:
        with sqlite3.connect(old / "catalog.sqlite") as db:
            db.execute("PRAGMA user_version = 99")
    shutil.copytree(old, old.with_name("before"))
    with pytest.raises(IndexUnusable, match="later version of lexsearch"):
        lexsearch.open(old).documents()
    with pytest.raises(IndexUnusable, match="later version of lexsearch"):
        lexsearch.open(old).import_captions(['{"doc_id": "9", "text": "a yak"}'])
    for file in ("index.json", "catalog.sqlite"):
        assert (old / file).read_bytes() == (old.with_name("before") / file).read_bytes()
