"""Searching by keywords: what is found, in which order, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, open_in_memory
from hypothesis import given, settings
from hypothesis import strategies as st

import lexsearch
from lexsearch.engines.weights import WEIGHTS
from lexsearch.errors import LexsearchError, QueryError
from lexsearch.index import Index
from lexsearch.records import Box, Hit, Keyword, Query
from lexsearch.searching.searcher import Match
from lexsearch.text.queries import parse
from lexsearch.text.words import words_of


@pytest.fixture
def index(memory_index: lexsearch.Index) -> lexsearch.Index:
    return memory_index


def fill(index: lexsearch.Index, documents: Mapping[str, object]) -> lexsearch.Index:
    """Import documents: doc_id to a caption, a list of them, or of rows as in JSON Lines."""
    rows = []
    for doc_id, captions in documents.items():
        for caption in captions if isinstance(captions, list) else [captions]:
            row = caption if isinstance(caption, dict) else {"text": caption}
            rows.append(json.dumps({"doc_id": doc_id, **row}))
    assert not index.import_captions(rows).failed
    return index


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.doc_id for hit in hits]


def found(index: lexsearch.Index, query: str, **how: Any) -> set[str]:
    return set(ids(index.search(query, 100, **how)))


# Words. Every pair stands in a document of its own, so that a hit is due to it alone.

MEET = [
    ("couch", "a grand sofa"),
    ("sofa", "a leather couch"),
    ("man", "two men talk"),
    ("person", "people queue"),
    ("person", "an old woman"),
    ("child", "children at play"),
    ("knife", "three sharp knives"),
    ("bus", "parked buses"),
    ("skis", "one long ski"),
    ("donut", "a glazed doughnut"),
    ("doughnuts", "donuts with sugar"),
    ("tail-light", "a broken taillight"),
    ("taillight", "its tail light glows"),
    ("tail light", "the tail-lights shine"),
    ("tail_light", "some tail lights"),
    ("skateboard", "on a skate board"),
    ("skate board", "she rides skateboards"),
    ("fire_hydrant", "an open fire hydrant"),
    ("gray", "the grey sky"),
    ("colorful", "colourful kites"),
    ("aeroplane", "airplanes land"),
    ("airplane", "an aeroplane climbs"),
    ("cafe", "a tiny café"),
    ("façade", "the facade of a church"),
    ("42", "tram number 42"),
    ("dog", "the dog\u2019s bowl"),
    ("lorry", "a rusty truck"),
    ("animal", "a sleeping cat"),
    ("COUCH", "one Sofa"),
    ("犬", "黒い犬が走る"),
    ("禁煙", "壁に禁煙の札"),
    ("собака", "Чёрная собака бежит"),
    ("כלב", "כלב שחור"),
    ("🚲", "a 🚲 in the hall"),
]
APART = [
    ("hot dog", "a dog in the heat of a hot day"),
    ("dog", "a hotel dogma"),
    ("cat", "a catalogue"),
    ("42", "number 421"),
    ('"sofa"', "a leather couch"),
    ('"dog"', "a white puppy"),
    ("cat", "an animal in the dark"),
    ("禁煙", "立入禁止"),
    ('"traffic light"', "a light in heavy traffic"),
]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> lexsearch.Index:
    """Every caption of MEET and APART, each a document with that caption as its id."""
    index = lexsearch.open(tmp_path_factory.mktemp("words") / "index")
    rows = {caption: caption for _, caption in MEET + APART}
    return fill(index, {**rows, "mustard": "a hot dog with mustard"})


@pytest.mark.java
@pytest.mark.parametrize(("query", "caption"), MEET)
def test_words_that_mean_the_same_meet(words: lexsearch.Index, query: str, caption: str) -> None:
    [hit] = [hit for hit in words.search(query, 100) if hit.doc_id == caption]
    [why] = hit.evidence
    assert (hit.missing, why.keyword, why.share) == ((), query, 1.0)
    assert why.words
    assert all(_plain(word) in _plain(caption) for word in why.words)


def test_a_name_that_holds_the_word_itself_does_not_count_twice(index: lexsearch.Index) -> None:
    fill(index, {"one": "a microwave oven", "other": "a microwave shelf", "oven": "an oven"})
    one, other = index.search("microwave")
    assert one.score == other.score
    assert one.words == other.words == ("microwave",)


@pytest.mark.java
@pytest.mark.parametrize(("query", "caption"), APART)
def test_words_that_mean_something_else_do_not(
    words: lexsearch.Index, query: str, caption: str
) -> None:
    assert caption not in found(words, query)


@pytest.mark.java
@pytest.mark.parametrize(("query", "caption"), MEET)
def test_excluded_words_exclude_what_the_same_words_find(
    words: lexsearch.Index, query: str, caption: str
) -> None:
    if query != "animal":  # so broad that each kind of it is unlikely to be meant
        assert caption not in found(words, f"-{query}")


def test_the_word_itself_comes_before_its_kinds(index: lexsearch.Index) -> None:
    fill(index, {"a": "a poodle", "b": "a dog", "c": "a puppy"})
    assert ids(index.search("dog"))[0] == "b"
    assert found(index, "dog") == {"a", "b", "c"}


# Queries


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> lexsearch.Index:
    index = open_in_memory(tmp_path_factory.mktemp("street") / "index")
    return fill(
        index,
        {
            "all": ["a bus and a dog", "a bus", "a couch on the pavement"],
            "bus": ["a red bus", "a bus", "the bus again", "one more bus"],
            "bus, dog": "a bus passes a dog",
            "couch": "a sofa for sale",
            "dog": "a puppy",
            "tree": "a tall tree",
        },
    )


def test_those_with_all_keywords_come_first_then_those_that_miss_one(
    street: lexsearch.Index,
) -> None:
    results = street.search("bus, dog, couch")
    missing = {hit.doc_id: set(hit.missing) for hit in results}
    assert missing == {
        "all": set(),
        "bus, dog": {"couch"},
        "bus": {"dog", "couch"},
        "couch": {"bus", "dog"},
        "dog": {"bus", "couch"},
    }
    assert [len(hit.missing) for hit in results] == [0, 1, 2, 2, 2]
    scores = [hit.score for hit in results]
    assert scores == sorted(scores, reverse=True)
    assert [hit.rank for hit in results] == [1, 2, 3, 4, 5]
    assert results.total == 5 == street.total("bus, dog, couch")


def test_all_keeps_those_with_every_keyword(street: lexsearch.Index) -> None:
    results = street.search("bus, dog", match="all")
    assert set(ids(results)) == {"all", "bus, dog"}
    assert results.total == street.total("bus, dog", "all") == 2
    assert not street.search("tree, couch", match="all")


def test_any_goes_on_after_those_that_match(street: lexsearch.Index) -> None:
    best, any_ = ids(street.search("bus")), ids(street.search("bus", match="any"))
    assert set(best) <= set(any_)
    assert [one.doc_id for one in street.rank("bus", 10)] == any_


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("bus, -dog", {"bus"}),
        ("bus, -puppy", {"bus, dog", "all", "bus"}),
        ("-bus", {"couch", "dog", "tree"}),
        ("couch, -sofa", set()),
        ('couch, -"sofa"', {"all"}),
        ("bus, +dog", {"bus, dog", "all", "dog"}),
        ("+bus, +dog", {"bus, dog", "all"}),
        ("+unicorn, bus", set()),
        ('"puppy"', {"dog"}),
        ('"dog"', {"bus, dog", "all"}),
        ("bus -dog", {"bus"}),
    ],
)
def test_signs_and_quotes(street: lexsearch.Index, query: str, expected: set[str]) -> None:
    results = street.search(query)
    assert set(ids(results)) == expected
    assert results.total == len(expected)


def test_k_bounds_the_hits_and_not_the_total(street: lexsearch.Index) -> None:
    everything = ids(street.search("bus, dog"))
    for k in (0, 1, 2, 10**12):
        results = street.search("bus, dog", k)
        assert (ids(results), results.total) == (everything[:k], 4)


@pytest.mark.java
def test_a_sentence_finds_what_shares_its_telling_words(tmp_path: Path) -> None:
    index = fill(
        lexsearch.open(tmp_path / "index"),
        {
            "right": "a brown dog runs along a sandy beach",
            "beach": "people on a beach with a dog far away",
            "grammar": "there is a thing that is on it with the other",
        },
    )
    results = index.search("There is a dog running on the beach")
    assert ids(results)[0] == "right"
    assert "grammar" not in ids(results)
    words = {word for why in results[0].evidence for word in why.words}
    assert {"dog", "beach"} <= words


def test_words_apart_do_only_where_nobody_says_them_together(index: lexsearch.Index) -> None:
    fill(index, {"apart": "a light in heavy traffic"})
    assert ids(index.search("traffic light")) == ["apart"]
    fill(index, {"together": "a traffic light"})
    assert ids(index.search("traffic light")) == ["together"]


def test_a_keyword_nobody_has_is_told_with_the_nearest_words(index: lexsearch.Index) -> None:
    fill(index, {"a": "a red truck", "b": "a truck and a dog", "c": "a dog"})
    results = index.search('"lorry", dog')
    assert set(ids(results)) == {"b", "c"}
    [unknown] = results.unknown
    assert unknown.keyword == '"lorry"'
    assert [(near.word, near.count) for near in unknown.nearest] == [("truck", 2)]
    [unknown] = index.search("trukc").unknown
    assert [(near.word, near.count) for near in unknown.nearest] == [("truck", 2)]
    [unknown] = index.search("xylophone").unknown
    assert unknown.nearest == ()
    assert not index.search("dog").unknown


def test_maybe_adds_what_has_near_words_below_all_that_matches(index: lexsearch.Index) -> None:
    fill(
        index,
        {
            "walk": "an umbrella in the street",
            "puddle": "rain on a window",
            "meal": "a banana",
            "bike": "an umbrella on a bicycle",
        },
    )
    assert ids(index.search("rain")) == ["puddle"]
    results = index.search("rain -bicycle", maybe=True)
    assert [(hit.doc_id, hit.below, hit.words, hit.missing) for hit in results] == [
        ("puddle", "", ("rain",), ()),
        ("walk", "near", ("umbrella",), ("rain",)),
    ]
    assert (results.total, results.listed) == (1, 2)
    assert ids(index.search("rain", k=1, skip=1, maybe=True))[0] in ("walk", "bike")
    assert not index.search('"raining cats"', maybe=True)
    for how in ({"match": "all"}, {"mode": "paper"}, {"also": ["rain"]}):
        with pytest.raises(QueryError, match="everyday"):
            index.search("rain", maybe=True, **how)


def crops(**said: str) -> list[dict[str, str]]:
    """Captions of crops, by the crop's name."""
    return [{"crop": crop.replace("_", " "), "text": text} for crop, text in said.items()]


