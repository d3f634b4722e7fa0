"""The caption store: shards that are complete or not there, and readable by anybody."""

import errno
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexsearch.errors import StorageError
from lexsearch.records import Box, Caption, CaptionerKey, Document
from lexsearch.storage.captions import CaptionStore, DamagedShard
from lexsearch.storage.denials import without
from lexsearch.storage.documents import compose, in_effect
from lexsearch.text.lexicon import Lexicon

TAGGER, OTHER, HUMAN = (
    CaptionerKey("tagger", "1"),
    CaptionerKey("other", "2"),
    CaptionerKey("human"),
)


def caption(
    doc_id: str = "a", crop: str = "whole", text: str | None = "a dog", **more: Any
) -> Caption:
    return Caption(doc_id, crop, text, captioner=TAGGER)._replace(**more)


@pytest.fixture
def store(tmp_path: Path) -> CaptionStore:
    return CaptionStore(tmp_path / "captions")


def texts(store: CaptionStore, doc_ids: list[str] | None = None) -> dict[str, list[str | None]]:
    return {doc_id: [row.text for row in rows] for doc_id, rows in store.scan(doc_ids)}


def plurals(words: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Terms by which a word and its plural are one, and "a" and "of" say nothing."""
    said = {word: word.lower().removesuffix("s") for word in words}
    return {word: () if term in ("a", "of") else (term,) for word, term in said.items()}


def document_of(rows: list[Caption], current: CaptionerKey | None = None) -> Document:
    return compose("a", rows, current, lexicon=lambda: Lexicon(plurals))


def test_captions_come_back_as_they_were_by_document_in_order(store: CaptionStore) -> None:
    full = caption(
        "b",
        "left half",
        '猫 \n "x" 😀',
        box=Box(0, 0, 5, 9),
        width=10,
        height=9,
        time=1_700_000_000_123_456,
    )
    store.append([full, caption("a", text="")])
    store.append([caption("c"), caption("a", "top half", None, source="human")])
    assert [doc_id for doc_id, _ in store.scan()] == ["a", "b", "c"]
    assert dict(store.scan())["b"] == [full]
    assert texts(store)["a"] == ["", None]


def test_a_few_documents_are_found_among_many(store: CaptionStore) -> None:
    for part in range(3):
        store.append([caption(f"{n:05}", text=str(part)) for n in range(part, 9000, 3)])
    assert texts(store, ["00007", "08999", "nowhere"]) == {"00007": ["1"], "08999": ["2"]}
    many = [f"{n:05}" for n in range(0, 9000, 2)]
    assert list(texts(store, many)) == many


def test_any_parquet_reader_can_read_a_shard(store: CaptionStore) -> None:
    table = pq.read_table(store.append([caption(box=Box(1, 2, 3, 4), time=1_700_000_000_000_000)]))
    [row] = table.to_pylist()
    assert (row["doc_id"], row["crop"], row["text"], row["captioner"]) == (
        "a",
        "whole",
        "a dog",
        "tagger",
    )
    assert (row["left"], row["top"], row["right"], row["bottom"]) == (1, 2, 3, 4)
    assert row["time"].isoformat() == "2023-11-14T22:13:20+00:00"


def test_merging_shards_keeps_every_caption(store: CaptionStore) -> None:
    for number in range(40):
        store.append([caption(f"{number % 7}", text=str(number))])
        store.compact()
    assert len(store.shards()) < 16
    assert sorted(int(text or -1) for rows in texts(store).values() for text in rows) == list(
        range(40)
    )


def test_a_merge_that_was_killed_before_the_end_counts_nothing_twice(
    store: CaptionStore, tmp_path: Path
) -> None:
    old = {}
    for number in range(16):
        shard = store.append([caption("a", text=str(number))])
        old[shard] = shard.read_bytes()
    store.compact()
    [merged] = store.shards()
    for shard, content in old.items():  # as if killed before any of them was deleted
        shard.write_bytes(content)
    (merged.with_suffix(".part")).write_bytes(b"half of another")
    store.finish()
    assert store.shards() == [merged]
    assert len(texts(store)["a"]) == 16
    assert not list(merged.parent.glob("*.part"))


def test_a_damaged_shard_is_named(store: CaptionStore) -> None:
    store.append([caption("a")])
    shard = store.append([caption(f"{n}", text=f"text {n}" * 50) for n in range(500)])
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    with pytest.raises(DamagedShard, match=shard.name):
        list(store.scan())
    shard.write_bytes(content[:100])
    assert [error.shard for error in store.damaged()] == [shard]
    store.set_aside(shard)
    assert list(texts(store)) == ["a"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_shard_that_the_disk_does_not_give_is_not_called_damaged(
    store: CaptionStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store.append([caption("a")])

    def fail(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "open", fail)
        for read in (lambda: list(store.scan()), store.damaged):
            with pytest.raises(StorageError, match=os.strerror(number)) as caught:
                read()
            assert not isinstance(caught.value, DamagedShard)
    assert list(texts(store)) == ["a"]


def test_a_reader_loses_nothing_to_a_writer_that_merges(store: CaptionStore) -> None:
    for number in range(16):
        store.append([caption(f"{number:02}")])
    reading = store.scan()
    first, _ = next(reading)
    store.compact()
    assert [first, *(doc_id for doc_id, _ in reading)] == [f"{n:02}" for n in range(16)]


def test_a_reader_lists_again_where_shards_went_meanwhile(
    store: CaptionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(16):
        store.append([caption(f"{number:02}")])
    listed, seen = store.shards, []

    def before_a_merge() -> list[Path]:
        seen.append(listed())
        if len(seen) == 1:
            monkeypatch.undo()
            store.compact()
        return seen[0]

    monkeypatch.setattr(store, "shards", before_a_merge)
    assert len(list(store.scan())) == 16


def test_other_files_in_the_folder_are_left_alone(store: CaptionStore) -> None:
    other = store.append([caption("a")]).with_name("captions-backup.parquet")
    other.write_bytes(b"mine")
    store.append([caption("b")])
    assert list(texts(store)) == ["a", "b"]
    assert other.read_bytes() == b"mine"


def test_of_a_caption_written_twice_the_later_counts() -> None:
    old, new = caption(text="old", time=1), caption(text="new", time=2)
    assert in_effect([new, old]) == in_effect([old, new]) == [new]


def test_the_current_captioner_counts_and_another_where_it_has_not_been() -> None:
    rows = [
        caption(text="by tagger", time=1),
        caption(text="by other", captioner=OTHER, time=2),
        caption(crop="left half", text="half by other", captioner=OTHER, time=3),
    ]
    assert [row.text for row in in_effect(rows, TAGGER)] == ["by tagger", "half by other"]
    assert [row.text for row in in_effect(rows, OTHER)] == ["by other", "half by other"]
    assert [row.text for row in in_effect(rows)] == ["by other", "half by other"]


def test_a_correction_stands_for_every_captioner_until_it_is_withdrawn() -> None:
    rows = [
        caption(text="a cat", time=1),
        caption(text="my dog Bella", source="human", captioner=HUMAN, time=2),
        caption(text="a fox", captioner=OTHER, time=3),
    ]
    assert document_of(rows, OTHER).contents == "my dog Bella"
    withdrawn = caption(text=None, source="human", captioner=HUMAN, time=4)
    assert document_of([*rows, withdrawn], OTHER).contents == "a fox"


def test_a_correction_replaces_only_the_caption_it_is_of() -> None:
    rows = [
        caption(text="one", source="import", caption_id="1"),
        caption(text="two", source="import", caption_id="2"),
        caption(text="two, corrected", source="human", captioner=HUMAN, caption_id="2"),
        caption(text="EXIT", field="text"),
    ]
    document = document_of(rows)
    assert document.contents.splitlines() == ["one", "two, corrected"]
    assert [passage.text for passage in document.passages] == ["one", "two, corrected", "EXIT"]


@pytest.mark.parametrize(
    ("text", "denied", "left"),
    [
        ("two cats and a Cat", ["cat"], "two and a"),
        ("a traffic light, a light", ["traffic light"], "a , a light"),
        ("a cup of tea, cups of tea", ["cup of tea"], "a ,"),
        ("Egyptian Mau (cat, animal)", ["cats", "egyptian mau"], "(, animal)"),
        ("a caterpillar", ["cat"], "a caterpillar"),
        ("cat cat dog", ["cat dog"], "cat"),
        ("a cat", ["a"], "a cat"),
        ("a cat", [], "a cat"),
    ],
)
def test_denied_words_and_phrases_go_in_all_their_forms(
    text: str, denied: list[str], left: str
) -> None:
    assert without([text], denied, Lexicon(plurals)) == [left]


@given(
    st.lists(st.sampled_from(["cat", "cats", "dog", "a", "of"])),
    st.sampled_from(["cat", "dog cat", "cat of cat"]),
)
def test_what_is_left_does_not_say_it(words: list[str], denied: str) -> None:
    (left,) = without([" ".join(words)], [denied], Lexicon(plurals))
    terms = " ".join(term for word in left.split() for term in plurals([word])[word])
    assert f" {denied.replace(' of ', ' ')} " not in f" {terms} "


def test_a_denial_holds_for_all_crops_and_captioners_and_not_for_what_the_file_says() -> None:
    rows = [
        caption(text="two cats", time=1),
        caption(text="a cat", captioner=OTHER, time=2),
        caption(crop="left half", text="cat", time=1),
        caption(text="cat", field="seen", caption_id="0", time=1),
        caption(text="cat", field="about", crop="file", time=1),
        caption(text="cat", field="denied", source="human", captioner=HUMAN, caption_id="cat"),
    ]
    for current in (TAGGER, OTHER):
        document = document_of(rows, current)
        assert "cat" not in document.contents
        assert [p.text for p in document.passages if "cat" in p.text] == ["cat"]
        assert {passage.field for passage in document.passages} == {"caption", "about"}


def test_a_document_is_its_captions_from_the_whole_to_the_smallest_patch() -> None:
    crops = ["centre ninth", "top left quarter", "elsewhere", "whole", "bottom half"]
    document = document_of([caption(crop=crop, text=crop) for crop in crops])
    assert document.contents.splitlines() == [
        "whole", "bottom half", "top left quarter", "centre ninth", "elsewhere"
    ]  # fmt: skip


ANY = st.builds(
    caption,
    crop=st.sampled_from(["whole", "left half"]),
    text=st.sampled_from(["x", "y", "", None]),
    source=st.sampled_from(["model", "import", "human"]),
    captioner=st.sampled_from([TAGGER, OTHER]),
    caption_id=st.sampled_from(["", "1"]),
    time=st.integers(0, 3),
)


@given(st.lists(ANY, max_size=12, unique_by=lambda row: (row.source, row[:2], row[4:])))
def test_at_most_one_caption_of_a_source_counts_and_order_does_not_matter(
    rows: list[Caption],
) -> None:
    effective = in_effect(rows, TAGGER)
    assert {row[:] for row in effective} <= {row[:] for row in rows}
    assert all(row.text is not None or row.source != "human" for row in effective)
    human = {(row.crop, row.caption_id) for row in effective if row.source == "human"}
    others = {(row.crop, row.caption_id) for row in effective if row.source != "human"}
    assert human.isdisjoint(others)
