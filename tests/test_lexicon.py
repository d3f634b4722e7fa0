"""What else things are called: the files that come along, and how words are found in them."""

from __future__ import annotations

import random
import runpy
import tomllib
from collections.abc import Collection
from functools import cache
from pathlib import Path

import pytest

import lexsearch.text.lexicon
from lexsearch.engines import open_engine, open_writer
from lexsearch.text.lexicon import NAMES, NO_KINDS, Alternative, Lexicon
from lexsearch.text.lexicon.near import near_words

FOLDER = Path(lexsearch.text.lexicon.__file__).parent
SIGNS = {"=": "synonym", "<": "kind", ">": "broader"}


@cache
def kinds() -> dict[str, list[Alternative]]:
    """kinds.tsv read from beginning to end."""
    found = {}
    for line in (FOLDER / "kinds.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            key, *entries = line.split("\t")
            rows = []
            for entry in entries:
                weight, word = entry[1:].split(" ", 1)
                rows.append(Alternative(word, SIGNS[entry[0]], int(weight) / 100))
            assert key not in found
            found[key] = rows
    return found


@pytest.fixture(scope="module")
def terms(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("lexicon") / "lucene"
    open_writer(folder).close()
    engine = open_engine(folder)
    yield engine.analyzer.terms
    engine.close()


def alone(texts: Collection[str]) -> dict[str, list[str]]:
    """Terms for keys that are there already."""
    return {text: text.split(" ") for text in texts}


def named() -> set[str]:
    stored = tomllib.loads((FOLDER / "names.toml").read_text("utf-8"))
    return {
        word for table in stored.values() for key, more in table.items() for word in (key, *more)
    }


def test_every_line_says_something_and_they_are_in_order_of_bytes() -> None:
    keys = [key.encode() for key in kinds()]
    assert len(keys) > 30_000
    assert keys == sorted(keys)
    for key, rows in kinds().items():
        assert key.strip() == key != ""
        assert rows
        assert all(0 < row.weight <= 1 and row.text.strip() == row.text != "" for row in rows)
        assert any(row.relation != "broader" for row in rows)


def test_every_word_is_found_and_nothing_else() -> None:
    lexicon = Lexicon(alone)
    own = {" ".join(word.split()) for word in named()}
    keys = [key for key in kinds() if key not in own]
    for key in [keys[0], keys[-1], *random.Random(0).sample(keys, 300)]:
        assert lexicon.alternatives(key) == kinds()[key]
        for near in (key + "x", key[:-1], key + "\t", "\n" + key, key + " "):
            assert lexicon.alternatives(near) == kinds().get(near, []) or near in own
    for none in ("", "\0", "#", "# see", "zzzzz", "\U0010ffff", "\t", "\n"):
        assert lexicon.alternatives(none) == []


def test_near_words_are_in_order_and_none_is_the_word_itself() -> None:
    words = (FOLDER / "near.txt").read_text("utf-8").splitlines()
    assert [word.encode() for word in words] == sorted({word.encode() for word in words})
    assert {word for word in kinds() if word not in words} == set()
    for asked in random.Random(2).sample(words, 50):
        near = near_words(asked.split(" "), 20)
        assert len(near) == 20
        likeness = [one.likeness for one in near]
        assert likeness == sorted(likeness, reverse=True)
        assert max(likeness) <= 1.001
        assert asked not in {one.text for one in near}


def test_near_words_have_to_do_with_each_other() -> None:
    for asked, one, far in (("rain", "umbrella", "banana"), ("snow", "winter", "fork")):
        near = dict(near_words([asked], 100_000))
        assert near[one] > 0.5 > near[far]
    sign = near_words(["sign"], 5)
    assert near_words(["wibblefrotz", "sign"], 5) == sign  # not in the table: by its last word
    assert near_words(["wibblefrotz"], 5) == near_words([], 5) == []


def test_nobody_is_called_names() -> None:
    said = {row.text for rows in kinds().values() for row in rows}
    assert said.isdisjoint({"nigger", "kike", "wop", "darky", "squaw", "redskin", "slut"})


def test_keys_are_what_the_analyzer_makes(terms) -> None:
    rows = random.Random(1).sample(sorted(kinds().items()), 2_000)
    assert sum(tuple(key.split(" ")) != terms([key])[key] for key, _ in rows) <= len(rows) // 100
    for _, alternatives in rows:
        assert all(terms([row.text])[row.text] for row in alternatives), (
            "a stop word is no alternative"
        )


def test_word_forms_meet(terms) -> None:
    lines = (FOLDER / "irregular.txt").read_text("utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if not line.startswith("#")]
    assert len(pairs) > 3_000
    assert [form for form, _ in pairs] == sorted({form for form, _ in pairs})
    for form, term in pairs:
        assert terms([form])[form] in ((term,), ())  # () for a stop word


def test_names_are_keyed_as_they_are_written_by_hand() -> None:
    maker = runpy.run_path(str(FOLDER.parents[2] / "tools" / "make_names.py"))
    written = "".join([maker["HEADER"], *maker["lines"]()])
    assert NAMES.read_text("utf-8") == written, "run python tools/make_names.py"


def test_words_without_kinds_are_keys(terms) -> None:
    assert all(terms([word])[word] == (word,) for word in NO_KINDS)


def test_names_that_come_along_go_both_ways(terms) -> None:
    lexicon = Lexicon(terms)
    stored = tomllib.loads((FOLDER / "names.toml").read_text("utf-8"))
    assert stored.keys() == {"kinds", "same"}
    for word, others in stored["same"].items():
        for other in others:
            if terms([word])[word] != terms([other])[other]:
                assert _weight(lexicon, word, other) > 0
                assert _weight(lexicon, other, word) > 0
    for word, others in stored["kinds"].items():
        assert all(_weight(lexicon, word, other) > 0 for other in others)


def _weight(lexicon: Lexicon, word: str, other: str) -> float:
    rows = {row.text: row for row in lexicon.alternatives(word)}
    return rows[other].weight if rows[other].relation != "broader" else 0.0


def test_ones_own_words_come_first_and_keep_their_weight(terms, tmp_path: Path) -> None:
    own = tmp_path / "lexicon.toml"
    own.write_text('[same]\ntv = ["telly"]\nsofa = ["davenport", "seat"]\n[kinds]\ncat = ["Tom"]\n')
    lexicon, plain = Lexicon(terms, own), Lexicon(terms, tmp_path / "none.toml")
    for word, more in (("tv", "telly"), ("cat", "Tom"), ("sofa", "seat")):
        rows = lexicon.alternatives(word)
        assert rows[0].weight == 1
        assert {row.text for row in plain.alternatives(word)} <= {row.text for row in rows}
        assert _weight(lexicon, word, more) == 1
    assert _weight(lexicon, "telly", "tv") == 1


@pytest.mark.parametrize(
    ("word", "other", "relation"),
    [
        ("couch", "sofa", "synonym"),
        ("person", "woman", "kind"),
        ("dog", "puppy", "kind"),
        ("taillight", "lamp", "broader"),
        ("tvmonitor", "television", "synonym"),
    ],
)
def test_relations(terms, word: str, other: str, relation: str) -> None:
    rows = {row.text: row.relation for row in Lexicon(terms).alternatives(word)}
    assert rows[other] == relation