def test_what_few_patches_say_alone_follows_what_the_whole_or_more_of_them_say(
    index: lexsearch.Index,
) -> None:
    patches = {"left_half": "cats", "top_left_quarter": "a cat", "top_left_ninth": "a cat"}
    fill(
        index,
        {
            "nook": crops(whole="a room", left_half="a cat", top_half="kittens on a kitchen chair"),
            "mat": crops(whole="a cat", left_half="a mat"),
            "three": crops(whole="a room", **patches),
            "own": [{"crop": "region 12", "text": "a cat"}],
            "alone": crops(whole="a dog", left_half="a cat and a dog"),
        },
    )
    hits = index.search("cat")
    assert set(ids(hits[:3])) == {"mat", "three", "own"}
    assert [hit.below for hit in hits] == ["", "", "", "perhaps", "perhaps"]
    assert [hit.evidence[0].doubtful for hit in hits] == [False] * 3 + [True] * 2
    assert (hits.total, index.total("cat"), index.total("cat", "all")) == (5, 5, 5)
    assert ids(index.search("cat, dog"))[0] == "alone"  # the dog is sure
    assert {hit.doc_id: hit.below for hit in index.search("cat, dog")}["nook"] == "perhaps"
    [chair] = index.search("kitchen chair")
    assert (chair.doc_id, chair.below) == ("nook", "perhaps")
    assert hits.html().count("perhaps: said of one or two parts alone") == 1
    assert not any(hit.below for hit in index.search("cat", mode="paper"))
    assert not any(hit.below for hit in index.search("a cat on a kitchen chair"))


