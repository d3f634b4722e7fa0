"""Captions in and out as JSON Lines."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import open_in_memory
from hypothesis import given
from hypothesis import strategies as st

import lexsearch
from lexsearch.errors import ImportFormatError
from lexsearch.records import Box
from lexsearch.storage.transfer import from_json, to_json


@pytest.fixture
def index(memory_index: lexsearch.Index) -> lexsearch.Index:
    return memory_index


def take(index: lexsearch.Index, *rows: Mapping[str, object]) -> tuple[int, int, int, int]:
    came = index.import_captions(json.dumps(row) for row in rows)
    return came.added, came.unchanged, came.corrected, len(came.failed)


def found(index: lexsearch.Index, text: str) -> list[str]:
    return [hit.doc_id for hit in index.search(text)]


def test_captions_without_a_picture_are_found(index: lexsearch.Index) -> None:
    rows = [
        {"doc_id": "1", "text": "a dog on a beach"},
        {"doc_id": "1", "text": "a small brown dog"},
        {"doc_id": "2", "text": "two trucks", "caption_id": "llava/1", "path": "streets/2.jpg"},
    ]
    assert take(index, *rows) == (3, 0, 0, 0)
    assert found(index, "brown beach") == ["1"]
    [truck] = index.search("truck")
    assert (truck.doc_id, truck.path, truck.words) == ("2", "streets/2.jpg", ("trucks",))


def test_the_same_file_twice_changes_nothing(index: lexsearch.Index) -> None:
    rows = [{"doc_id": "1", "text": "a dog"}, {"doc_id": "1", "text": "a cat"}]
    assert take(index, *rows) == (2, 0, 0, 0)
    assert take(index, *rows) == (0, 2, 0, 0)
    assert len(list(index.export_captions())) == 2


def test_another_text_for_a_known_caption_is_a_correction(index: lexsearch.Index) -> None:
    take(
        index, {"doc_id": "1", "caption_id": "a", "text": "a cat"}, {"doc_id": "1", "text": "grass"}
    )
    assert take(index, {"doc_id": "1", "caption_id": "a", "text": "a dog"}) == (0, 0, 1, 0)
    assert (found(index, "cat"), found(index, "dog"), found(index, "grass")) == ([], ["1"], ["1"])
    index.reindex()
    assert found(index, "dog") == ["1"]


def test_what_is_exported_is_the_same_when_imported_elsewhere(
    index: lexsearch.Index, tmp_path: Path
) -> None:
    take(
        index,
        {"doc_id": "1", "text": "a dog", "crop": "left half", "box": [0, 0, 5, 9], "width": 10},
    )
    take(index, {"doc_id": "2", "text": "😀 \u05e7", "captioner": "blip", "path": "a/b c.jpg"})
    lines = list(index.export_captions())
    with open_in_memory(tmp_path / "other") as other:
        other.import_captions(lines)
        assert list(other.export_captions()) == lines
        assert [hit.path for hit in other.search("😀")] == ["a/b c.jpg"]


def test_bad_lines_are_named_and_the_rest_goes_in(index: lexsearch.Index) -> None:
    lines = [
        '{"doc_id": "1", "text": "a dog"}',
        "",
        "nonsense",
        "[]",
        '{"text": "x"}',
        '{"doc_id": "2"}',
    ]
    came = index.import_captions([*lines, '{"doc_id": "3", "text": "a dog", "box": [1]}'])
    assert came.added == 1
    assert [number for number, _ in came.failed] == [3, 4, 5, 6, 7]
    assert found(index, "dog") == ["1"]


def test_a_path_counts_whichever_line_has_it(index: lexsearch.Index) -> None:
    take(
        index,
        {"doc_id": "1", "text": "a dog", "path": "streets/1.jpg"},
        {"doc_id": "1", "text": "a cat"},
    )
    assert [hit.path for hit in index.search("cat")] == ["streets/1.jpg"]


def test_an_imported_document_can_be_removed_and_comes_back(index: lexsearch.Index) -> None:
    row = {"doc_id": "1", "text": "a dog"}
    take(index, row, {"doc_id": "2", "text": "a dog"})
    assert index.remove("1") == 1
    assert found(index, "dog") == ["2"]
    index.reindex()
    assert found(index, "dog") == ["2"]
    take(index, row)
    assert found(index, "dog") == ["1", "2"]


@pytest.mark.slow
def test_real_captions_of_many_models(index: lexsearch.Index, shared_data: Path) -> None:
    with (shared_data / "coco-mllm" / "captions.jsonl").open() as lines:
        came = index.import_captions(line for line, _ in zip(lines, range(3000), strict=False))
    assert (came.added, came.failed) == (3000, [])
    assert index.status().imported == index.status().searchable == 300
    assert len(index.search("umbrella")) > 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["doc_id", "text", "crop", "box", "width", "time", "path", "caption_id", "field", "source"]


@given(st.text() | st.dictionaries(st.sampled_from(NAMES), JSON).map(json.dumps))
def test_any_line_is_a_caption_or_an_import_error(line: str) -> None:
    try:
        caption, path = from_json(line)
    except ImportFormatError:
        return
    assert caption.doc_id
    assert from_json(to_json(caption, path))[0] == caption


def test_every_part_of_a_caption_survives() -> None:
    row = {
        "doc_id": "d", "crop": "left half", "box": [1, 2, 3, 4], "width": 10, "height": 9,
        "field": "text", "caption_id": "7", "text": "EXIT", "source": "model", "captioner": "c",
        "version": "v", "prompt": "p", "time": "2023-11-14T22:13:20.123456+00:00", "path": "p.jpg",
    }  # fmt: skip
    caption, path = from_json(json.dumps(row))
    assert caption.box == Box(1, 2, 3, 4)
    assert json.loads(to_json(caption, path)) == row


@pytest.mark.parametrize("field", ["tags", ""])
def test_unknown_fields_of_text_are_refused(field: str) -> None:
    with pytest.raises(ImportFormatError, match="field"):
        from_json(json.dumps({"doc_id": "1", "text": "x", "field": field}))
