"""Writers of every kind are killed while a reader searches on. LEXSEARCH_KILLS sets the rounds.

A writer is killed at a random moment of its life, and now and then after it: how long one of its
kind lives is measured first, on this machine.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from fakes import FakeCaptioner, code_of, numbered_pictures
from test_faults import start

import lexsearch
from lexsearch.images.crops import NAMES

ROUNDS = int(os.environ.get("LEXSEARCH_KILLS", "8"))
KINDS = ("index", "import", "correct", "reindex")
LONGEST = 1.2  # of a writer's usual life it is killed, at the latest

WRITE = """
import json, sys, lexsearch, lexsearch.indexing.keeping, lexsearch.storage.transfer
from fakes import FakeCaptioner
lexsearch.indexing.keeping.KEEP_SECONDS = 0.0
lexsearch.storage.transfer._CHUNK_ROWS = 5
kind, index, photos, number = sys.argv[1:]
index = lexsearch.open(index)
index.search("base")  # Java runs
print("begun", flush=True)
if kind == "index":
    index.add(photos, captioner=FakeCaptioner(batch_size=2, delay=0.01))
elif kind == "import":
    rows = [{"doc_id": f"{number}-{n}", "text": f"import{number}x{n}"} for n in range(20)]
    index.import_captions(map(json.dumps, rows))
elif kind == "correct":
    index.edit_caption("corrected", f"correction{number}")
else:
    index.reindex()
print("done", flush=True)
"""


class Reader(threading.Thread):
    """Searches an index until told to stop. failure: the first thing that went wrong."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.index = lexsearch.open(folder)
        self.failure: BaseException | None = None
        self.searches = 0
        self._ended = threading.Event()

    def run(self) -> None:
        try:
            while not self._ended.wait(0.02):
                assert [hit.doc_id for hit in self.index.search("base")] == ["base"]
                assert "base" in self.index.documents()
                assert self.index.describe("base").captions[0].text == "base"
                assert self.index.status().searchable > 0
                self.searches += 1
        except BaseException as error:
            self.failure = error

    def stop(self) -> None:
        self._ended.set()
        self.join()


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    reader = Reader(folder)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


class Written(NamedTuple):
    """How a writer went: whether it was done before it was killed, and the seconds that it had."""

    done: bool
    seconds: float


def write(environment: dict[str, str], *arguments: object, most: float | None = None) -> Written:
    """Start a writer, and kill it after so many seconds."""
    process = start(WRITE, environment, *arguments)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n", process.communicate()[1]
    begun = time.monotonic()
    with suppress(subprocess.TimeoutExpired):
        process.wait(most)
    seconds = time.monotonic() - begun
    process.kill()
    said, problem = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), problem
    return Written("done" in said, seconds)


@pytest.mark.slow
def test_whatever_is_killed_nothing_is_lost_and_searching_goes_on(
    environment: dict[str, str], photos: Path, tmp_path: Path
) -> None:
    folder, chance = tmp_path / "index", random.Random(3)
    finished: list[tuple[str, int]] = []
    begun: list[int] = []
    lives: dict[str, float] = {}
    with lexsearch.open(folder) as index:
        index.import_captions(
            json.dumps({"doc_id": name, "text": name}) for name in ("base", "corrected")
        )
    with reading(folder) as reader:
        for number in range(len(KINDS) + ROUNDS):  # the first of each kind lives to its end
            kind = KINDS[number % len(KINDS)]
            numbered_pictures(photos, 2 + number)
            most = chance.uniform(0, LONGEST) * lives[kind] if kind in lives else None
            written = write(environment, kind, folder, photos, number, most=most)
            if written.done:
                finished.append((kind, number))
                lives[kind] = written.seconds
            assert kind in lives
            begun += [number] if kind == "import" else []
            assert reader.failure is None, (kind, number)
            if kind == "correct" and (kind, number) in finished:
                assert len(reader.index.search(f"correction{number}")) == 1
        with lexsearch.open(folder) as index:
            for kind, number in finished:  # before anything is done again
                if kind == "import":
                    assert all(index.search(f"import{number}x{n}") for n in range(20))
            rows = [
                {"doc_id": f"{number}-{n}", "text": f"import{number}x{n}"}
                for number in begun
                for n in range(20)
            ]
            assert not index.import_captions(map(json.dumps, rows)).corrected
            index.add(photos, captioner=FakeCaptioner())
            assert_nothing_lost_or_doubled(index, rows, len(list(photos.iterdir())))
    assert reader.failure is None
    assert reader.searches > ROUNDS
    ended = len(finished) - len(KINDS)
    print(f"{ROUNDS} rounds, {ended} had finished, {reader.searches} searches meanwhile")


def assert_nothing_lost_or_doubled(
    index: lexsearch.Index, rows: list[dict[str, str]], pictures: int
) -> None:
    exported = [json.loads(line) for line in index.export_captions()]
    same = ("doc_id", "crop", "field", "caption_id", "source")
    assert set(Counter(tuple(map(row.get, same)) for row in exported).values()) == {1}
    assert {row["crop"] for row in exported if row["source"] == "model"} == set(NAMES[:18])
    assert {row["text"] for row in rows} < {row["text"] for row in exported}
    assert len({row["doc_id"] for row in exported}) == len(rows) + pictures + 2
    for number in range(pictures):
        assert len(index.search(code_of(number))) == 1
    for row in rows:
        assert [hit.doc_id for hit in index.search(row["text"])] == [row["doc_id"]]
    status = index.status()
    assert (status.searchable, status.waiting) == (len(rows) + pictures + 2, 0)
