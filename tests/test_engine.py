"""The embedded Lucene engine, at its contract."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from conftest import Run
from latest import Latest

from lexsearch.engines import (
    Concept,
    Engine,
    EngineQuery,
    Variant,
    open_engine,
    open_writer,
)
from lexsearch.engines.fields import SAID
from lexsearch.engines.lucene import layout
from lexsearch.engines.nodes import Term
from lexsearch.engines.scoring import Scorer
from lexsearch.errors import EngineBroken, EngineOutdated, IndexLocked, QueryTooLarge
from lexsearch.records import Box, Document, Passage


class Held(Latest):
    """An engine, and the writer of its index."""

    def __init__(self, folder: Path) -> None:
        self.writer = open_writer(folder)
        super().__init__(open_engine(folder))

    @property
    def scorer(self) -> Scorer:
        return Scorer(self.now)

    def update(self, documents: Iterable[Document]) -> None:
        self.writer.update(documents)

    def delete(self, doc_ids: Iterable[str]) -> None:
        self.writer.delete(doc_ids)

    def commit(self) -> None:
        self.writer.commit()

    def close(self) -> None:
        self.writer.close()
        super().close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Held]:
    engine = Held(tmp_path / "lucene")
    yield engine
    engine.close()


def wanted(*texts: str) -> EngineQuery:
    return EngineQuery(tuple(Concept((Variant(text),)) for text in texts))


def found(engine: Engine, *texts: str, k: int = 10) -> list[str]:
    return [scored.doc_id for scored in Scorer(engine).search(wanted(*texts), k).best]


def hold(engine: Held, **contents: str) -> None:
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
def test_forms_of_a_word_meet(engine: Held, one: str, other: str) -> None:
    hold(engine, one=one, other=other, neither="nothing like it")
    assert set(found(engine, one)) == set(found(engine, other)) == {"one", "other"}


@pytest.mark.parametrize(
    ("word", "stranger"), [("bus", "busy"), ("ski", "sky"), ("glass", "grass")]
)
def test_words_that_only_look_alike_do_not_meet(engine: Held, word: str, stranger: str) -> None:
    hold(engine, stranger=stranger)
    assert found(engine, word) == []


def test_the_papers_stems_keep_bus_and_buses_apart(engine: Held) -> None:
    hold(engine, one="bus", many="buses", dogs="dogs")
    assert [scored.doc_id for scored in engine.scorer.bm25("bus", 10).best] == ["one"]
    assert [scored.doc_id for scored in engine.scorer.bm25("dog", 10).best] == ["dogs"]


def test_scores_of_the_paper_are_bm25(engine: Held) -> None:
    """Lucene's BM25 with the length rounded to a byte, which is exact below 40 words."""
    from math import log

    hold(engine, a="cat dog dog", b="cat", c="bird bird bird bird")
    k1, b, average = 0.9, 0.4, (3 + 1 + 4) / 3
    weight = log(1 + (3 - 1 + 0.5) / (1 + 0.5)) * 2 / (2 + k1 * (1 - b + b * 3 / average))
    [hit] = engine.scorer.bm25("dog", 10).best
    assert hit.score == pytest.approx(weight, abs=1e-6)


def test_documents_with_more_concepts_come_first(engine: Held) -> None:
    hold(engine, often="cat cat\ncat\ncat\ncat", both="a cat\na dog", dog="dog", none="bird")
    hits = engine.scorer.search(wanted("cat", "dog"), 10).best
    assert [hit.doc_id for hit in hits] == ["both", "often", "dog"]
    assert [int(hit.score) for hit in hits] == [2, 1, 1]
    assert engine.scorer.count(wanted("cat", "dog")) == 3


def test_a_few_hits_are_the_first_of_many(engine: Held) -> None:
    """Where enough documents have all concepts, no others are looked at: with the same result."""
    words = ("cat", "dog", "bird")
    texts = {f"{n:02}": "\n".join(words[: n % 4] * (1 + n % 5)) or "x" for n in range(60)}
    hold(engine, **texts)
    everything = engine.scorer.search(wanted(*words), 1000)
    assert len(everything.best) == everything.total == 45
    for k in (1, 5, 14, 15, 16, 30, 99):
        few = engine.scorer.search(wanted(*words), k)
        assert few == (everything.best[:k], 45)


