"""The first page: what comes first, and what a list leaves out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

import lexsearch

pytestmark = pytest.mark.java


def found(folder: Path, captions: dict[str, str], query: str) -> list[str]:
    with lexsearch.open(folder / "index") as index:
        index.import_captions(imported(captions))
        return [hit.doc_id for hit in index.search(query, k=100)]


def imported(captions: dict[str, str]) -> Iterable[str]:
    return [json.dumps({"doc_id": one, "text": text}) for one, text in captions.items()]


def test_of_one_caption_each_what_is_named_early_and_often_comes_first(tmp_path: Path) -> None:
    captions = {
        "a": "A kitchen with a table and four chairs, and beside the window there may be a dog.",
        "b": "A table in a kitchen near a dog and a window with four chairs around it.",
        "c": "A dog lies in a kitchen. The dog looks at the window, a table and four chairs.",
    }
    assert found(tmp_path, captions, "dog") == ["c", "b", "a"]


def test_names_that_mostly_mean_something_else_find_nothing(tmp_path: Path) -> None:
    captions = {
        "plate": "a white plate on a table",
        "cook": "a delicious meal in a pot",
        "man": "a man in a kitchen",
    }
    assert found(tmp_path, captions, "person") == ["man"]
    captions["apple"] = "an apple on a table"
    assert found(tmp_path / "more", captions, "apple") == ["apple"]


def test_proposals_lead_to_pictures_and_say_how_many(tmp_path: Path) -> None:
    captions = {str(n): "a person with a dog" for n in range(3)} | {
        "g": "a giraffe",
        "p": "a puppy",
    }
    with lexsearch.open(tmp_path / "index") as index:
        index.import_captions(imported(captions))
        for query, proposed in (
            ("man", ["person"]),
            ("girl", ["person"]),
            ("girafe", ["giraffe"]),
            ("spaniel", ["dog"]),
        ):
            [unknown] = index.search(query).unknown
            assert [one.word for one in unknown.nearest] == proposed
            for one in unknown.nearest:
                assert index.search(one.word).total == one.count


def test_of_pictures_that_lack_a_keyword_those_with_what_goes_with_it_come_first(
    tmp_path: Path,
) -> None:
    captions = {f"dog{n}": "a dog on a leash in a yard" for n in range(5)}
    captions |= {f"cat{n}": "a cat on a sofa in a room" for n in range(5)}
    captions |= {"a": "a person in a room with a sofa", "b": "a person in a yard with a leash"}
    with lexsearch.open(tmp_path / "index") as index:
        index.import_captions(imported(captions))
        hits = index.search("person, dog", k=100)
        assert [hit.doc_id for hit in hits if hit.missing == ("dog",)] == ["b", "a"]
        assert all(1 < hit.score < 2 for hit in hits)


def test_what_has_too_few_words_of_a_sentence_follows_and_says_what_it_lacks(
    tmp_path: Path,
) -> None:
    captions = {f"{n}": "a person in a street" for n in range(40)}
    captions |= {"both": "a cat on a laptop", "cat": "a cat on a mat", "desk": "a laptop"}
    with lexsearch.open(tmp_path / "index") as index:
        index.import_captions(imported(captions))
        hits = index.search("cat on a laptop")
        assert (hits[0].doc_id, hits[0].missing) == ("both", ())
        lacking = {hit.doc_id: hit.missing for hit in hits[1:]}
        assert lacking == {"cat": ("laptop",), "desk": ("cat",)}
        assert not index.search("person on a camel")  # a word of nearly all is no find by itself
        assert [hit.doc_id for hit in index.search("cat on a laptop", match="all")] == ["both"]
        beside = index.search("cat on a laptop, mat", k=100)
        assert [hit.doc_id for hit in beside] == ["both", "cat"]


def test_a_match_without_the_rarest_word_of_a_short_sentence_follows_those_with_it(
    tmp_path: Path,
) -> None:
    captions = {f"{n}": "a dog" for n in range(6)} | {f"b{n}": "a beach" for n in range(6)}
    captions |= {
        "two": "a dog on a beach, a dog and a beach, dogs on the beach",
        "ball": "a park with trees and people, and somewhere a ball beside a dog",
        "all": "a dog with a ball on a beach",
    }
    order = found(tmp_path, captions, "a dog with a ball on the beach")
    assert order[:3] == ["all", "ball", "two"]


def test_words_that_count_or_hold_bring_no_kinds_in(tmp_path: Path) -> None:
    captions = {"cars": "heavy traffic at night", "desk": "a computer mouse", "cat": "a cat"}
    assert found(tmp_path, captions, "group") == []
    assert found(tmp_path / "more", captions, "animal") == ["cat"]
    assert found(tmp_path / "most", captions, "mouse") == ["desk"]
