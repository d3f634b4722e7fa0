"""Processes that are really killed, disks that are really full, files that are really broken."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Run
from fakes import FakeCaptioner, code_of, numbered_pictures

import lexsearch
from lexsearch.errors import (
    EngineBroken,
    EngineOutdated,
    IndexLocked,
    IndexReadOnly,
    IndexUnusable,
    StorageError,
)
from lexsearch.storage.captions import CaptionStore

PICTURES, CROPS = 60, 18
BATCH = 12
KILLS = 20

ADD = """
import sys, lexsearch, lexsearch.indexing.keeping
from pathlib import Path
from fakes import FakeCaptioner
lexsearch.indexing.keeping.KEEP_SECONDS = 0.0
index, photos, log, batch = sys.argv[1:]
captioner = FakeCaptioner(batch_size=int(batch), log=Path(log), delay=0.02)
lexsearch.open(index).add(photos, captioner=captioner, progress=lambda p: print(p, flush=True))
"""

IMPORT = """
import sys, lexsearch, lexsearch.storage.transfer
lexsearch.storage.transfer._CHUNK_ROWS = 20
with open(sys.argv[2]) as lines:
    lexsearch.open(sys.argv[1]).import_captions(lines)
"""


def start(program: str, environment: dict[str, str], *arguments: object) -> subprocess.Popen[str]:
    """A process that heeds Ctrl-C, even where these tests run in a background that does not."""
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [sys.executable, "-c", heeding + program, *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def assert_whole(index: lexsearch.Index, pictures: int) -> None:
    """Every picture is found, and each of its crops has one caption."""
    exported = [json.loads(line) for line in index.export_captions()]
    counts = Counter((row["doc_id"], row["crop"]) for row in exported)
    assert set(counts.values()) == {1}
    assert len(counts) == pictures * CROPS
    assert [len(index.search(code_of(number))) for number in range(pictures)] == [1] * pictures
    status = index.status()
    assert (status.searchable, status.waiting, status.failures) == (pictures, 0, ())


def test_killed_at_random_moments_nothing_is_lost_or_done_twice(
    environment: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    numbered_pictures(photos, PICTURES)
    log, folder = tmp_path / "log", tmp_path / "index"
    chance = random.Random(1)
    for _ in range(KILLS):
        process = start(ADD, environment, folder, photos, log, BATCH)
        assert process.stdout is not None
        while (line := process.stdout.readline()) and "describing" not in line:
            pass  # what comes before is quick; the moments that matter are those after
        time.sleep(chance.random() * 0.1)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was done before the kill"
    done = Counter(log.read_text().splitlines())
    captioner = FakeCaptioner(batch_size=BATCH)
    with lexsearch.open(folder) as index:
        index.add(photos, captioner=captioner)
        assert_whole(index, PICTURES)
    # A batch that is not kept when the kill comes is done again, and no more than that.
    largest_batch = BATCH + CROPS
    assert len(done) + len(captioner.captioned) >= PICTURES * CROPS
    again = sum(done.values()) + len(captioner.captioned) - PICTURES * CROPS
    assert again <= KILLS * largest_batch


def test_killed_while_importing_nothing_is_lost(
    environment: dict[str, str], tmp_path: Path
) -> None:
    captions = tmp_path / "captions.jsonl"
    rows = [{"doc_id": f"{n % 97}", "text": f"word{n}"} for n in range(800)]
    captions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    chance = random.Random(2)
    for _ in range(6):
        process = start(IMPORT, environment, tmp_path / "index", captions)
        time.sleep(0.3 + chance.random() * 0.9)
        process.kill()
        process.communicate()
    with lexsearch.open(tmp_path / "index") as index:
        came = index.import_captions(captions.open())
        assert came.added + came.unchanged == 800
        assert len(list(index.export_captions())) == 800
        assert all(len(index.search(f"word{n}")) == 1 for n in range(0, 800, 50))


def test_ctrl_c_keeps_what_is_done_and_says_so(
    environment: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    program = """
