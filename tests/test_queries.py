"""Reading what a person typed."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexsearch.errors import QueryError
from lexsearch.records import FIELDS, Keyword, Query
from lexsearch.text.dates import beginnings
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
            ["t-shirt", "4x4", "5:30", "note: this", "-dog"],
        ),
        ('"red, white"', ['"red, white"']),
        ('like:"a,  b ""c"""', ['like:"a,  b ""c"""']),
        ("1,299.99, 12,50", ["1,299.99", "12,50"]),
        ("bus; dog\u3001cat\uff0cbird", ["bus", "dog", "cat", "bird"]),
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


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("dog NOT cat", ["dog", "-cat"]),
        ("NOT traffic light, dog", ["-traffic light", "dog"]),
        ("dog AND NOT cat OR bird", ["dog", "-cat", "bird"]),
        ("DO NOT ENTER", ["DO NOT ENTER"]),
        ("do not enter", ["do not enter"]),
        ("dog !cat", ["dog", "-cat"]),
        ("dog \u2013cat", ["dog", "-cat"]),
        ("dog \u2212cat", ["dog", "-cat"]),
        ("dog \u2014 cat", ["dog", "-cat"]),
        ("dog - cat, bus", ["dog", "-cat", "bus"]),
        ("a dog \u2013 running on a beach", ["a dog running on a beach"]),
        ("10 - 20", ["10 20"]),
        ("\uff0bdog", ["+dog"]),
        ("\u201cfire hydrant\u201d dog", ['"fire hydrant"', "dog"]),
        ("\u201efire hydrant\u201c, \u00abchat noir\u00bb", ['"fire hydrant"', '"chat noir"']),
        ("\u2018fire hydrant\u2019", ['"fire hydrant"']),
        ("don\u2019t walk", ["don't walk"]),
    ],
)
def test_signs_mean_what_they_look_like(text: str, understood: list[str]) -> None:
    assert list(map(str, parse(text).keywords)) == understood


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("2019-7", "2019-07"),
        (" 2019", "2019"),
        ("2019/07/14", "2019-07-14"),
        ("14.07.2019", "2019-07-14"),
        ("14 July 2019", "2019-07-14"),
        ("sept. 2019", "2019-09"),
        ("july", "july"),
        ("2018-2020", "2018..2020"),
        ("2018 - 2020", "2018..2020"),
        (">2018", "2019-01-01.."),
        ("<=2018", "..2018"),
    ],
)
def test_dates_as_people_type_them(typed: str, read: str) -> None:
    assert list(map(str, parse(f"dog Date:{typed} -cat").keywords)) == [
        "dog",
        f"date:{read}",
        "-cat",
    ]


@pytest.mark.parametrize("typed", ["2023-13", "last year", "2019-02-30", "A..B", "2020..2018"])
def test_a_date_that_cannot_be_is_told_with_the_forms(typed: str) -> None:
    with pytest.raises(QueryError, match=r"type date: and 2019|ends before"):
        parse(f"date:{typed}")


