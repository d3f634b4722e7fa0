"""Pictures in object storage, by fsspec's file system in memory, with what it is asked counted."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from conftest import open_in_memory
from fakes import COLOURS, FakeCaptioner
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile
from PIL import Image

import lexsearch
from lexsearch.errors import LexsearchError
from lexsearch.images import filesystem, metadata
from lexsearch.web.thumbnails import Thumbnails

PHOTOS = "memory://bucket/photos"


class Counting(MemoryFileSystem):  # type: ignore[misc]
    """As object storage gives files: by ranges. fails: as a storage that cannot be reached."""

    fetched: list[tuple[str, int]] = []
    fails = False

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        return Ranges(self, path, mode, **options) if mode == "rb" else super()._open(path, mode)

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        if self.fails:
            raise RuntimeError("no credentials")
        return super().ls(path, detail, **options)

    def info(self, path: str, **options: Any) -> Any:
        if self.fails:
            raise RuntimeError("no credentials")
        return super().info(path, **options)


class Ranges(AbstractBufferedFile):  # type: ignore[misc]
    def _fetch_range(self, start: int, end: int) -> bytes:
        content = MemoryFileSystem.store[self.path].getvalue()[start:end]
        Counting.fetched.append((self.path, len(content)))
        return content


@pytest.fixture(autouse=True)
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    fsspec.register_implementation("memory", Counting, clobber=True)
    monkeypatch.setattr(Counting, "fetched", [])
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    yield Counting()
    fsspec.register_implementation("memory", MemoryFileSystem, clobber=True)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[lexsearch.Index]:
    with open_in_memory(tmp_path / "index") as index:
        yield index


def put(name: str, colour: str, noise: int = 0, **options: Any) -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), COLOURS[colour]).save(file, "PNG", **options)
    address = f"{PHOTOS}/{name}"
    with fsspec.open(address, "wb") as made:
        made.write(file.getvalue() + bytes(noise))
    return address


def write(name: str, text: str) -> None:
    with fsspec.open(f"{PHOTOS}/{name}", "wb") as made:
        made.write(text.encode())


def paths(index: lexsearch.Index, query: str) -> set[str]:
    return {str(hit.path) for hit in index.search(query, 20)}


def test_objects_are_described_found_and_followed(
    index: lexsearch.Index, captioner: FakeCaptioner, storage: Counting
) -> None:
    red, blue = put("red.png", "red"), put("2023/blue.png", "blue")
    put("2023/.hidden.png", "green")
    put("@eaDir/thumb.png", "green")
    put("private/green.png", "green")
    write(".lexsearchignore", "private/\n")
    write("2023/blue.txt", "a lighthouse at the sea")
    write("broken.jpg", "no picture")
    report = index.add(f"{PHOTOS}/", captioner=captioner)
    assert (report.added, report.captioned) == (2, 2)
    assert [failure.path for failure in report.failed] == [f"{PHOTOS}/broken.jpg"]
    assert paths(index, "red") == {red}
    assert paths(index, "lighthouse") == paths(index, "name:2023") == {blue}
    assert not paths(index, "green")
    assert index.describe(blue).paths == (blue,)
    assert index.status().folders == (PHOTOS,)

    captioner.captioned.clear()
    report = index.add(PHOTOS, captioner=captioner)
    assert (report.unchanged, report.captioned, captioner.captioned) == (2, 0, [])
    storage.rm(f"{PHOTOS}/red.png")
    yellow = put("2023/blue.png", "yellow")
    moved = put("elsewhere/red.png", "red")
    report = index.add(PHOTOS, captioner=captioner)
    assert (report.moved, report.captioned) == (1, 1)
    assert paths(index, "red") == {moved}
    assert paths(index, "yellow") == {yellow}
    assert index.remove(f"{PHOTOS}/elsewhere") == 1
    assert not paths(index, "red")


def test_a_bucket_that_is_emptied_or_cannot_be_reached_takes_nothing_out_of_search(
    index: lexsearch.Index, captioner: FakeCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    red = put("red.png", "red")
    index.add(PHOTOS, captioner=captioner)
    with monkeypatch.context() as patch:
        patch.setattr(Counting, "fails", True)
        report = index.add(PHOTOS, captioner=captioner)
        assert "no credentials" in report.failed[0].reason
        assert paths(index, "red") == {red}
    MemoryFileSystem.store.clear()
    report = index.add(PHOTOS, captioner=captioner)
    assert any("still found" in note for note in report.notes)
    assert paths(index, "red") == {red}
    assert index.status().away == (PHOTOS,)


def test_of_a_large_file_metadata_take_the_first_piece(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a heron in the reeds"
    address = put("large.png", "blue", noise=5_000_000, exif=exif)
    Counting.fetched.clear()
    assert ("about", "a heron in the reeds") in metadata.read(address)
    assert 0 < sum(count for _, count in Counting.fetched) < 1_000_000


def test_a_thumbnail_is_fetched_once(tmp_path: Path) -> None:
    address = put("red.png", "red")
    thumbnails = Thumbnails(tmp_path)
    first = thumbnails.get(address, 160)
    Counting.fetched.clear()
    assert thumbnails.get(address, 160) == first
    assert Counting.fetched == []


def test_what_tells_of_no_changes_is_not_watched(index: lexsearch.Index, captioner) -> None:
    with pytest.raises(LexsearchError, match="nothing tells what changes at memory://bucket"):
        next(iter(index.watch(PHOTOS, captioner=captioner)))


@pytest.mark.parametrize("place", ["http://host/a.jpg", "https://host/a.jpg", "/a/s3://b", "s3:x"])
def test_addresses_of_the_web_are_no_object_storage(place: str) -> None:
    assert not filesystem.is_remote(place)


def test_a_storage_that_needs_a_package_says_which(
    index: lexsearch.Index, captioner: FakeCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(LexsearchError, match=r"abfs://box/photos cannot be read here: .*adlfs"):
        index.add("abfs://box/photos", captioner=captioner)