import functools, sys, fakes, lexsearch.captioners, lexsearch.cli
fakes.FakeCaptioner.__init__.__kwdefaults__["delay"] = 0.1
lexsearch.captioners._CAPTIONERS["tagger"] = "fakes:FakeCaptioner"
lexsearch.cli.main()
"""
    numbered_pictures(photos, 60)
    process = start(program, environment, "index", photos, "--index", tmp_path / "index")
    while not any((tmp_path / "index" / "captions").glob("*.parquet")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "stopped" in said
    with lexsearch.open(tmp_path / "index") as index:
        assert index.status().searchable > 0
        index.add(photos, captioner=FakeCaptioner())
        assert_whole(index, 60)


def test_of_two_writers_one_works_and_the_other_is_told(
    lexsearch_command: Run, environment: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    numbered_pictures(photos, PICTURES)
    process = start(ADD, environment, tmp_path / "index", photos, tmp_path / "log", BATCH)
    assert process.stdout is not None
    process.stdout.readline()
    with lexsearch.open(tmp_path / "index") as index, pytest.raises(IndexLocked):
        index.remove(photos)
    told = lexsearch_command("index", photos, "--index", tmp_path / "index")
    assert told.returncode == 4
    assert "another process" in told.stderr
    process.communicate()
    assert process.returncode == 0
    with lexsearch.open(tmp_path / "index") as index:
        assert_whole(index, PICTURES)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_said_and_leaves_an_index_that_works(
    small_disk: Path, photos: Path, captioner: FakeCaptioner
) -> None:
    numbered_pictures(photos, 4)
    with lexsearch.open(small_disk / "index") as index:
        index.add(photos, captioner=captioner)
        ballast = small_disk / "ballast"
        free = shutil.disk_usage(small_disk).free
        ballast.write_bytes(b"x" * (free - 20_000))
        numbered_pictures(photos, PICTURES)
        with pytest.raises(StorageError, match=r"full|space"):
            index.add(photos, captioner=captioner)
        assert [len(index.search(code_of(number))) for number in range(4)] == [1] * 4
        ballast.unlink()
        index.add(photos, captioner=captioner)
        assert_whole(index, PICTURES)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Makes a folder one that nobody may write to, not even root, and returns where it is."""
    mounted = []

    def close(folder: Path) -> Path:
        if os.geteuid() != 0:
            for place in (*folder.rglob("*"), folder):
                place.chmod(0o555 if place.is_dir() else 0o444)
            return folder
        place = tmp_path / "read-only"
        place.mkdir()
        for options in (["--bind", str(folder)], ["-o", "remount,ro,bind"]):
            if subprocess.run(["mount", *options, place], capture_output=True).returncode:
                pytest.skip("root may write everywhere and cannot mount here")
        mounted.append(place)
        return place

    yield close
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_an_index_that_may_only_be_read_is_searched_and_not_changed(
    read_only: Callable[[Path], Path],
    lexsearch_command: Run,
    photos: Path,
    tmp_path: Path,
    captioner: FakeCaptioner,
) -> None:
    numbered_pictures(photos, 3)
    with lexsearch.open(tmp_path / "index") as index:
        index.add(photos, captioner=captioner)
    closed = read_only(tmp_path / "index")
    with lexsearch.open(closed) as index:
        assert_whole(index, 3)
        with pytest.raises(IndexReadOnly, match="may not be written to"):
            index.remove(photos)
    told = lexsearch_command("index", photos, "--index", closed)
    assert (told.returncode, told.stderr.count("may not be written to")) == (4, 1)


def shards(index: lexsearch.Index) -> list[Path]:
    return CaptionStore(index.path / "captions").shards()