def test_without_the_weight_few_patches_are_as_good(index: lexsearch.Index) -> None:
    fill(index, {"nook": crops(whole="a room", left_half="a cat")})
    with Index(index.path, weights=replace(WEIGHTS, doubtful=0)) as other:
        [hit] = other.search("cat")
        assert (hit.score > 1, hit.below) == (True, "")


def test_a_word_nobody_says_is_told_with_words_that_have_to_do_with_it(
    index: lexsearch.Index,
) -> None:
    fill(index, {"a": "an umbrella", "b": "a banana", "c": "two umbrellas"})
    [unknown] = index.search("rain").unknown
    assert [(near.word, near.count) for near in unknown.nearest] == [("umbrella", 2)]


def test_text_in_the_picture_has_a_field_of_its_own(index: lexsearch.Index) -> None:
    fill(
        index,
        {
            "sign": ["a street sign", {"text": "CERO Emisiones; Café", "field": "text"}],
            "apart": ["a poster", {"text": "emisiones: cero", "field": "text"}],
            "said": "a cafe called cero emisiones",
        },
    )
    assert found(index, 'text:"cero emisiones"') == {"sign"}
    assert found(index, "text:cafe") == {"sign"}
    [hit] = index.search("text:cafe")
    assert (hit.missing, hit.evidence[0].words, hit.evidence[0].crops) == (
        (),
        ("café",),
        ("whole",),
    )
    assert ids(index.search("cafe")) == ["said", "sign"]
    assert found(index, "cafe, -text:cafe") == {"said"}
    assert found(index, "sign", mode="paper") == {"sign"}
    assert "sign" not in found(index, "emisiones", mode="paper")


