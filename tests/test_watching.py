"""`lexsearch index --watch`: what happens to files while somebody looks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from conftest import fake_cli, open_in_memory
from fakes import FakeCaptioner, numbered_pictures, picture

from lexsearch.errors import IndexLocked, LexsearchError
from lexsearch.index import Index
from lexsearch.indexing import watching
from lexsearch.indexing.adding import Enough
from lexsearch.indexing.scan import Report
from lexsearch.records import Progress, View
from lexsearch.storage.progress_file import writer_lock

FAR_AWAY = 300.0  # seconds after which a test gives up, however slow the machine is


@pytest.fixture
def index(memory_index: Index) -> Index:
    return memory_index


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Ends what waits in vain for something that does not come, and so fails the test."""
    event = threading.Event()
    timer = threading.Timer(FAR_AWAY, event.set)
    timer.start()
    yield event
    timer.cancel()
    event.set()


class Watched:
    """An index that follows folders; its reports are taken until something holds."""

    def __init__(self, index: Index, reports: Iterator[Report]) -> None:
        self.index = index
        self.reports = reports
        self.seen = [next(reports)]

    def until(self, holds: Callable[[], object]) -> list[Report]:
        """The reports from now until it holds."""
        before = len(self.seen)
        while not holds():
            self.seen.append(next(self.reports))
        return self.seen[before:]

    def finds(self, query: str) -> list[str]:
        return [Path(str(hit.path)).name for hit in self.index.search(query)]


def start(index: Index, *paths: Path, stop: threading.Event, **options: object) -> Watched:
    given = {"captioner": FakeCaptioner(), "crops": "none", **options}
    return Watched(index, index.watch(*paths, stop=stop, **given))  # type: ignore[arg-type]


def test_what_comes_changes_moves_and_goes_is_followed(
    index: Index, photos: Path, stop: threading.Event
) -> None:
    picture(photos / "a.png", "red")
    watched = start(index, photos, stop=stop)
    assert (watched.seen[0].added, watched.finds("red")) == (1, ["a.png"])
    picture(photos / "new" / "b.png", "green")
    watched.until(lambda: watched.finds("green") == ["b.png"])
    picture(photos / "a.png", "blue")
    watched.until(lambda: watched.finds("blue") == ["a.png"])
    assert watched.finds("red") == []
    os.replace(photos / "new" / "b.png", photos / "c.png")
    told = watched.until(lambda: watched.finds("green") == ["c.png"])
    assert sum(report.captioned for report in told) == 0
    (photos / "a.png").unlink()
    watched.until(lambda: watched.finds("blue") == [])
    assert index.status().files == 1


def test_a_folder_that_is_renamed_takes_its_pictures_along(
    index: Index, photos: Path, stop: threading.Event
) -> None:
    for name in ("a.png", "b.png"):
        picture(photos / "2023" / name, "red" if name == "a.png" else "green")
    watched = start(index, photos, stop=stop)
    os.replace(photos / "2023", photos / "rome")
    watched.until(lambda: len(watched.finds("name:rome")) == 2)
    assert index.status().files == 2
    assert sum(report.captioned for report in watched.seen) == 2


def test_a_file_beside_a_picture_is_read(index: Index, photos: Path, stop: threading.Event) -> None:
    picture(photos / "a.png", "red")
    watched = start(index, photos, stop=stop)
    (photos / "a.txt").write_text("grandmother in her garden")
    watched.until(lambda: watched.finds("grandmother") == ["a.png"])
    (photos / ".lexsearchignore").write_text("a.png\n")
    watched.until(lambda: watched.finds("red") == [])


def test_many_at_once(index: Index, photos: Path, stop: threading.Event) -> None:
    watched = start(index, photos, stop=stop)
    numbered_pictures(photos / "some" / "where", 300)
    watched.until(lambda: len(index) == 300)


def test_a_damaged_file_is_named_and_used_once_it_is_whole(
    index: Index, photos: Path, stop: threading.Event
) -> None:
    watched = start(index, photos, stop=stop)
    place = photos / "a.png"
    place.write_bytes(b"\x89PNG\r\n\x1a\n, half copied")
    watched.until(lambda: index.status().failures)
    assert index.status().failures[0].path == str(place)
    picture(place, "green")
    watched.until(lambda: watched.finds("green") == ["a.png"])
    assert not index.status().failures


def test_a_folder_that_vanishes_keeps_its_pictures_until_it_is_there_again(
    index: Index, photos: Path, tmp_path: Path, stop: threading.Event
) -> None:
    picture(photos / "a.png", "red")
    other = picture(tmp_path / "other" / "o.png", "yellow")
    watched = start(index, photos, other.parent, stop=stop)
    os.replace(photos, tmp_path / "unplugged")
    [*_, told] = watched.until(lambda: any(watched.seen[-1].notes))
    assert "is not there" in told.notes[0]
    assert watched.finds("red") == ["a.png"]
    picture(tmp_path / "unplugged" / "b.png", "green")
    os.replace(tmp_path / "unplugged", photos)
    watched.until(lambda: watched.finds("green") == ["b.png"])
    picture(photos / "c.png", "blue")
    watched.until(lambda: watched.finds("blue") == ["c.png"])


def test_what_comes_during_the_first_run_is_not_missed(
    index: Index, photos: Path, stop: threading.Event
) -> None:
    class Slow(FakeCaptioner):
        def caption(self, views: Sequence[View]):
            if not (photos / "b.png").exists():
                picture(photos / "b.png", "green")
            return super().caption(views)

    picture(photos / "a.png", "red")
    watched = start(index, photos, stop=stop, captioner=Slow())
    watched.until(lambda: watched.finds("green") == ["b.png"])