@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_captions_in_a_broken_shard_are_made_again_and_no_others(
    index: lexsearch.Index, photos: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    numbered_pictures(photos, 6)
    index.add(photos, captioner=FakeCaptioner(), crops="none")
    index.add(photos, captioner=FakeCaptioner())
    whole, patches = shards(index)
    content = bytearray(patches.read_bytes())
    if damage == "cut":
        patches.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[100] ^= 0xFF
        patches.write_bytes(content)
        index.reindex()
    else:
        patches.unlink()
    captioner = FakeCaptioner()
    index.add(photos, captioner=captioner)
    assert_whole(index, 6)
    assert len(captioner.captioned) == 6 * (CROPS - 1)
    if damage != "gone":
        assert patches.stem in caplog.text
        assert patches.with_suffix(".broken").exists()
    assert whole.exists()


def damage_text_index(index: lexsearch.Index, damage: str) -> None:
    lucene = index.path / "lucene"
    index.close()
    if damage == "gone":
        shutil.rmtree(lucene)
    elif damage == "empty":
        for file in lucene.iterdir():
            file.unlink()
    elif damage == "nonsense":
        for file in lucene.glob("segments_*"):
            file.write_bytes(b"nonsense")
    else:
        pattern = "segments_*" if damage == "segments" else "_*.cf?"
        for file in lucene.glob(pattern):
            file.write_bytes(file.read_bytes()[:20])


DAMAGES = ["gone", "empty", "segments", "nonsense", "data"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_text_index_is_said_by_a_search_and_made_again_by_a_command(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner, damage: str
) -> None:
    numbered_pictures(photos, 6)
    index.add(photos, captioner=captioner)
    damage_text_index(index, damage)
    files = sorted(index.path.rglob("*"))
    with pytest.raises((EngineBroken, EngineOutdated), match="lexsearch reindex"):
        index.search("red")
    index.close()
    assert sorted(index.path.rglob("*")) == files, "a search changes nothing"
    index.reindex()
    assert_whole(index, 6)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_text_index_is_made_again_by_indexing(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner, damage: str
) -> None:
    numbered_pictures(photos, 6)
    index.add(photos, captioner=captioner)
    damage_text_index(index, damage)
    numbered_pictures(photos, 7)
    again = FakeCaptioner()
    index.add(photos, captioner=again)
    assert len(again.captioned) == CROPS
    assert_whole(index, 7)


def test_readers_find_everything_while_and_after_the_text_index_is_made_again(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    numbered_pictures(photos, 6)
    index.add(photos, captioner=captioner)
    with lexsearch.open(index.path) as reader:

        def all_found(*_: object) -> None:
            count = len(list(photos.iterdir()))
            assert [len(reader.search(code_of(number))) for number in range(count)] == [1] * count

        for count in (6, 7, 8):
            numbered_pictures(photos, count)
            index.add(photos, captioner=captioner)
            index.reindex(progress=all_found)
            assert_whole(reader, count)


def test_a_text_index_is_kept_where_java_cannot_run(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner, run_python: Run
) -> None:
    """In a forked child, Java cannot work: nothing is deleted, nothing is marked."""
    numbered_pictures(photos, 2)
    index.add(photos, captioner=captioner)
    program = """
import os, sys, lexsearch
from lexsearch.errors import EngineUnavailable
index = lexsearch.open(sys.argv[1])
index.search("red")
if os.fork() == 0:
    index = lexsearch.open(sys.argv[1])
    for act in (lambda: index.search("red"), lambda: index.import_captions(
        ['{"doc_id": "1", "text": "a dog"}']
    )):
        try:
            act()
        except EngineUnavailable as error:
            print(error, flush=True)
    os._exit(0)
os.wait()
"""
    files = sorted((index.path / "lucene").iterdir())
    assert run_python(program, index.path).stdout.count("survive a fork") == 2
    assert sorted((index.path / "lucene").iterdir()) == files
    assert index.status().waiting == 1
    assert [len(index.search(code_of(number))) for number in range(2)] == [1] * 2
    index.import_captions(['{"doc_id": "1", "text": "a dog"}'])
    assert [hit.doc_id for hit in index.search("dog")] == ["1"]


def test_a_lost_catalog_is_made_again_without_captioning(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    numbered_pictures(photos, 6)
    index.add(photos, captioner=captioner)
    index.import_captions(['{"doc_id": "1", "text": "a dog"}'])
    index.close()
    (index.path / "catalog.sqlite").unlink()
    again = FakeCaptioner()
    index.add(photos, captioner=again)
    assert again.captioned == []
    assert [hit.doc_id for hit in index.search("dog")] == ["1"]
    assert index.remove("1") == 1
    status = index.status()
    assert (status.pictures, status.searchable) == (6, 6)


def test_a_damaged_catalog_is_named_with_the_way_out(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    numbered_pictures(photos, 2)
    index.add(photos, captioner=captioner)
    index.close()
    (index.path / "catalog.sqlite").write_bytes(b"not a database at all" * 1000)
    with pytest.raises(IndexUnusable, match="move it away"):
        index.search("red")
    with pytest.raises(IndexUnusable, match="move it away"):
        index.add(photos, captioner=captioner)


def test_an_index_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(IndexReadOnly):
        lexsearch.open(tmp_path / "file" / "index").import_captions([])