def test_more_like_a_picture_and_none_like_it(index: lexsearch.Index) -> None:
    fill(
        index,
        {
            "one": "a red bus on a busy street",
            "two": "a red bus at a street corner",
            "three": "a cat sleeps in a basket",
        },
    )
    assert ids(index.search("like:one")) == ["one", "two"]
    assert found(index, "-like:one") == {"three"}
    with pytest.raises(LexsearchError, match="nothing-like-it"):
        index.search("like:nothing-like-it")


@pytest.mark.parametrize("how", [{"mode": "worst"}, {"match": "some"}])
def test_a_mode_or_match_that_is_none_is_an_error(
    street: lexsearch.Index, how: dict[str, Any]
) -> None:
    for ask in (street.search, street.rank):
        with pytest.raises(LexsearchError, match="best"):
            ask("bus", 10, **how)


def test_an_empty_index_answers_everything(index: lexsearch.Index) -> None:
    fill(index, {})
    for mode in ("best", "paper"):
        results = index.search("dog, -cat", mode=mode)
        assert (list(results), results.total, results.unknown) == ([], 0, ())
    assert (index.total("dog"), index.rank("dog", 5), index.suggest("dog")) == (0, [], [])
    with pytest.raises(QueryError):
        index.search(" , ")


def test_words_of_two_captions_are_no_phrase(index: lexsearch.Index) -> None:
    fill(
        index,
        {
            "two captions": ["heavy traffic", "light rain"],
            "one": "a traffic light",
        },
    )
    for query in ("traffic light", '"traffic light"'):
        assert found(index, query) == {"one"}
        assert index.total(query, "all") == 1


# As in the paper


def test_in_paper_mode_signs_and_commas_are_nothing(street: lexsearch.Index) -> None:
    asked = ['bus, -dog, "couch"', "bus dog couch", "+couch dog -bus"]
    rankings = [
        [(hit.doc_id, hit.score) for hit in street.search(text, mode="paper")] for text in asked
    ]
    for text, ranking in zip(asked, rankings, strict=True):
        assert dict(ranking) == pytest.approx(dict(rankings[0]))
        assert ranking == list(map(tuple, street.rank(text, 10, mode="paper")))
    assert not street.search("puppies sofa", mode="paper")[0].missing
    assert found(street, "sofa", mode="paper") == {"couch"}


# Words of one's own


