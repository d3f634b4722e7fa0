"""A search in rounds: keywords are added, dropped and taken back, and words are proposed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from conftest import open_in_memory

import lexsearch
from lexsearch.errors import LexsearchError, QueryError

CAPTIONS = {
    "kitchen 1": "a couch, a cup and bananas on a table",
    "kitchen 2": "bananas on a table with a knife",
    "kitchen 3": "a bunch of bananas on a table, a cup beside",
    "kitchen 4": "bananas, a cup and two knives on a table",
    "market": "a woman sells bananas",
    "office": "a keyboard and a cup on a table",
    "street": "a bus",
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lexsearch.Index]:
    with open_in_memory(tmp_path_factory.mktemp("sessions") / "index") as index:
        rows = [json.dumps({"doc_id": name, "text": text}) for name, text in CAPTIONS.items()]
        assert not index.import_captions(rows).failed
        yield index


def having(*words: str) -> set[str]:
    return {name for name, text in CAPTIONS.items() if all(word in text for word in words)}


def found(session: lexsearch.searching.sessions.Session, missing: int = 0) -> set[str]:
    return {hit.doc_id for hit in session.search() if len(hit.missing) <= missing}


def test_keywords_come_and_go(pictures: lexsearch.Index) -> None:
    session = pictures.session("banana, table")
    assert found(session) == having("banana", "table")
    assert session.add("cup") is session
    assert str(session.query) == "banana, table, cup"
    assert found(session) == having("banana", "table", "cup")
    session.add("-couch", "+knife")
    assert found(session) == {"kitchen 4"}
    assert [hit.doc_id for hit in session.search(1)] == ["kitchen 4"]
    session.drop("cup", "-couch")
    assert str(session.query) == "banana, table, +knife"
    assert found(session) == {"kitchen 2", "kitchen 4"}
    session.undo().undo()
    assert str(session.query) == "banana, table, cup"


@pytest.mark.parametrize("query", ["banana", "banana, table", "bananas on a table", "red bus"])
def test_a_suggested_word_narrows_to_the_count_that_was_promised(
    pictures: lexsearch.Index, query: str
) -> None:
    before = pictures.search(query, 100)
    for word, count in ((one.word, one.count) for one in pictures.session(query).suggest()):
        session = pictures.session(query)
        assert word in {one.word for one in session.suggest()}
        results = session.add(word).search(100)
        assert str(session.query) == f"{query}, +{word}"
        below = [hit.below for hit in results]
        assert below == [""] * count + ["lacking"] * (len(before) - count)
        assert {hit.doc_id for hit in results} == {hit.doc_id for hit in before}
        assert (results.total, results.listed) == (count, len(before))
        assert all((f"+{word}" in hit.missing) == bool(hit.below) for hit in results)


def test_what_nobody_suggested_is_welcome_and_no_must(pictures: lexsearch.Index) -> None:
    session = pictures.session("banana")
    session.suggest()
    assert str(session.add("bus").query) == "banana, bus"
    assert "street" in {hit.doc_id for hit in session.search(100)}
    with pytest.raises(QueryError, match="everyday"):
        pictures.search("banana, +cup", match="all", lacking=True)


def test_rounds_say_how_many_had_all_keywords_each_time(pictures: lexsearch.Index) -> None:
    session = pictures.session("banana, table").add("cup").add("knife")
    assert session.rounds == (
        ("banana, table", len(having("banana", "table"))),
        ("banana, table, cup", len(having("banana", "table", "cup"))),
        ("banana, table, cup, knife", 1),
    )
    assert len(session.undo().rounds) == 2


def test_a_sentence_goes_on_with_keywords(pictures: lexsearch.Index) -> None:
    session = pictures.session("a bunch of bananas on a table").add("cup")
    assert session.search()[0].doc_id == "kitchen 3"


def test_a_keyword_twice_is_one(pictures: lexsearch.Index) -> None:
    assert str(pictures.session("cup").add("cup", "table, cup").query) == "cup, table"


def test_what_cannot_be_done_leaves_the_session_as_it_was(pictures: lexsearch.Index) -> None:
    session = pictures.session("banana").add("cup")
    before = session.rounds
    with pytest.raises(QueryError, match=r"'spoon'.*banana, cup"):
        session.drop("spoon")
    with pytest.raises(QueryError, match="at least one"):
        session.drop("banana", "cup")
    with pytest.raises(QueryError):
        session.add(" , ")
    for wrong in (session.like, session.unlike):
        with pytest.raises(LexsearchError, match=r"no such picture\.jpg"):
            wrong("no such picture.jpg")
    with pytest.raises(LexsearchError, match="nowhere"):
        session.add("like:nowhere")
    assert session.rounds == before
    session.undo()
    with pytest.raises(QueryError, match="no round"):
        session.undo()
    with pytest.raises(QueryError):
        pictures.session(" ")


def test_more_like_a_picture_and_none_like_it(pictures: lexsearch.Index) -> None:
    session = pictures.session("banana").like("kitchen 2")
    assert session.search()[0].doc_id == "kitchen 2"
    session.unlike("kitchen 2")
    names = {hit.doc_id for hit in session.search()}
    assert "kitchen 2" not in names
    assert "market" in names


def test_proposed_words_split_what_was_found(pictures: lexsearch.Index) -> None:
    session = pictures.session("banana, desk, -sofa")
    proposed = {one.word: one.count for one in session.suggest()}
    shown = [hit.doc_id for hit in session.search(50)]
    assert proposed["cup"] == len(having("cup") & set(shown))
    assert proposed.keys().isdisjoint({"bananas", "banana", "couch", "a", "on", "and"})
    assert len(session.suggest(n=1)) == 1


@pytest.mark.parametrize(
    ("query", "used"),
    [
        ("banana", {"banana", "bananas"}),
        ("person", {"person", "woman"}),
        ("settee", {"couch"}),
        ('"cup"', {"cup"}),
        ("-knife, banana", {"knife", "knives"}),
        ("a cup on the table", {"cup", "table"}),
    ],
)
def test_a_word_in_use_or_its_synonym_is_never_proposed(
    pictures: lexsearch.Index, query: str, used: set[str]
) -> None:
    session = pictures.session(query)
    assert not {one.word for one in session.suggest(n=100)} & used


def test_each_proposed_word_finds_as_many_as_it_says(pictures: lexsearch.Index) -> None:
    session = pictures.session("banana")
    proposed = session.suggest(n=100)
    assert proposed
    for one in proposed:
        assert pictures.session("+banana").add(f'+"{one.word}"').search().total == one.count


def test_an_empty_index_has_sessions_too(index: lexsearch.Index) -> None:
    index.import_captions([])
    session = index.session("dog").add("cat")
    assert session.rounds == (("dog", 0), ("dog, cat", 0))
    assert not session.search()
    assert session.suggest() == []
