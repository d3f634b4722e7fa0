"""The embedded Lucene engine, at its contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Run
from hypothesis import given
from hypothesis import strategies as st

from lexsearch.engines import Engine, Ranking, open_engine
from lexsearch.errors import EngineError
from lexsearch.queries import parse
from lexsearch.records import Document


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(tmp_path / "lucene", Ranking(), write=True)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(tmp_path_factory.mktemp("zoo") / "lucene", Ranking(), write=True)
    engine.update([Document("cat", "a cat on a mat"), Document("dog", "a dog and a cat")])
    engine.commit()
    yield engine
    engine.close()


def found(engine: Engine, text: str, k: int = 10) -> list[str]:
    return [scored.doc_id for scored in engine.search(parse(text), k)]


def hold(engine: Engine, **contents: str) -> None:
    engine.update(Document(doc_id, text) for doc_id, text in contents.items())
    engine.commit()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bus", "buses"),
        ("man", "men"),
        ("woman", "women"),
        ("person", "people"),
        ("child", "children"),
        ("knife", "knives"),
        ("traffic light", "traffic lights"),
        ("wine glass", "wine glasses"),
        ("vase", "vases"),
        ("couch", "couches"),
        ("mouse", "mice"),
        ("tv", "TVs"),
        ("donut", "doughnuts"),
        ("café", "cafes"),
        ("dog", "dog's"),
        ("ride", "rode"),
    ],
)
def test_forms_of_a_word_meet(engine: Engine, one: str, other: str) -> None:
    hold(engine, one=one, other=other, neither="nothing like it")
    assert set(found(engine, one)) == set(found(engine, other)) == {"one", "other"}


@pytest.mark.parametrize(
    ("word", "stranger"), [("bus", "busy"), ("ski", "sky"), ("glass", "grass")]
)
def test_words_that_only_look_alike_do_not_meet(engine: Engine, word: str, stranger: str) -> None:
    hold(engine, stranger=stranger)
    assert found(engine, word) == []


def test_the_papers_analyzer_keeps_bus_and_buses_apart(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "porter", Ranking("porter"), write=True)
    hold(engine, one="bus", many="buses", dogs="dogs")
    assert found(engine, "bus") == ["one"]
    assert found(engine, "dog") == ["dogs"]
    engine.close()


def test_scores_are_bm25(engine: Engine) -> None:
    """Lucene's BM25 with the length rounded to a byte, which is exact below 40 words."""
    from math import log

    hold(engine, a="cat dog dog", b="cat", c="bird bird bird bird")
    k1, b, average = 0.9, 0.4, (3 + 1 + 4) / 3
    weight = log(1 + (3 - 1 + 0.5) / (1 + 0.5)) * 2 / (2 + k1 * (1 - b + b * 3 / average))
    [hit] = engine.search(parse("dog"), 10)
    assert hit.score == pytest.approx(weight, abs=1e-6)


def test_equal_scores_are_in_order_of_doc_id(engine: Engine) -> None:
    hold(engine, **dict.fromkeys("hbdacgfe", "the same cat"))
    assert found(engine, "cat") == list("abcdefgh")
    assert found(engine, "cat", k=3) == list("abc")


def test_a_document_is_replaced_by_its_id_and_deleted_by_it(engine: Engine) -> None:
    hold(engine, a="cat", b="cat")
    hold(engine, a="dog")
    assert (found(engine, "cat"), found(engine, "dog")) == (["b"], ["a"])
    engine.delete(["a", "unknown"])
    engine.commit()
    assert engine.count() == 1
    assert found(engine, "dog") == []


def test_of_one_id_twice_in_one_update_the_later_stays(engine: Engine) -> None:
    engine.update([Document("a", "cat"), Document("a", "dog")])
    engine.commit()
    assert engine.count() == 1
    assert found(engine, "dog") == ["a"]