def lexicon(index: lexsearch.Index, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    (index.path / "lexicon.toml").write_bytes(data)


def test_words_of_ones_own_come_beside_those_that_are_known(index: lexsearch.Index) -> None:
    fill(
        index,
        {
            "anna": "Anna waves",
            "woman": "a woman",
            "chesterfield": "a chesterfield",
            "sofa": "a sofa",
            "seat": "a seat",
            "tom": "Tom dozes",
            "kitten": "a kitten",
        },
    )
    lexicon(
        index,
        '[same]\ncouch = ["chesterfield", "sofa", "seat"]\nit = ["Anna"]\n'
        '[kinds]\nperson = ["Anna"]\ncat = ["Tom"]\n',
    )
    assert found(index, "person") == {"anna", "woman"}
    assert found(index, "couch") == found(index, "seat") == {"chesterfield", "sofa", "seat"}
    assert found(index, "cat") == {"tom", "kitten"}
    assert found(index, "Anna") == {"anna"}
    assert not found(index, "the")


@pytest.mark.parametrize(
    "text",
    [
        "[same",
        "same = 3",
        '[same]\ncouch = "sofa"',
        "[same]\ncouch = [1]",
        "[kinds]\nperson = [[]]",
        '[[same]]\na = ["b"]',
        b"\xff\xfe\x00",
    ],
)
def test_a_broken_lexicon_is_named_each_time(index: lexsearch.Index, text: str | bytes) -> None:
    fill(index, {"a": "a sofa"})
    lexicon(index, text)
    for _ in range(2):
        with pytest.raises(LexsearchError, match=r"lexicon\.toml is not a lexicon"):
            index.search("couch")
    lexicon(index, "")
    assert found(index, "couch") == {"a"}


# Others at work


def test_what_another_process_adds_is_found_in_an_open_session(
    tmp_path: Path, run_python: Run
) -> None:
    index = lexsearch.open(tmp_path / "index")
    fill(index, {"one": "a red bus", "two": "a bus and a dog"})
    session = index.session("bus")
    assert len(session.search()) == 2
    program = """if True:
        import sys, lexsearch
        with lexsearch.open(sys.argv[1]) as index:
            index.import_captions(['{"doc_id": "three", "text": "a coach like a bus"}'])
    """
    assert run_python(program, index.path).returncode == 0
    assert set(ids(session.search())) == {"one", "two", "three"}
    assert index.total("bus") == session.search().total == 3


def test_threads_find_what_one_finds_alone(street: lexsearch.Index) -> None:
    queries = ["bus, dog", "couch", "-bus", "a bus with a dog", '"puppy"', "unicorn", "tree, bus"]
    alone = [street.search(query) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            assert list(pool.map(street.search, queries)) == alone


# Any text at all

CAPTIONS = [
    "a red bus on a street",
    "two dogs and a cat in the heat",
    "a hot dog, fries: and a coke",
    "the man's surf-board",
    "traffic_light 42",
    "heavy traffic",
    "light rain",
    "黒い犬が走る",
    "naïve café",
    "a bottle of wine",
    "כלב שחור",
    "🚲",
]
SIZE = (200, 100)


@pytest.fixture(scope="module")
def anything(tmp_path_factory: pytest.TempPathFactory) -> lexsearch.Index:
    """Pictures with captions of several crops, of them one with a box far too large."""
    index = lexsearch.open(tmp_path_factory.mktemp("anything") / "index")
    crops = ["whole", "left half", "bottom right quarter", "odd crop"]
    rows: dict[str, list[dict[str, object]]] = {}
    for number in range(24):
        rows[f"doc{number}"] = [
            {
                "text": CAPTIONS[(number * step + step) % len(CAPTIONS)],
                "crop": crop,
                "width": SIZE[0],
                "height": SIZE[1],
                "field": "text" if number % 5 == step == 3 else "caption",
                **({"box": [150, 50, 9999, 9999]} if crop == "odd crop" else {}),
            }
            for step, crop in enumerate(crops, 1)
        ]
    return fill(index, rows)


KNOWN = st.sampled_from(sorted({word for text in CAPTIONS for word in text.split()} | {"animal"}))
ODD = st.sampled_from(
    ["\0", "\ud800", "\u202e", "\x1b[0m", "AND", "OR", "*", "?", "~2", "^3", "\\"]
)
TEXTS = st.one_of(
    st.text(),
    st.lists(
        st.tuples(
            st.sampled_from(["", "+", "-", "text:", "-name:", "date:", "about:"]),
            st.lists(KNOWN | ODD | st.text(max_size=5), min_size=1, max_size=3).map(" ".join),
            st.sampled_from(["%s", '"%s"', "(%s", "[%s TO", '"%s']),
        ).map(lambda part: part[0] + part[2] % part[1]),
        max_size=5,
    ).map(", ".join),
)


@pytest.mark.java
@settings(max_examples=150)
@given(TEXTS, st.sampled_from(["best", "paper"]), st.sampled_from(["best", "all", "any"]))
def test_no_text_is_more_than_a_search_can_take(
    anything: lexsearch.Index, text: str, mode: str, match: Match
) -> None:
    try:
        results = anything.search(text, mode=mode, match=match)
    except QueryError:
        return
    check(anything, results, match if mode == "best" else "paper")


def check(index: lexsearch.Index, results: lexsearch.records.Results, match: str) -> None:
    asked = [keyword for keyword in results.query.keywords if keyword.sign != "-"]
    for hit in results:
        captions: dict[str, list[str]] = {}
        for row in index.describe(hit.doc_id).captions:
            captions.setdefault(row.crop, []).append(_plain(row.text or ""))
        assert not hit.evidence or sum(why.share for why in hit.evidence) == pytest.approx(1)
        for why in hit.evidence:
            assert why.words
            assert why.crops
            for word in why.words:
                assert any(_plain(word) in text for crop in why.crops for text in captions[crop])
            assert why.box is None or _inside(why.box)
        named = {why.keyword for why in hit.evidence}
        assert not named & set(hit.missing)
        if match in ("best", "all"):
            assert hit.evidence or not asked
            words = [word for keyword in asked for word in words_of(keyword.text)]
            assert match == "best" or set(hit.missing) <= set(words)  # of sentences alone
            each = [max(1, len(words_of(keyword.text))) for keyword in asked]  # ":" has no word
            assert len(hit.missing) < max(1, sum(each))


def _plain(text: str) -> str:
    """Without what may stand between words."""
    return re.sub(r"[\W_]+", "", text.lower().replace("🚲", "bike"))


def _inside(box: Box) -> bool:
    return 0 <= box.left < box.right <= SIZE[0] and 0 <= box.top < box.bottom <= SIZE[1]


@pytest.mark.java
@pytest.mark.parametrize("match", ["best", "any"])
@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"word{n}" for n in range(10_000)),
        "dog " * 10_000,
        ", ".join(f"word{n}" for n in range(1_000)),
        "dog" * 10_000,
        "犬" * 3_000,
        '"' + "dog cat " * 5_000 + '"',
        "-cat " * 3_000,
        "\u202eכלב שחור\u202c",
        "".join(map(chr, range(1, 32))) + "dog\0cat",
    ],
    ids=["sentence", "repeated", "keywords", "word", "signs", "quote", "minus", "rtl", "control"],
)
def test_huge_and_odd_queries(anything: lexsearch.Index, text: str, match: Match) -> None:
    check(anything, anything.search(text, match=match), match)