def test_an_index_of_many_parts_is_joined_to_one(engine: Held, tmp_path: Path) -> None:
    for number in range(5):
        hold(engine, **{f"{number}": "a dog", "changed": f"cat {number}"})
    engine.writer.compact()
    assert len(list((tmp_path / "lucene").glob("*.si"))) == 1
    assert found(engine, "dog") == ["0", "1", "2", "3", "4"]
    assert found(engine, "cat") == ["changed"]


def test_captions_that_agree_count_more_than_one_that_repeats(engine: Held) -> None:
    hold(engine, repeats="dog dog dog dog\nx\nx", agree="dog\na dog\nx", once="dog\nx\nx")
    assert found(engine, "dog") == ["agree", "repeats", "once"]


def test_what_is_required_or_excluded(engine: Held) -> None:
    hold(engine, both="cat dog", cat="cat", dog="dog")
    cat, dog = wanted("cat", "dog").concepts
    assert [
        hit.doc_id for hit in engine.scorer.search(EngineQuery((cat,), required=(dog,)), 9).best
    ] == ["both"]
    assert [
        hit.doc_id for hit in engine.scorer.search(EngineQuery((cat,), excluded=(dog,)), 9).best
    ] == ["cat"]
    assert engine.scorer.count(EngineQuery((), excluded=(dog,))) == 1


def test_words_of_a_phrase_stand_side_by_side_or_near(engine: Held) -> None:
    hold(
        engine,
        side="a traffic light",
        near="a traffic control light",
        far="light, in heavy rain, on a long road with traffic",
    )
    exact = EngineQuery((Concept((Variant("traffic light"),)),))
    near = EngineQuery((Concept((Variant("traffic light", apart=True),)),))
    assert [hit.doc_id for hit in engine.scorer.search(exact, 9).best] == ["side"]
    assert [hit.doc_id for hit in engine.scorer.search(near, 9).best] == ["side", "near"]


def test_parts_need_as_many_as_asked(engine: Held) -> None:
    hold(engine, two="dog beach", one="dog", none="cat")
    parts = tuple(Concept((Variant(word),)) for word in ("dog", "beach", "ball"))
    for least, ids in ((1, ["two", "one"]), (2, ["two"]), (3, [])):
        concept = Concept(parts=parts, minimum_should_match=least)
        assert [hit.doc_id for hit in engine.scorer.search(EngineQuery((concept,)), 9).best] == ids


def test_of_a_sentence_what_has_too_few_words_follows_and_is_no_match(engine: Held) -> None:
    hold(engine, two="dog beach", one="dog", none="cat")
    parts = tuple(Concept((Variant(word),)) for word in ("dog", "beach", "ball"))
    for least, enough in ((1, 2), (2, 1), (3, 0)):
        concept = Concept(parts=parts, minimum_should_match=least, sentence="dog beach ball")
        best = engine.scorer.search(EngineQuery((concept,)), 9).best
        assert [hit.doc_id for hit in best] == ["two", "one"]
        assert [hit.score > 0.25 for hit in best] == [place < enough for place in (0, 1)]
        assert engine.scorer.count(EngineQuery((concept,), required=(concept,))) == enough


def test_fields_are_searched_apart_and_stored(engine: Held) -> None:
    passages = (
        Passage("a shop", crop="left half", box=Box(0, 0, 5, 9)),
        Passage("Cero Emisiones", "text"),
        Passage("holiday rome", "name"),
        Passage("2023-07-14", "date"),
    )
    engine.update([Document("a", "a shop", passages, (10, 9))])
    engine.commit()
    for text, field in (("cero emisiones", "text"), ("rome", "name"), ("2023-07", "date")):
        assert (
            len(
                engine.scorer.search(EngineQuery((Concept((Variant(text, field=field),)),)), 9).best
            )
            == 1
        )
        assert engine.scorer.search(EngineQuery((Concept((Variant(text),)),)), 9).best == []
    [stored] = engine.stored(["a"])
    assert (stored.passages, stored.size) == (passages, (10, 9))
    assert engine.stored(["unknown"])[0].passages == ()


