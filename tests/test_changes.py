"""A picture and a change in words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lexsearch
from lexsearch.errors import LexsearchError, QueryError
from lexsearch.text.changes import keywords_of


@pytest.mark.parametrize(
    ("change", "keywords"),
    [
        ("at night, without people", ["night", "-people"]),
        ("with a cat instead of the dog", ["cat", "-dog"]),
        ("without a dog, with a cat", ["-dog", "cat"]),
        ("without a dog and a cat", ["-dog", "-cat"]),
        ("no cars and no people but with a red bus", ["-cars", "-people", "red bus"]),
        ("on the beach", ["beach"]),
        ('-dog like:/etc, "y"', ["dog like etc", "y"]),
        ("", []),
        ("without", []),
    ],
)
def test_a_change_becomes_keywords(change: str, keywords: list[str]) -> None:
    assert list(map(str, keywords_of(change))) == keywords


@given(st.text())
def test_any_change_is_words_with_or_without_a_minus(change: str) -> None:
    for keyword in keywords_of(change):
        assert keyword.text
        assert keyword.sign in ("", "-")
        assert not keyword.quoted
        assert not keyword.field


def test_others_like_it_but_changed(index: lexsearch.Index) -> None:
    captions = {
        "it": "a dog runs on a beach beside the sea",
        "same": "a dog sleeps on a beach beside the sea",
        "wanted": "a cat walks on a beach beside the sea",
        "cat": "a cat on a sofa",
        "bus": "a bus in a street",
    }
    rows = [json.dumps({"doc_id": name, "text": text}) for name, text in captions.items()]
    index.import_captions(rows)
    hits = index.compose("it", "with a cat instead of the dog")
    assert [(hit.rank, hit.doc_id) for hit in hits] == [(1, "wanted"), (2, "cat")]
    assert hits.total == 2
    hits = index.compose("it", "asleep", k=1)
    assert [(hit.rank, hit.doc_id) for hit in hits] == [(1, "same")]
    with pytest.raises(QueryError, match="says no change"):
        index.compose("it", "...")
    with pytest.raises(LexsearchError, match="not in the index"):
        index.compose("nowhere.jpg", "at night")
