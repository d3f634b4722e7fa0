"""Captions that other tools wrote, for pictures that are indexed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import FakeCaptioner, picture

from lexsearch import Index
from lexsearch.errors import ImportFormatError


@pytest.fixture
def index(memory_index: Index) -> Index:
    return memory_index


@pytest.fixture(autouse=True)
def pictures(index: Index, photos: Path) -> Path:
    picture(photos / "cat.jpg", "red")
    picture(photos / "a" / "same.jpg", "green")
    picture(photos / "b" / "same.jpg", "blue")
    picture(photos / "caf\u00e9.png", "yellow")
    index.add(photos, captioner=FakeCaptioner(), crops="none")
    return photos


def names(index: Index, query: str) -> list[str]:
    return sorted(str(Path(hit.path or "").name) for hit in index.search(query))


def write(place: Path, *rows: object) -> Path:
    place.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return place


def test_text_files_beside_pictures(index: Index, photos: Path) -> None:
    (photos / "cat.txt").write_text("\ufeffheron, 1girl\nlooking away", encoding="utf-8")
    (photos / "a" / "same.caption").write_text("a zebra")
    (photos / "b" / "same.jpg.txt").write_text("an otter")
    (photos / "readme.txt").write_text("a camel")
    assert index.import_from(photos).added == 3
    assert names(index, "heron") == ["cat.jpg"]
    assert index.search("zebra")[0].path == str(photos / "a" / "same.jpg")
    assert index.search("otter")[0].path == str(photos / "b" / "same.jpg")
    assert names(index, "camel") == []
    assert index.import_from(photos).unchanged == 3
    with pytest.raises(ImportFormatError, match="beside an indexed picture"):
        index.import_from(photos.parent / "index")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("metadata.jsonl", [{"file_name": "cat.jpg", "text": "a heron"}]),
        ("list.json", ['[{"image": "cat.jpg",', ' "caption": "a heron"}]']),
        ("one.json", [[{"image": "cat.jpg", "caption": ["a heron", "a bird"]}]]),
        ("meta.json", [{"cat.jpg": {"caption": "a heron"}}]),
        ("meta.json", [{"cat": "a heron"}]),
        ("c.csv", ["file_name,text", 'cat.jpg,"a heron, grey"']),
        ("c.csv", ["image;caption", "cat.jpg;a heron"]),
        ("c.tsv", ["Image\tCaption", "photos\\cat.jpg\ta heron"]),
        ("m.jsonl", [{"image": {"path": "/elsewhere/photos/cat.jpg"}, "caption": "a heron"}]),
    ],
)
def test_files_of_other_tools(index: Index, tmp_path: Path, name: str, rows: list[object]) -> None:
    came = index.import_from(write(tmp_path / name, *rows))
    assert (came.added >= 1, came.failed) == (True, [])
    assert names(index, "heron") == ["cat.jpg"]


def test_other_keys_are_told(index: Index, tmp_path: Path) -> None:
    file = write(tmp_path / "alt.csv", "photo,alt_text", "cat.jpg,a heron")
    with pytest.raises(ImportFormatError, match=r"'photo', 'alt_text'.*--key image=NAME"):
        index.import_from(file)
    assert index.import_from(file, keys={"image": "photo", "text": "alt_text"}).added == 1
    rows = write(tmp_path / "x.jsonl", {"photo": "cat.jpg", "alt_text": "an otter"})
    assert index.import_from(rows, keys={"image": "photo", "text": "alt_text"}).added == 1
    with pytest.raises(ImportFormatError, match="image=NAME or text=NAME"):
        index.import_from(file, keys={"picture": "photo"})


def test_folders_tell_pictures_of_one_name_apart(
    index: Index, photos: Path, tmp_path: Path
) -> None:
    rows = [
        {"file_name": "x/b/same.jpg", "text": "an otter"},
        {"file_name": "same.jpg", "text": "a zebra"},
        {"file_name": "dog.jpg", "text": "a dog"},
        {"file_name": "cafe\u0301.png", "text": "a heron"},
        {"file_name": "cat.jpg"},
        {"text": "nothing"},
    ]
    came = index.import_from(write(tmp_path / "m.jsonl", *rows, "{broken"))
    assert index.search("otter")[0].path == str(photos / "b" / "same.jpg")
    assert names(index, "heron") == ["caf\u00e9.png"]
    assert [number for number, _ in came.failed] == [2, 3, 5, 6, 7]
    reasons = [reason for _, reason in came.failed]
    assert reasons[0] == "same.jpg: 2 indexed pictures have this name"
    assert reasons[1] == "dog.jpg: no indexed picture has this path or name"
    assert "no text" in reasons[2]
    assert "names no picture" in reasons[3]


def test_relative_names_are_meant_from_the_file(index: Index, photos: Path) -> None:
    rows = write(photos / "a" / "metadata.jsonl", {"file_name": "same.jpg", "text": "a zebra"})
    assert index.import_from(rows).failed == []
    assert index.search("zebra")[0].path == str(photos / "a" / "same.jpg")


def test_what_is_nothing_of_this_is_refused(index: Index, tmp_path: Path) -> None:
    with pytest.raises(ImportFormatError, match="neither JSON nor"):
        index.import_from(write(tmp_path / "x.json", "[1, 2"))
    with pytest.raises(ImportFormatError, match="its first line has"):
        index.import_from(write(tmp_path / "x.txt", "what is this"))
    assert index.import_from(write(tmp_path / "l.json", "[1]")).failed[0][0] == 1