def test_terms_written_almost_alike(engine: Held) -> None:
    hold(engine, a="giraffe", b="zebra")
    assert engine.similar(Term(SAID, "girafe")) == ["giraffe"]
    assert engine.scorer.said(["giraffe", "zebra", "lion"]) == {"giraffe": 1, "zebra": 1, "lion": 0}


def test_an_index_made_in_another_way_is_refused_until_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lucene"
    writer = open_writer(folder)
    writer.update([Document("old", "cat")])
    writer.commit()
    writer.close()
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.setattr(layout, "LAYOUT", 999)
    with pytest.raises(EngineOutdated, match="another version"):
        open_engine(folder)
    with pytest.raises(EngineOutdated, match="another version"):
        open_writer(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    with pytest.raises(EngineOutdated):
        open_engine(folder)  # the writer has not put its mark on it
    writer = open_writer(folder, anew=True)
    writer.replace([Document("new", "cat")])
    writer.close()
    reader = open_engine(folder)
    assert found(reader, "cat") == ["new"]
    reader.close()


def test_readers_see_the_old_index_until_it_is_replaced_and_then_the_new(
    engine: Held, tmp_path: Path
) -> None:
    hold(engine, a="cat", b="cat")
    before = open_engine(tmp_path / "lucene")
    seen = []

    def documents() -> Iterator[Document]:
        for number in range(1000):
            if number % 300 == 0:
                seen.append(found(engine, "cat"))
            yield Document(f"{number}", "dog")

    engine.writer.replace(documents())
    assert seen == [["a", "b"]] * 4
    assert found(engine, "cat") == []
    assert len(found(engine, "dog", k=2000)) == engine.count() == 1000
    assert (found(before, "cat"), before.is_current()) == (["a", "b"], False)
    before.close()


def test_a_replacement_that_fails_leaves_the_old_index(engine: Held, tmp_path: Path) -> None:
    hold(engine, a="cat")

    def documents() -> Iterator[Document]:
        yield Document("b", "cat")
        raise RuntimeError("the captions cannot be read")

    with pytest.raises(RuntimeError):
        engine.writer.replace(documents())
    engine.writer.close()
    assert found(engine, "cat") == ["a"]
    engine.writer = open_writer(tmp_path / "lucene")
    hold(engine, c="cat")
    assert found(engine, "cat") == ["a", "c"]


@pytest.mark.parametrize("damage", ["segments_*", "_*.cf?"])
def test_a_damaged_index_is_left_alone_until_it_is_replaced(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "lucene"
    writer = open_writer(folder)
    writer.update([Document("a", "cat")])
    writer.commit()
    writer.close()
    for file in folder.glob(damage):
        file.write_bytes(file.read_bytes()[:20])
    names = sorted(file.name for file in folder.iterdir())
    with pytest.raises(EngineBroken, match="lexsearch reindex"):
        open_engine(folder)
    assert sorted(file.name for file in folder.iterdir()) == names
    writer = open_writer(folder, anew=True)
    writer.replace([Document("b", "cat")])
    writer.close()
    reader = open_engine(folder)
    assert found(reader, "cat") == ["b"]
    reader.close()


def test_of_two_writers_the_second_is_told(engine: Held, tmp_path: Path) -> None:
    with pytest.raises(IndexLocked):
        open_writer(tmp_path / "lucene")


def test_a_query_of_too_many_words_is_no_damage(engine: Held) -> None:
    many = " ".join(f"w{number}" for number in range(70_000))
    hold(engine, a="cat", b=many)
    with pytest.raises(QueryTooLarge, match="ask for fewer"):
        engine.scorer.bm25(many, 10)
    assert found(engine, "cat") == ["a"]


def test_equal_scores_are_in_order_of_doc_id(engine: Held) -> None:
    hold(engine, **dict.fromkeys("hbdacgfe", "the same cat"))
    assert found(engine, "cat") == list("abcdefgh")
    assert found(engine, "cat", k=3) == list("abc")


def test_of_thousands_with_equal_scores_the_first_by_doc_id_are_best(engine: Held) -> None:
    ids = [f"{number * 7919 % 5000:04}" for number in range(5000)]
    engine.update(
        Document(doc_id, "a cat\na cat" if doc_id < "0003" else "a cat") for doc_id in ids
    )
    engine.commit()
    for k in (1, 3, 5, 1500, 5000):
        assert found(engine, "cat", k=k) == sorted(ids)[:k]
        assert [hit.doc_id for hit in engine.scorer.bm25("cat", k).best][3:] == sorted(ids)[3:k]


def test_a_document_is_replaced_by_its_id_and_deleted_by_it(engine: Held) -> None:
    hold(engine, a="cat", b="cat")
    hold(engine, a="dog")
    assert (found(engine, "cat"), found(engine, "dog")) == (["b"], ["a"])
    engine.delete(["a", "unknown"])
    engine.commit()
    assert engine.count() == 1
    assert found(engine, "dog") == []


def test_of_one_id_twice_in_one_update_the_later_stays(engine: Held) -> None:
    engine.update([Document("a", "cat"), Document("a", "dog")])
    engine.commit()
    assert engine.count() == 1
    assert found(engine, "dog") == ["a"]


def test_changes_are_seen_by_others_after_commit_only(engine: Held, tmp_path: Path) -> None:
    hold(engine, a="cat")
    reader = open_engine(tmp_path / "lucene")
    engine.update([Document("b", "cat")])
    assert reader.is_current()
    engine.commit()
    assert not reader.is_current()
    newer = reader.reopened()
    assert (found(reader, "cat"), found(newer, "cat")) == (["a"], ["a", "b"])
    reader.close()
    assert found(newer, "cat") == ["a", "b"]
    newer.close()


def test_what_is_not_committed_is_dropped(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "lucene")
    writer.update([Document("a", "cat")])
    writer.close()
    reader = open_engine(tmp_path / "lucene")
    assert reader.count() == 0
    reader.close()


def test_any_script_and_odd_character_goes_in_and_out(engine: Held) -> None:
    ids = ["a\n", "😀", "id with spaces", "עברית"]
    engine.update(Document(doc_id, "\ud800 \0 猫 קוט cat 😀") for doc_id in ids)
    engine.commit()
    assert sorted(found(engine, "cat")) == sorted(ids)
    assert len(found(engine, "猫")) == len(found(engine, "קוט")) == 4


def test_a_missing_index_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EngineBroken, match="lexsearch reindex"):
        open_engine(tmp_path / "nowhere")


@pytest.mark.parametrize("java_home", ["", "/nowhere/java", "/usr"])
def test_a_java_home_that_will_not_do_is_not_used(
    run_python: Run, environment: dict[str, str], tmp_path: Path, java_home: str
) -> None:
    program = """
import sys
from pathlib import Path
from lexsearch.engines import open_engine, open_writer
open_writer(Path(sys.argv[1])).close()
print(open_engine(Path(sys.argv[1])).count())
"""
    ended = run_python(program, tmp_path / "a", env={**environment, "JAVA_HOME": java_home})
    assert ended.stdout == "0\n", ended.stderr


def test_a_forked_child_is_told_what_to_do(run_python: Run, tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from lexsearch.engines import open_engine, open_writer
from lexsearch.engines.scoring import Scorer
from lexsearch.errors import EngineUnavailable
open_writer(Path(sys.argv[1])).close()
engine = open_engine(Path(sys.argv[1]))
if os.fork() == 0:
    try:
        Scorer(engine).bm25("cat", 1)
    except EngineUnavailable as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""
    assert "spawn" in run_python(program, tmp_path / "lucene").stdout


def test_a_deep_ranking_goes_on_as_a_shallow_one_begins(tmp_path: Path) -> None:
    engine = Held(tmp_path)
    texts = {f"d{n} é/\x01": f"bus {'light ' * (n % 7)}" for n in range(300)}
    engine.update(Document(*item) for item in texts.items())
    engine.commit()
    deep = engine.scorer.search(wanted("bus", "light"), 1000).best
    assert {hit.doc_id for hit in deep} == set(texts)
    assert deep == sorted(deep, key=lambda hit: (-hit.score, hit.doc_id))
    assert deep[:50] == engine.scorer.search(wanted("bus", "light"), 50).best
    engine.close()
