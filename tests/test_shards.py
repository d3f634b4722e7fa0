"""Pictures dealt among processes, and one index out of theirs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run
from fakes import FakeCaptioner, numbered_pictures, picture

import lexsearch
from lexsearch.errors import IndexNotFound, LexsearchError
from lexsearch.indexing.scan import Shard

_SHARD = """
import sys, lexsearch, fakes
number, photos, folder = sys.argv[1:]
with lexsearch.open(folder) as index:
    index.add(photos, captioner=fakes.FakeCaptioner(), shard=(int(number), 4))
"""


def export(index: lexsearch.Index) -> str:
    """All captions, without when they were said."""
    rows = map(json.loads, index.export_captions())
    return "\n".join(json.dumps({**row, "time": None}) for row in rows)


def test_every_picture_is_in_one_shard() -> None:
    ids = [f"{number:032x}" for number in range(100)]
    for count in (1, 3, 16):
        shards = [Shard(number + 1, count) for number in range(count)]
        assert all(sum(shard.has(doc_id) for shard in shards) == 1 for doc_id in ids)


def test_four_processes_make_the_index_that_one_makes(
    index: lexsearch.Index,
    photos: Path,
    tmp_path: Path,
    captioner: FakeCaptioner,
    environment: dict[str, str],
) -> None:
    numbered_pictures(photos, 12)
    picture(photos / "twice" / "again.png", "blue")
    picture(photos / "once.png", "blue")
    (photos / "broken.png").write_bytes(b"no picture")
    index.add(photos, captioner=captioner)
    folders = [tmp_path / f"shard-{number}" for number in range(1, 5)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _SHARD, str(number), str(photos), str(folder)], env=environment
        )
        for number, folder in enumerate(folders, 1)
    ]
    assert [process.wait() for process in running] == [0] * 4
    with lexsearch.open(tmp_path / "merged") as merged:
        assert merged.merge(*folders).captions
        assert list(merged) == list(index)
        assert export(merged) == export(index)
        assert merged.relative_paths(list(merged)) == index.relative_paths(list(index))
        for query in ("blue", "red, left half", "green"):
            ours, theirs = merged.search(query, 50), index.search(query, 50)
            assert [(hit.doc_id, hit.paths) for hit in ours] == [
                (hit.doc_id, hit.paths) for hit in theirs
            ]
            assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs])
        counts, expected = merged.status(), index.status()
        for name in ("folders", "files", "pictures", "searchable", "waiting", "stages", "failures"):
            assert getattr(counts, name) == getattr(expected, name), name
        assert merged.merge(*folders).captions == 0
        again = FakeCaptioner()
        assert merged.add(photos, captioner=again).captioned == 0
        assert not again.captioned
        assert export(merged) == export(index)


def test_a_picture_that_became_another_leaves_its_shard(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    (file,) = numbered_pictures(photos, 1)
    with lexsearch.open(index.path) as first:
        first.add(photos, captioner=captioner)
    [doc_id] = index
    mine = next(number for number in (1, 2) if Shard(number, 2).has(doc_id))
    for number in range(50):
        picture(file, (number, 100, 100))
        if index.add(photos, captioner=captioner, shard=(mine, 2)).left_out:
            assert list(index) == []
            return
    pytest.fail("fifty pictures in one shard")


def test_what_cannot_be_merged_is_said(index: lexsearch.Index, tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound):
        index.merge(tmp_path / "nowhere")
    assert not index.path.exists()
    index.reindex()
    with pytest.raises(LexsearchError, match="itself"):
        index.merge(index.path)


def test_the_commands(lexsearch_command: Run, photos: Path) -> None:
    numbered_pictures(photos, 4)
    for number in (1, 2):
        done = lexsearch_command(
            "index", photos, "--shard", f"{number}/2", "--index", f"shard-{number}"
        )
        assert done.returncode == 0, done.stderr
    merged = lexsearch_command("merge", "shard-1", "shard-2", "--index", "all")
    assert "4 pictures can be found" in merged.stdout, merged.stderr
    assert lexsearch_command("index", photos, "--shard", "3/2").returncode == 2
