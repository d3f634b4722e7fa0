"""What people type and paste finds what they mean, whichever field and script it is in."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lexsearch
from lexsearch.errors import QueryError
from lexsearch.records import FIELDS
from lexsearch.searching.searcher import Match

pytestmark = pytest.mark.java

DOCUMENTS: dict[str, list[tuple[str, str]]] = {
    "sign": [("caption", "a metal pole by a road"), ("text", "NO PARKING ANY TIME")],
    "lot": [("caption", "a parking lot and a clock showing the time")],
    "cake": [("caption", "a cake with candles"), ("text", "Happy Birthday Mila")],
    "paris": [
        ("caption", "a bridge over a river"),
        ("about", "Pont Neuf, Paris, with Mila"),
        ("date", "2019-07-14"),
    ],
    "other": [("caption", "a bridge in a park"), ("date", "2020-01-02")],
    "price": [("text", "$1,299.99")],
    "plate": [("text", "AB-12 CDE")],
    "German plate": [("text", "B-AB 1234")],
    "Italian plate": [("text", "EF 456 GH")],
    "Polish plate": [("text", "WX.Y 98765")],
    "phone": [("text", "Tel 030 123 4567")],
    "bar": [("text", "O'NEILL\u2019S")],
    "hindi": [("caption", "एक कुत्ता घास पर")],
    "price in Hindi": [("caption", "कीमत तीन सौ रुपये")],
    "thai": [("caption", "สุนัขวิ่งบนชายหาด")],
    "thai pupils": [("caption", "นักเรียนสองคนในห้อง")],
    "hebrew": [("caption", "שָׁלוֹם")],
    "arabic": [("caption", "كَلْب في الحديقة")],
    "tamil": [("caption", "ஒரு நாய்")],
    "istanbul": [("text", "İSTANBUL KART")],
    "mac": [("caption", unicodedata.normalize("NFD", "die Familie Müller"))],
    "hydrant": [("caption", "a hydrant on a street")],
    "bus": [("caption", "a bus on a street")],
}
PATHS = {
    "tram": ("/p/2021 Lisbon trip/a.jpg", "a tram in a street"),
    "camera": ("/p/DSC01234.JPG", "a blue wall"),
    "phone picture": ("/p/iPhone12/IMG_2034.jpg", "a green wall"),
    "camel": ("/p/holiday2023/summerPartyDay1.png", "a white wall"),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lexsearch.Index]:
    rows = [
        {"doc_id": doc_id, "field": field, "text": text}
        for doc_id, said in DOCUMENTS.items()
        for field, text in said
    ]
    rows += [{"doc_id": one, "path": path, "text": text} for one, (path, text) in PATHS.items()]
    with lexsearch.open(tmp_path_factory.mktemp("typed") / "index") as index:
        index.import_captions([json.dumps(row) for row in rows])
        yield index


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("no parking any time", "sign"),
        ("Happy Birthday Mila", "cake"),
        ("bridge Paris", "paris"),
        ("a bridge in Paris with Mila", "paris"),
        ("Lisbon tram", "tram"),
        ("bridge 2019", "paris"),
        ("bridge July 2019", "paris"),
        ("2019", "paris"),
        ("14 July 2019", "paris"),
        ("date:2018-2019", "paris"),
        ("date:>2019", "other"),
        ("date:14 July", "paris"),
        ("date:July 14th", "paris"),
        ("1,299.99", "price"),
        ('"1,299.99"', "price"),
        ('text:"1299.99"', "price"),
        ("AB12CDE", "plate"),
        ("ab 12-cde", "plate"),
        ("bab1234", "German plate"),
        ("BAB 1234", "German plate"),
        ("B AB 1234", "German plate"),
        ("b-ab-1234", "German plate"),
        ("B\u00b7AB 1234", "German plate"),
        ("text:bab1234", "German plate"),
        ("ef456gh", "Italian plate"),
        ("wxy98765", "Polish plate"),
        ("0301234567", "phone"),
        ("030/123-4567", "phone"),
        ("O\u2019Neill's", "bar"),
        ("DSC01234", "camera"),
        ("DSC01234.JPG", "camera"),
        ("dsc01234.jpg", "camera"),
        ("name:DSC01234", "camera"),
        ("p/DSC01234.JPG", "camera"),
        ("IMG_2034.jpg", "phone picture"),
        ("img2034", "phone picture"),
        ("name:iphone", "phone picture"),
        ("iPhone12", "phone picture"),
        ("holiday2023", "camel"),
        ("name:day1", "camel"),
        ("summerPartyDay1", "camel"),
        ("summer party", "camel"),
        ("कुत्ता", "hindi"),
        ("สุนัข", "thai"),
        ("שלום", "hebrew"),
        ("كلب", "arabic"),
        ("நாய்", "tamil"),
        ("İstanbul", "istanbul"),
        ("istanbul", "istanbul"),
        ("Müller", "mac"),
        (unicodedata.normalize("NFD", "müller"), "mac"),
        ("hydr*", "hydrant"),
        ("name:img*", "phone picture"),
        ("show me pictures of a hydrant", "hydrant"),
        ("hydrant photos", "hydrant"),
    ],
)
def test_what_is_typed_finds_it_first_and_says_why(
    index: lexsearch.Index, query: str, found: str
) -> None:
    hit = index.search(query)[0]
    assert hit.doc_id == found
    assert hit.evidence


@pytest.mark.parametrize("query", ["wall -name:DSC01234", "wall NOT name:dsc01234.jpg"])
def test_names_exclude(index: lexsearch.Index, query: str) -> None:
    assert {hit.doc_id for hit in index.search(query)} == {"phone picture", "camel"}


def test_where_nobody_says_a_phrase_what_is_known_comes_and_says_what_it_lacks(
    index: lexsearch.Index,
) -> None:
    results = index.search("red bus")
    assert [(hit.doc_id, hit.missing) for hit in results] == [("bus", ("red",))]
    assert [unknown.keyword for unknown in results.unknown] == ["red"]
    assert not index.search("red bus", match="all")


@pytest.mark.java
def test_a_word_in_nearly_all_pictures_is_no_find_by_itself(tmp_path: Path) -> None:
    rows = [{"doc_id": f"{n}", "text": "a person in a street"} for n in range(40)]
    with lexsearch.open(tmp_path / "index") as index:
        index.import_captions([json.dumps(row) for row in rows])
        assert not index.search("person on a bike")
        assert len(index.search("person, bike")) == 10


def test_a_sentence_says_which_words_a_picture_lacks(index: lexsearch.Index) -> None:
    hits = index.search("a bridge over a river in Paris with Anna")
    assert hits[0].doc_id == "paris"
    assert hits[0].missing == ("anna",)


_WORDS = st.sampled_from(
    sorted(
        {
            word
            for rows in [*DOCUMENTS.values(), [("name", path) for path, _ in PATHS.values()]]
            for _, text in rows
            for word in text.split()
        }
    )
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "+", "-", "NOT "]), st.sampled_from(["", *FIELDS]), _WORDS),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["best", "all", "any"]),
)
def test_any_word_of_any_field_can_be_asked_for_in_every_way(
    index: lexsearch.Index, typed: list[tuple[str, str, str]], match: Match
) -> None:
    text = ", ".join(
        f"{sign}{field + ':' if field not in ('', 'like') else ''}{word}"
        for sign, field, word in typed
    )
    with suppress(QueryError):  # a date that cannot be
        index.search(text, match=match)