def test_changes_are_seen_by_others_after_commit_only(engine: Engine, tmp_path: Path) -> None:
    hold(engine, a="cat")
    reader = open_engine(tmp_path / "lucene", Ranking(), write=False)
    engine.update([Document("b", "cat")])
    assert found(reader, "cat") == ["a"]
    engine.commit()
    assert found(reader, "cat") == ["a", "b"]
    reader.close()


def test_what_is_not_committed_is_dropped(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "lucene", Ranking(), write=True)
    engine.update([Document("a", "cat")])
    engine.close()
    reader = open_engine(tmp_path / "lucene", Ranking(), write=False)
    assert reader.count() == 0
    reader.close()


def test_matched_words_are_as_written_and_commonest_first(engine: Engine) -> None:
    hold(engine, a="Men and a man; men, traffic lights", b="nothing")
    words = engine.matched_words(parse("man, traffic light"), ["a", "b"])
    assert words["a"] == ("men", "man", "traffic", "lights")
    assert words["b"] == ()


def test_any_script_and_odd_character_goes_in_and_out(engine: Engine) -> None:
    ids = ["a\n", "😀", "id with spaces", "עברית"]
    engine.update(Document(doc_id, "\ud800 \0 猫 קוט cat 😀") for doc_id in ids)
    engine.commit()
    assert sorted(found(engine, "cat")) == sorted(ids)
    assert len(found(engine, "猫")) == len(found(engine, "קוט")) == 4


def test_ten_thousand_words_are_a_query(zoo: Engine) -> None:
    text = " ".join(["dog", *(f"word{n}" for n in range(10_000))])
    assert found(zoo, text) == ["dog"]


@given(st.text(st.characters(), min_size=1).filter(lambda text: text.replace(",", " ").split()))
def test_no_text_breaks_a_search(zoo: Engine, text: str) -> None:
    zoo.search(parse(text), 10)


@pytest.mark.parametrize(
    "text", ["cat AND nothing", 'cat"', "cat~", "(cat", "+cat -cat", "id: cat !"]
)
def test_lucene_syntax_is_plain_text(zoo: Engine, text: str) -> None:
    assert "cat" in found(zoo, text)


def test_a_missing_index_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="lexsearch reindex"):
        open_engine(tmp_path / "nowhere", Ranking(), write=False)


@pytest.mark.parametrize("java_home", ["", "/nowhere/java", "/usr"])
def test_a_java_home_that_will_not_do_is_not_used(
    run_python: Run, environment: dict[str, str], tmp_path: Path, java_home: str
) -> None:
    program = """
import sys
from pathlib import Path
from lexsearch.engines import Ranking, open_engine
print(open_engine(Path(sys.argv[1]), Ranking(), write=True).count())
"""
    ended = run_python(program, tmp_path / "a", env={**environment, "JAVA_HOME": java_home})
    assert ended.stdout == "0\n", ended.stderr


def test_a_forked_child_is_told_what_to_do(run_python: Run, tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from lexsearch.engines import Ranking, open_engine
from lexsearch.errors import EngineError
from lexsearch.queries import parse
engine = open_engine(Path(sys.argv[1]), Ranking(), write=True)
if os.fork() == 0:
    try:
        engine.search(parse("cat"), 1)
    except EngineError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""
    assert "spawn" in run_python(program, tmp_path / "lucene").stdout


def test_a_deep_ranking_goes_on_as_a_shallow_one_begins(tmp_path: Path) -> None:
    engine = open_engine(tmp_path, Ranking(), write=True)
    texts = {f"d{n} é/\x01": f"bus {'light ' * (n % 7)}" for n in range(300)}
    engine.update(Document(*item) for item in texts.items())
    engine.commit()
    deep = engine.search(parse("bus, light"), 1000)
    assert {hit.doc_id for hit in deep} == set(texts)
    assert deep == sorted(deep, key=lambda hit: (-hit.score, hit.doc_id))
    assert deep[:50] == engine.search(parse("bus, light"), 50)
    engine.close()
