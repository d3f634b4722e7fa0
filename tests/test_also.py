"""Several sentences in one search: what they find, how one list is made of it, and who says so."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from conftest import Run, open_in_memory
from hypothesis import given
from hypothesis import strategies as st

import lexsearch
from lexsearch.engines import ScoredDoc
from lexsearch.errors import LexsearchError
from lexsearch.records import Keyword, Query
from lexsearch.searching.fusing import CANDIDATES, add, add_places, variants, vote
from lexsearch.text.queries import parse

DOCS = [f"d{number:02}" for number in range(40)]
rankings = st.lists(st.lists(st.sampled_from(DOCS), unique=True), min_size=1, max_size=8)


def fill(index: lexsearch.Index, captions: Mapping[str, str]) -> lexsearch.Index:
    rows = [json.dumps({"doc_id": doc_id, "text": text}) for doc_id, text in captions.items()]
    assert not index.import_captions(rows).failed
    return index


@pytest.fixture
def index(memory_index: lexsearch.Index) -> lexsearch.Index:
    return memory_index


@pytest.fixture
def party(index: lexsearch.Index) -> lexsearch.Index:
    return fill_party(index)


def fill_party(index: lexsearch.Index) -> lexsearch.Index:
    return fill(
        index,
        {
            "table": "people eat at a long table in the garden",
            "cake": "a birthday cake with candles",
            "dogcake": "a dog beside a birthday cake with candles",
            "family": "a family gathering outdoors",
            "car": "a red car on a street",
            "dog": "a dog sleeps on a sofa",
        },
    )


def ids(hits: Sequence[lexsearch.Hit]) -> list[str]:
    return [hit.doc_id for hit in hits]


# Pure: one list of several


@given(rankings, st.integers(1, CANDIDATES))
def test_two_stages_of_the_vote_are_one_for_up_to_15_votes(found: list[list[str]], k: int) -> None:
    one_stage = Counter(doc_id for ranking in found for doc_id in ranking[:k])
    fused = vote(found, [1.0] * len(found), k)
    assert {one.doc_id: one.votes for one in fused if one.votes} == one_stage
    votes = [one.votes or 0 for one in fused]
    assert votes == sorted(votes, reverse=True)
    assert [one.score for one in fused] == sorted((one.score for one in fused), reverse=True)


@given(rankings)
def test_with_more_votes_than_15_the_second_stage_counts(found: list[list[str]]) -> None:
    candidates = {doc_id for ranking in found for doc_id in ranking[:CANDIDATES]}
    expected = Counter(
        doc_id for ranking in found for doc_id in [one for one in ranking if one in candidates][:20]
    )
    fused = vote(found, [1.0] * len(found), 20)
    assert {one.doc_id: one.votes for one in fused if one.votes} == expected


@given(rankings, st.randoms())
def test_the_order_of_the_sentences_means_nothing(
    found: list[list[str]], chance: random.Random
) -> None:
    other = chance.sample(found, len(found))
    weights = [1.0] * len(found)
    assert [one.doc_id for one in vote(found, weights)] == [
        one.doc_id for one in vote(other, weights)
    ]


@given(st.lists(st.sampled_from(DOCS), unique=True))
def test_alone_a_sentence_keeps_its_order(ranking: list[str]) -> None:
    assert [one.doc_id for one in vote([ranking], [1.0])] == ranking[:CANDIDATES]
    assert [one.doc_id for one in add_places([ranking], [3.0])] == ranking


@given(rankings)
def test_a_copy_of_a_sentence_is_its_votes_once_more(found: list[list[str]]) -> None:
    copied = vote([*found, found[0]], [1.0] * (len(found) + 1))
    weighted = vote(found, [2.0, *[1.0] * (len(found) - 1)])
    assert [(one.doc_id, one.votes) for one in copied] == [
        (one.doc_id, one.votes) for one in weighted
    ]


def test_sums_by_hand() -> None:
    found = [[ScoredDoc("a", 1.0), ScoredDoc("b", 0.5)], [ScoredDoc("b", 2.0)]]
    assert [tuple(one[:2]) for one in add(found, [3.0, 1.0])] == [("b", 3.5), ("a", 3.0)]
    [first, second] = add_places([["a", "b"], ["b"]], [1.0, 1.0])
    assert (first.doc_id, first.score) == ("b", 1 / 62 + 1 / 61)
    assert (second.doc_id, second.score) == ("a", 1 / 61)


def test_signs_quotes_and_fields_hold_for_every_sentence() -> None:
    query = parse('family gathering, -dog, "long table", date:2023')
    each = variants(Query(query.keywords, also=("people -eat like:cake", "b")))
    assert each[0] == query
    assert each[1].keywords == (Keyword("people -eat like:cake"), *query.keywords[1:])


# At the door


@pytest.mark.parametrize("mode", ["best", "paper"])
@pytest.mark.parametrize("fuse", ["sum", "vote", "rrf"])
def test_other_words_find_more(party: lexsearch.Index, mode: str, fuse: str) -> None:
    also = ["people eat at a long table", "a birthday cake and candles"]
    hits = party.search("family gathering", mode=mode, also=also, fuse=fuse)
    assert set(ids(hits)) >= {"family", "table", "cake", "dogcake"}
    assert hits.also == tuple(also)
    by = {hit.doc_id: hit.by for hit in hits}
    assert by["family"] == ()
    assert by["table"][0] == also[0]
    assert by["cake"] == (also[1],) if mode == "best" else also[1] in by["cake"]
    assert all((hit.votes is not None) == (fuse == "vote") for hit in hits)


def test_what_is_typed_counts_most(party: lexsearch.Index) -> None:
    also = ["a birthday cake and candles"]
    assert ids(party.search("family gathering", also=also))[0] == "family"
    assert ids(party.search("family gathering", also=also, weight=0.1))[0] != "family"


def test_what_is_excluded_is_found_by_no_sentence(party: lexsearch.Index) -> None:
    also = ["a birthday cake and candles"]
    found = ids(party.search("family gathering, -dog", also=also))
    assert "cake" in found
    assert "dogcake" not in found
    assert "dogcake" not in [
        hit.doc_id for hit in party.rank("family gathering, -dog", 10, also=also)
    ]


def test_all_keeps_those_with_every_keyword(party: lexsearch.Index) -> None:
    hits = party.search("cake", match="all", also=["a dog", "a family gathering"])
    assert ids(hits) == ["dogcake", "cake"]
    assert hits.total == 2


def test_a_hit_lacks_what_was_typed(party: lexsearch.Index) -> None:
    [hit] = [
        hit
        for hit in party.search("family gathering", also=["people eat at a long table"])
        if hit.doc_id == "table"
    ]
    assert hit.missing == ("family gathering",)
    assert {"eat", "table"} <= set(hit.words)
    assert party.explain(Query(hit_query("family gathering"), also=hit.by), "table") is not None


def hit_query(text: str) -> tuple[Keyword, ...]:
    return parse(text).keywords


def test_pages_are_parts_of_one_list(party: lexsearch.Index) -> None:
    also = ["people eat at a long table", "a birthday cake and candles", "a dog"]
    whole = party.search("family gathering", 10, also=also)
    pages = [party.search("family gathering", 2, skip=skip, also=also) for skip in (0, 2, 4)]
    assert [(hit.rank, hit.doc_id) for page in pages for hit in page] == [
        (hit.rank, hit.doc_id) for hit in whole
    ]
    assert {page.total for page in pages} == {whole.total} == {len(whole)}


@given(
    st.lists(st.sampled_from(["dog", "birthday cake", "people", "car", "zebra"]), max_size=4),
    st.integers(1, 5),
)
def test_in_paper_mode_a_sum_is_one_bag_of_words(
    words: lexsearch.Index, also: list[str], weight: int
) -> None:
    typed = "a family gathering"
    joined = " ".join([typed] * weight + also)
    several = words.rank(typed, 10, mode="paper", also=also, weight=weight)
    if also:
        bag = words.rank(joined, 10, mode="paper")
        assert [one.doc_id for one in several] == [one.doc_id for one in bag]
        for ours, theirs in zip(several, bag, strict=True):
            assert ours.score == pytest.approx(theirs.score, rel=1e-5)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> lexsearch.Index:
    texts = ["a dog and a cake", "family people", "a car", "gathering dogs", "birthday family"]
    index = open_in_memory(tmp_path_factory.mktemp("words") / "index")
    return fill(index, {f"d{number}": text for number, text in enumerate(texts)})


def test_without_other_sentences_nothing_changes(party: lexsearch.Index) -> None:
    for match in ("best", "all", "any"):
        plain = party.search("dog, cake", match=match)
        assert party.search("dog, cake", match=match, also=["", " "]) == plain
        assert party.search("dog, cake", match=match, fuse="vote", weight=7) == plain


def test_sentences_that_say_nothing_find_nothing(party: lexsearch.Index) -> None:
    plain = [(hit.doc_id, hit.by) for hit in party.search("dog")]
    found = party.search("dog", also=["the of and", "...", "xyzzy plugh"])
    assert [(hit.doc_id, hit.by) for hit in found] == plain


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fuse": "max"}, "no way to fuse 'max'"),
        ({"weight": 0}, "above 0"),
        ({"also": "one text"}, "a list of sentences"),
    ],
)
def test_what_cannot_be_is_told(party: lexsearch.Index, options: dict, message: str) -> None:
    with pytest.raises(LexsearchError, match=message):
        party.search("dog", **{"also": ["a cake"], **options})


def test_the_command(lexsearch_command: Run, tmp_path: Path) -> None:
    fill_party(lexsearch.open(tmp_path / "index")).close()
    command = ["query", "family gathering", "--index", tmp_path / "index"]
    also = ["--also", "people eat at a long table"]
    done = lexsearch_command(*command, *also)
    assert done.returncode == 0
    assert "by: people eat at a long table" in done.stdout
    done = lexsearch_command(*command, *also, "--json", "--fuse", "vote")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["doc_id"]: row["by"] for row in rows}["table"] == ["people eat at a long table"]
    assert all(row["votes"] >= 1 for row in rows)
