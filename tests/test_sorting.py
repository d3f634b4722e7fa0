"""The order of pictures, and which to look among: dates, folders, cameras, kinds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run
from fakes import FakeCaptioner, picture
from PIL import ExifTags, Image

import lexsearch
from lexsearch.errors import LexsearchError
from lexsearch.images.formats import kinds_of


@pytest.fixture
def index(memory_index: lexsearch.Index) -> lexsearch.Index:
    return memory_index


@pytest.fixture
def trips(index: lexsearch.Index, photos: Path) -> Path:
    """Pictures of three days, one of none, by one camera, of several kinds."""
    picture(photos / "rome" / "IMG_20190714_10.png", "red", (90, 60))
    picture(photos / "rome" / "IMG_20190714_9.png", "green", (60, 90))
    picture(photos / "oslo" / "IMG_20230102_1.png", "blue", (200, 60))
    picture(photos / "undated.png", "white", (60, 60))
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "NIKON", "NIKON D90"
    Image.new("RGB", (90, 60), "black").save(photos / "IMG_20210303.jpg", exif=exif)
    index.add(photos, captioner=FakeCaptioner(says="a dog"), crops="none")
    index.import_captions([json.dumps({"doc_id": "words", "text": "a dog, a cat"})])
    return photos


def names(index: lexsearch.Index, query: str, **options: object) -> list[str]:
    return [Path(hit.path or hit.doc_id).stem for hit in index.search(query, **options)]  # type: ignore[arg-type]


BY_DATE = ["IMG_20230102_1", "IMG_20210303", "IMG_20190714_10", "IMG_20190714_9"]


def test_pictures_are_in_order_of_date_and_of_name(index: lexsearch.Index, trips: Path) -> None:
    found = names(index, "dog", sort="date")
    assert found[:2] == BY_DATE[:2]
    assert set(found[2:4]) == set(BY_DATE[2:])
    assert set(found[4:]) == {"undated", "words"}  # without a date: last
    by_name = ["IMG_20210303", "IMG_20230102_1", "IMG_20190714_9", "IMG_20190714_10", "undated"]
    assert [name for name in names(index, "dog", sort="name") if name != "words"] == by_name
    pages = [index.search("dog", 2, skip=skip, sort="date") for skip in (0, 2, 4)]
    assert [Path(hit.path or hit.doc_id).stem for page in pages for hit in page] == found
    assert [hit.rank for page in pages for hit in page] == [1, 2, 3, 4, 5, 6]
    assert {page.total for page in pages} == {6}
    doc_ids, total = index.browse(sort="date")
    assert total == len(doc_ids) == 5
    assert [Path(index.places([one])[one][0]).stem for one in doc_ids][:2] == BY_DATE[:2]
    assert index.browse(2, skip=3, sort="name")[0] == index.browse(sort="name")[0][3:5]
    with pytest.raises(LexsearchError, match="relevance, date, name"):
        index.search("dog", sort="size")  # type: ignore[arg-type]


def test_an_order_follows_what_changes(index: lexsearch.Index, trips: Path) -> None:
    before = names(index, "dog", sort="date")
    index.edit_caption(trips / "undated.png", "2024-01-01", field="date")
    assert names(index, "dog", sort="date")[0] == "undated"
    assert names(index, "dog", sort="date") != before
    assert index.months() == {"2024-01": 1, "2023-01": 1, "2021-03": 1, "2019-07": 2}


def test_pictures_are_looked_for_among_those_of_a_filter(
    index: lexsearch.Index, trips: Path
) -> None:
    assert names(index, "camera:nikon") == ["IMG_20210303"]
    assert names(index, 'dog camera:"nikon d90"') == ["IMG_20210303"]
    assert names(index, "cat, camera:nikon") == []
    assert names(index, "about:nikon") == ["IMG_20210303"]
    assert index.cameras() == {"NIKON D90": 1}
    assert set(names(index, "kind:png dog")) == {*BY_DATE, "undated"} - {"IMG_20210303"}
    assert names(index, "kind:jpg") == names(index, "kind:JPEG") == ["IMG_20210303"]
    assert names(index, "kind:panorama") == ["IMG_20230102_1"]
    assert index.kinds() == {
        "jpeg": 1, "landscape": 3, "panorama": 1, "png": 4, "portrait": 1, "square": 1
    }  # fmt: skip
    assert set(names(index, '+name:"photos/rome", dog, cat')) == set(BY_DATE[2:])
    assert set(names(index, "+date:2020..2022, dog")) == {"IMG_20210303"}
    assert "words" in names(index, "date:2020..2022, dog")  # without a sign it is welcome


@pytest.mark.parametrize(
    ("paths", "size", "kinds"),
    [
        (["a.JPG", "b.jpeg"], (3, 2), ["jpeg", "landscape"]),
        (["a.CR2", "a.tif"], (2, 3), ["raw", "tiff", "portrait"]),
        (["noending"], (10, 30), ["panorama", "portrait"]),
        ([], None, []),
    ],
)
def test_kinds_are_formats_and_shapes(
    paths: list[str], size: tuple[int, int] | None, kinds: list[str]
) -> None:
    assert kinds_of(paths, size) == kinds


def test_the_command_sorts(photos: Path, tmp_path: Path, lexsearch_command: Run) -> None:
    for name in ("b10", "b9", "a"):
        picture(photos / f"{name}.png", {"b10": "red", "b9": "green", "a": "blue"}[name])
    place = tmp_path / "sorted"
    lexsearch_command("index", photos, "--index", place, "--crops", "none", check=True)
    ran = lexsearch_command("query", "whole", "--sort", "name", "--paths", "--index", place)
    assert [Path(line).stem for line in ran.stdout.splitlines()] == ["a", "b9", "b10"]