def test_what_the_index_writes_is_no_news(photos: Path, stop: threading.Event) -> None:
    picture(photos / "a.png", "red")
    with open_in_memory(photos / "index") as index:
        watched = start(index, photos, stop=stop)
        for name in ("b.png", "c.png"):
            picture(photos / name, "green" if name == "b.png" else "blue")
            watched.until(partial(index.get, photos / name))
    assert all(report.added + report.unchanged for report in watched.seen)


def test_who_else_writes_is_waited_for(
    index: Index, photos: Path, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_TRY_AGAIN", 0.0)
    lock = writer_lock(index.path)

    def let_go(progress: Progress) -> None:
        if progress.stage == "waiting":
            assert "another process is writing" in progress.note
            lock.release()

    watched = start(index, photos, stop=stop, progress=let_go)
    lock.acquire()
    picture(photos / "a.png", "red")
    watched.until(lambda: watched.finds("red") == ["a.png"])


def test_a_first_run_that_cannot_be_is_an_error(index: Index, photos: Path) -> None:
    with pytest.raises(LexsearchError, match="there is no file or folder"):
        next(index.watch(photos / "typo", captioner=FakeCaptioner()))
    with writer_lock(index.path), pytest.raises(IndexLocked):
        next(index.watch(photos, captioner=FakeCaptioner()))


def test_stopping_keeps_what_is_described(
    index: Index, photos: Path, stop: threading.Event
) -> None:
    class Stopped(FakeCaptioner):
        def caption(self, views: Sequence[View]):
            stop.set()
            return super().caption(views)

    numbered_pictures(photos, 40)
    reports = list(index.watch(photos, captioner=Stopped(), crops="none", stop=stop))
    assert [report.complete for report in reports] == [False]
    assert 0 < reports[0].captioned < 40
    rest = index.add(photos, captioner=FakeCaptioner(), crops="none")
    assert (rest.captioned, rest.complete) == (40 - reports[0].captioned, True)


def test_a_long_run_ends_for_news_and_goes_on_after(
    photos: Path, tmp_path: Path, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "UNDISTURBED", -1.0)
    asked: list[Sequence[str] | None] = []
    new = str(photos / "new.png")

    def add(only: Sequence[str] | None, progress: Callable[[Progress], None]) -> Report:
        asked.append(only)
        if only is None:
            picture(new, "green")
            with pytest.raises(Enough):
                describe(progress)
            return Report(complete=False)
        if only == [str(photos)]:
            stop.set()
        return Report()

    def describe(progress: Callable[[Progress], None]) -> None:
        while not stop.is_set():
            progress(Progress("describing", 1, 1000, "view"))
            time.sleep(0)  # let the other thread come to it

    list(watching.watch(add, [str(photos)], stop, lambda _: None, tmp_path / "index"))
    assert asked[0] is None
    assert asked[1] == [new]
    assert asked[-1] == [str(photos)]


class TestOnly:
    """`Index.add(only=...)`."""

    def test_nothing_else_is_looked_at(self, index: Index, photos: Path) -> None:
        for name in ("a.png", "b/b.png", "b/c/c.png", "bb/d.png"):
            picture(photos / name, COLOURS[name])
        index.add(photos, captioner=FakeCaptioner(), crops="none")
        for gone in ("a.png", "b/b.png", "b/c/c.png", "bb/d.png"):
            (photos / gone).unlink()
        picture(photos / "b" / "new.png", "white")
        picture(photos / "unseen.png", "black")
        only = [photos / "b"]
        report = index.add(photos, captioner=FakeCaptioner(), crops="none", only=only)
        assert (report.added, report.removed, report.unchanged) == (1, 2, 0)
        [named] = index.relative_paths([index.search("white")[0].doc_id]).values()
        assert named == ("b/new.png",)

    def test_what_is_left_out_stays_out(self, index: Index, photos: Path) -> None:
        for name in ("a.png", "b/b.png", "b/c/c.png"):
            picture(photos / name, COLOURS[name])
        index.add(photos, captioner=FakeCaptioner(), crops="none", exclude=["c/"])
        index.remove(photos / "a.png")
        folder = photos / "b" / "c"
        only = [photos / "a.png", folder, folder / "c.png", Path("/elsewhere")]
        report = index.add(photos, captioner=FakeCaptioner(), crops="none", only=only)
        assert (report.added, len(index)) == (0, 1)
        index.remove(photos)
        index.add(photos, captioner=FakeCaptioner(), crops="none", only=[photos])
        assert len(index) == 0


COLOURS = {"a.png": "red", "b/b.png": "green", "b/c/c.png": "blue", "bb/d.png": "yellow"}


@pytest.mark.process
def test_the_command_stays_until_it_is_stopped(
    photos: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    picture(photos / "a.png", "red")
    arguments = [*("index", "photos", "--watch", "--crops", "none", "--index"), str(tmp_path / "i")]
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [sys.executable, "-c", heeding + fake_cli(), *arguments]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    timer = threading.Timer(FAR_AWAY, process.kill)
    timer.start()
    try:
        assert process.stdout.readline() == "1 added, 1 captioned, 0 failed\n"
        while "watching photos (Ctrl-C stops)" not in process.stderr.readline():
            assert process.poll() is None
        picture(photos / "b.png", "green")
        assert "1 added, 1 captioned" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    finally:
        timer.cancel()
        process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
