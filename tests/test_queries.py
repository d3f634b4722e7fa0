"""Reading what a person typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexsearch.errors import QueryError
from lexsearch.queries import parse


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


@given(st.text())
def test_any_text_is_a_query_or_holds_no_keyword(text: str) -> None:
    try:
        found = keywords(text)
    except QueryError:
        assert not text.replace(",", " ").split()
    else:
        assert " ".join(found).split() == text.replace(",", " ").split()
        assert keywords(parse(text).text) == found
