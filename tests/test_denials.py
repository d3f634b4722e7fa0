"""Wrong: never say this of this picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import open_in_memory
from fakes import FakeCaptioner, picture

import lexsearch
from lexsearch.errors import LexsearchError


@pytest.fixture
def index(memory_index: lexsearch.Index) -> lexsearch.Index:
    return memory_index


@pytest.fixture
def fox(index: lexsearch.Index, photos: Path) -> Path:
    """A fox that the captioner takes for a cat, whole and in all patches."""
    place = picture(photos / "fox.png", "orange")
    index.add(photos, captioner=FakeCaptioner(says="two wolves and a cat"))
    index.import_captions([json.dumps({"doc_id": "other", "text": "a cat, a wolf, a camel"})])
    return place


def names(index: lexsearch.Index, query: str) -> list[str]:
    return [Path(hit.path or hit.doc_id).name for hit in index.search(query)]


def test_a_denied_word_is_found_seen_and_proposed_no_more(
    index: lexsearch.Index, fox: Path
) -> None:
    index.edit_caption(fox, "a fennec fox, Zoo 2022")
    assert set(names(index, "cat")) == {"fox.png", "other"}
    index.deny(fox, "cats", "wolf")
    for query in ("cat", "cats", "wolf", "wolves"):
        assert names(index, query) == ["other"]
    assert names(index, "fox -cat") == ["fox.png"]
    assert "cat" not in {word.word for word in index.words("fennec")}
    assert index.explain("cat, orange", fox).missing == ("cat",)
    assert any("cat" in (row.text or "") for row in index.describe(fox).captions)


def test_it_holds_against_indexing_again_and_other_captioners(
    index: lexsearch.Index, fox: Path, photos: Path
) -> None:
    index.deny(fox, "cat")
    index.reindex()
    index.add(photos, captioner=FakeCaptioner("other", says="three cats"))
    assert names(index, "cat") == ["other"]
    assert all(
        "cat" not in document.contents.split()
        for document in index.contents()
        if document.doc_id != "other"
    )


def test_it_goes_along_with_an_export(index: lexsearch.Index, fox: Path, tmp_path: Path) -> None:
    index.deny(fox, "cat")
    with open_in_memory(tmp_path / "elsewhere") as other:
        assert not other.import_captions(index.export_captions()).failed
        assert names(other, "cat") == ["other"]
        other.deny(fox, "cat", undo=True)
        assert "fox.png" in names(other, "cat")


def test_kinds_and_other_names_of_a_denied_thing_go_with_it(
    index: lexsearch.Index, photos: Path
) -> None:
    place = picture(photos / "fox.png", "orange")
    index.add(
        photos, captioner=FakeCaptioner(says="a kitten on a sofa; Egyptian Mau (cat, animal)")
    )
    index.deny(place, "cat")
    for query in ("cat", "kitten", "egyptian mau", "cats"):
        assert names(index, query) == []
    assert names(index, "sofa -cat")
    why = index.explain("sofa, animal", place)
    assert why is not None
    assert why.missing == ("animal",)
    index.edit_caption(place, "our kitten Kira, no cat")  # whoever says it knows why
    assert names(index, "kitten Kira") == ["fox.png"]
    index.deny(place, "cat", undo=True)
    assert "fox.png" in names(index, "cat")


def test_it_can_be_taken_back(index: lexsearch.Index, fox: Path) -> None:
    index.deny(fox, "Cat", "wolf")
    index.deny(fox, "cat", undo=True)
    assert set(names(index, "cat")) == {"fox.png", "other"}
    assert names(index, "wolf") == ["other"]
    with pytest.raises(LexsearchError, match="denied: wolf"):
        index.deny(fox, "cat", undo=True)
    with pytest.raises(LexsearchError, match="no word"):
        index.deny(fox, " ")
    with pytest.raises(LexsearchError, match="not in the index"):
        index.deny("nowhere.png", "cat")