# Evidence


def test_evidence_says_which_crops_speak_of_what_and_where(index: lexsearch.Index) -> None:
    size = {"width": 400, "height": 400}
    fill(
        index,
        {
            "a": [
                {"text": "a dog and a sofa", "crop": "whole", **size},
                {"text": "a dog, a big dog", "crop": "left half", **size},
                {"text": "a puppy", "crop": "top left quarter", **size},
                {"text": "a couch", "crop": "right half", **size},
                {"text": "nothing", "crop": "bottom right quarter", **size},
            ]
        },
    )
    [hit] = index.search("dog, couch, unicorn")
    dog, couch = hit.evidence
    assert (hit.missing, hit.width, hit.height) == (("unicorn",), 400, 400)
    assert (dog.keyword, dog.words) == ("dog", ("dog", "puppy"))
    assert dog.crops == ("whole", "left half", "top left quarter")
    assert dog.box == Box(0, 0, 200, 200)
    assert (couch.crops, set(couch.words)) == (("whole", "right half"), {"couch", "sofa"})
    assert couch.box is not None
    assert couch.box.left >= 200
    assert dog.share + couch.share == pytest.approx(1)
    assert dog.share > couch.share
    assert index.explain("dog, couch, unicorn", "a") == Hit(
        0, 0.0, "a", None, (), hit.words, hit.evidence, hit.missing, 400, 400
    )
    assert index.explain("unicorn", "a") is None


def test_a_query_object_is_taken_as_it_is(street: lexsearch.Index) -> None:
    query = Query((Keyword("bus"), Keyword("dog", "-")))
    assert street.search(query) == street.search("bus, -dog")
    assert parse(str(query)) == query
