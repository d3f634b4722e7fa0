"""Reading what a person typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexsearch.errors import QueryError
from lexsearch.records import FIELDS, Keyword, Query
from lexsearch.text.queries import parse


def keywords(text: str) -> list[str]:
    return [keyword.text for keyword in parse(text).keywords]


def test_commas_separate_keywords() -> None:
    assert keywords("bus, traffic light") == ["bus", "traffic light"]


def test_a_text_without_commas_is_one_sentence() -> None:
    assert keywords("a dog on the beach") == ["a dog on the beach"]


def test_space_and_empty_keywords_do_not_count() -> None:
    assert keywords(" ,bus ,\t, traffic \n light,") == ["bus", "traffic light"]


@pytest.mark.parametrize("text", ["", " ", ",", " ,\n, "])
def test_nothing_to_search_for_is_an_error_that_shows_an_example(text: str) -> None:
    with pytest.raises(QueryError, match="lexsearch query"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ('bus, -person, "fire hydrant", +dog', ["bus", "-person", '"fire hydrant"', "+dog"]),
        ("dog -person on beach", ["dog", "-person", "on beach"]),
        ("-traffic light, bus", ["-traffic light", "bus"]),
        ('text:"cero emisiones" dog', ['text:"cero emisiones"', "dog"]),
        ("name:holiday rome, dog", ["name:holiday rome", "dog"]),
        ("dog date:2023-07", ["dog", "date:2023-07"]),
        ("like:abc -like:def", ["like:abc", "-like:def"]),
        (
            "t-shirt, 4x4, 5:30, note: this, - dog",
            ["t-shirt", "4x4", "5:30", "note: this", "- dog"],
        ),
        ('"red, white"', ['"red white"']),
        ("bus, bus", ["bus"]),
        ('"never ending', ["never ending"]),
        ('""', []),
    ],
)
def test_signs_quotes_and_fields(text: str, understood: list[str]) -> None:
    if understood:
        assert list(map(str, parse(text).keywords)) == understood
    else:
        with pytest.raises(QueryError):
            parse(text)


@given(st.text())
def test_any_text_is_a_query_or_holds_no_keyword(text: str) -> None:
    try:
        assert all(keyword.text for keyword in parse(text).keywords)
    except QueryError:
        assert not any(letter.isalnum() for letter in text)


_WORDS = st.lists(st.from_regex("[a-z]{1,5}", fullmatch=True), min_size=1, max_size=3)
_KEYWORDS = st.builds(
    Keyword,
    _WORDS.map(" ".join),
    st.sampled_from(["", "+", "-"]),
    st.booleans(),
    st.sampled_from(["", *FIELDS]),
)


@given(st.lists(_KEYWORDS, min_size=1, unique=True))
def test_a_query_written_out_is_read_back(keywords: list[Keyword]) -> None:
    query = Query(tuple(keywords))
    assert parse(str(query)) == query


@given(st.text(min_size=1), st.sampled_from(["", "+", "-"]))
def test_a_picture_is_named_whatever_stands_in_its_name(name: str, sign: str) -> None:
    query = Query((Keyword("dog"), Keyword(name, sign, True, "like"), Keyword("red")))
    assert parse(str(query)) == query