def test_a_date_of_two_readings_is_asked_about() -> None:
    with pytest.raises(QueryError, match="2019-03-04 or 2019-04-03"):
        parse("date:03/04/2019")


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 4000), st.data())
def test_beginnings_hold_just_the_days_of_a_range(
    start: date, days: int, data: st.DataObject
) -> None:
    end = start + timedelta(days)
    covered = beginnings(f"{start}..{end}")
    for day in (start - timedelta(1), start, end, end + timedelta(1)):
        assert sum(str(day).startswith(one) for one in covered) == (start <= day <= end)
    inside = data.draw(st.dates(start, end))
    assert sum(str(inside).startswith(one) for one in covered) == 1


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("a picture of a dog", "dog"),
        ("dog pictures", "dog"),
        ("show me all photos with dogs please", "dogs"),
        ("Can you show me a dog?", "dog"),
        ("I'd like to see pictures of a red bus", "red bus"),
        ("are there any pictures of dogs?", "dogs"),
        ("images that show a cat", "cat"),
        ("the image shows a cat on a bed", "cat on a bed"),
        ("picture frame", "picture frame"),
        ("a man holding a picture of a dog", "a man holding a picture of a dog"),
        ("my photos", "my photos"),
        ("show jumping", "show jumping"),
        ("photo", "photo"),
    ],
)
def test_words_that_only_ask_are_left_out(text: str, understood: str) -> None:
    assert keywords(text) == [understood]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (
            "foo:bar",
            "no field foo:.*text:, name:, about:, date:, camera:, kind:, album:, is:, like:",
        ),
        ("*dog", r"hydr\*"),
        ("man without a hat", "-hat"),
        ("no dogs", "-dogs"),
    ],
)
def test_what_means_nothing_is_told_with_what_to_type(text: str, note: str) -> None:
    [told] = parse(text).notes
    assert re.search(note, told)


@pytest.mark.parametrize(
    "text", ["http://a.b/c", "5:30", "note: this", "hydr*", "dog, -cat", "nobody"]
)
def test_usual_texts_have_no_notes(text: str) -> None:
    assert parse(text).notes == ()


@given(st.text(st.sampled_from("ab 19-+!,;:*\"'\u201c\u201d\u2013NOTdate: like:.\n")))
def test_a_query_read_from_any_text_is_read_back_from_how_it_is_shown(text: str) -> None:
    try:
        query = parse(text)
    except QueryError:
        return
    assert str(parse(str(query))) == str(query)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("^ \u2013\u201d!\u00ab", "^"),
        ('"text:\t dog', "text:dog"),
        ('"date: 2019, b', "date:2019, b"),
        ("\u201c\u201d-..-a", "-..-a"),
        ("pictures of \u2013!", "pictures of"),
        ("dog \u00ab-cat", "dog, -cat"),
        ("\u00ab" * 3000 + "dog", "dog"),
    ],
)
def test_quotes_and_signs_that_stand_for_nothing_are_left_out(text: str, shown: str) -> None:
    query = parse(text)
    assert str(query) == shown
    assert parse(shown).keywords == query.keywords


@given(st.text())
def test_any_text_is_a_query_or_holds_no_keyword(text: str) -> None:
    try:
        assert all(keyword.text for keyword in parse(text).keywords)
    except QueryError:
        assert "date:" in text.lower() or not any(letter.isalnum() for letter in text)


_WORD = st.from_regex("[a-z]{1,5}", fullmatch=True)
_WORDS = st.lists(_WORD, min_size=1, max_size=3)
_SIGNS = st.sampled_from(["", "+", "-"])
_KEYWORDS = st.one_of(
    st.builds(
        Keyword,
        _WORDS.map(" ".join),
        _SIGNS,
        st.booleans(),
        st.sampled_from([name for name in ("", *FIELDS) if name not in ("date", "kind", "is")]),
    ),
    st.builds(
        Keyword,
        st.sampled_from(["2019", "2019-07", "july", "2018..2020", "..2019-01-02"]),
        _SIGNS,
        st.booleans(),
        st.just("date"),
    ),
    st.builds(Keyword, _WORD, _SIGNS, st.just(False), st.just("kind")),
    st.builds(Keyword, st.just("favourite"), _SIGNS, st.just(False), st.just("is")),
)


@given(st.lists(_KEYWORDS, min_size=1, unique=True))
def test_a_query_written_out_is_read_back(keywords: list[Keyword]) -> None:
    query = Query(tuple(keywords))
    assert parse(str(query)) == query


@given(st.text(min_size=1), st.sampled_from(["", "+", "-"]))
def test_a_picture_is_named_whatever_stands_in_its_name(name: str, sign: str) -> None:
    query = Query((Keyword("dog"), Keyword(name, sign, True, "like"), Keyword("red")))
    assert parse(str(query)) == query
