"""What every engine must give, over documents and queries that nobody thought of.

The engine in memory is the specification; Lucene, with its parts joined so that it counts no
deleted documents, and OpenSearch, on a real node, give the same documents and scores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from latest import Latest
from nodes import Nodes

from lexsearch.engines import (
    Concept,
    EngineQuery,
    EngineWriter,
    TopDocs,
    Variant,
    open_engine,
    open_writer,
)
from lexsearch.engines.fields import CHAINS, CONTENTS, DATE, SAID
from lexsearch.engines.memory import INDEXES, Memory
from lexsearch.engines.nodes import (
    Bool,
    Boost,
    Constant,
    MatchAll,
    Node,
    Phrase,
    Prefix,
    ScoredQuery,
    Sqrt,
    Synonyms,
    Term,
    matching,
)
from lexsearch.engines.scoring import Scorer
from lexsearch.records import Document, Passage, Query
from lexsearch.searching.searcher import MATCHES, Searcher
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.queries import parse


class Held(NamedTuple):
    """An index, open for reading and writing."""

    engine: Latest
    writer: EngineWriter
    counts_dead: bool = True  # documents that are deleted, until its parts are joined

    def hold(self, documents: list[Document]) -> None:
        if self.counts_dead:
            self.writer.replace(documents)
            self.writer.compact()
        else:
            self.writer.delete(f"{number:02}" for number in range(MOST))
            self.writer.update(documents)
            self.writer.commit()


def lucene(tmp: Path) -> Held:
    writer = open_writer(tmp / "lucene")
    return Held(Latest(open_engine(tmp / "lucene")), writer)


def memory(tmp: Path) -> Held:
    writer = open_writer(f"memory:{tmp}")
    return Held(Latest(open_engine(f"memory:{tmp}")), writer)


def opensearch(tmp: Path, nodes: Nodes) -> Held:
    """Of two shards, so that no score may depend on what else a shard holds."""
    name = re.sub("[^a-z0-9]", "-", tmp.name.lower()).strip("-")
    address = f"opensearch+http://{nodes.hosts}/{name}?shards=2"
    writer = open_writer(address)
    return Held(Latest(open_engine(address)), writer, counts_dead=False)


def opened(engine: str, tmp: Path, request: pytest.FixtureRequest) -> Held:
    if engine == "opensearch":
        return opensearch(tmp, request.getfixturevalue("nodes"))
    return {"memory": memory, "lucene": lucene}[engine](tmp)


@pytest.fixture(params=["memory", "lucene", "opensearch"])
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Held]:
    held = opened(request.param, tmp_path, request)
    yield held
    held.writer.close()
    held.engine.close()


@pytest.fixture(scope="module", params=["lucene", "opensearch"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Held, Held]]:
    """Memory and another, with Lucene's analyzer, so that nothing but the engines differs."""
    folder = tmp_path_factory.mktemp("both")
    theirs = opened(request.param, folder, request)
    INDEXES[f"memory:{folder}"] = Memory(theirs.engine.analyzer)
    yield memory(folder), theirs
    theirs.writer.close()
    theirs.engine.close()


MOST = 12  # documents
WORDS = ("cat", "cats", "dog", "red", "bus", "buses", "the", "stop", "tree", "men", "a")
words = st.sampled_from(WORDS)
texts = st.lists(words, min_size=1, max_size=12).map(" ".join)
dates = st.sampled_from(["2019-01-05", "2019-07-30", "2023-07-01"])
passages = st.one_of(
    texts.map(Passage),
    st.tuples(texts, st.sampled_from(["left half", "top half", "centre ninth", "mine"])).map(
        lambda row: Passage(row[0], "caption", row[1])
    ),
    st.tuples(texts, st.sampled_from(["text", "name", "about"])).map(lambda row: Passage(*row)),
    dates.map(lambda date: Passage(date, DATE)),
    st.sampled_from(["Red bus", "red  BUS", "bus", ""]).map(lambda name: Passage(name, "album")),
    st.just(Passage("favourite", "is")),
)


@st.composite
def collections(draw: st.DrawFn) -> list[Document]:
    """Documents with captions or without, of a few words or of many, some with nothing at all."""
    made = []
    for number in range(draw(st.integers(1, MOST))):
        rows = draw(st.lists(passages, max_size=6))
        rows *= draw(st.sampled_from([1, 1, 1, 9]))
        captions = "\n".join(row.text for row in rows if row.field == "caption")
        made.append(Document(f"{number:02}", captions, tuple(rows)))
    return made


searched = st.sampled_from([CONTENTS, SAID, "text", "name", "about"])
terms_of = {"porter": ("cat", "dog", "red", "bu", "buse", "stop", "tree", "men", "nowhere")}
other_terms = ("cat", "cats", "dog", "red", "bus", "man", "men", "tree", "nowhere")


@st.composite
def leaves(draw: st.DrawFn) -> Node:
    field = draw(searched)
    term = st.sampled_from(terms_of.get(CHAINS[field], other_terms))
    kind = draw(st.sampled_from(["term", "synonyms", "phrase", "prefix", "all"]))
    if kind == "term":
        return Term(field, draw(term))
    if kind == "synonyms":
        several = draw(st.lists(term, min_size=1, max_size=3, unique=True))
        return Synonyms(SAID, tuple((text, draw(shares)) for text in several))
    if kind == "phrase":
        rows = draw(st.lists(term, min_size=2, max_size=4, unique=True))
        field = CONTENTS if field == SAID else field
        places: list[tuple[int, tuple[str, ...]]] = []
        places += [(place, (text,)) for place, text in enumerate(rows)]
        if len(places) > 2:  # two words that may stand in one place
            places[-2:] = [(places[-2][0], (rows[-2], rows[-1]))]
        return Phrase(field, tuple(places), draw(st.integers(0, 2)))
    return (
        Prefix(DATE, draw(st.sampled_from(["2019", "2019-07", "20", "x"])))
        if kind == ("prefix")
        else MatchAll()
    )


_ALL = 200  # more than there are documents, and more than a search looks for in a hurry
shares = st.sampled_from([0.25, 0.5, 1.0])
weights = st.sampled_from([0.25, 0.5, 1.0, 3.0])


def composed(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Boost, inner, st.sampled_from([0.0, 0.5, 2.0])),
        st.builds(Sqrt, inner, weights, st.sampled_from([0.0, 1.0])),
        st.builds(Constant, inner),
        st.builds(Bool, several, several, several, several, st.integers(0, 2)).filter(
            lambda node: node.least <= len(node.should)
        ),
    )


trees = st.recursive(leaves(), composed, max_leaves=8)


def assert_equal(ours: TopDocs, theirs: TopDocs) -> None:
    """The same documents in the same order, but where scores differ by a float's last digits."""
    assert ours.total == theirs.total
    assert [hit.score for hit in ours.best] == pytest.approx(
        [hit.score for hit in theirs.best], rel=1e-5, abs=1e-6
    )
    scores = dict(ours.best)
    assert scores.keys() == dict(theirs.best).keys()
    for doc_id, score in theirs.best:
        assert scores[doc_id] == pytest.approx(score, rel=1e-5, abs=1e-6)


slow = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@slow
@given(documents=collections(), asked=st.lists(trees, min_size=1, max_size=12))
def test_any_tree_gives_the_same_everywhere(
    both: tuple[Held, Held], documents: list[Document], asked: list[Node]
) -> None:
    for held in both:
        held.hold(documents)
    ours, theirs = (held.engine for held in both)
    for tree in asked:
        query = ScoredQuery(tree, 1.5, 0.4)
        assert_equal(ours.search(query, 100), theirs.search(query, 100))
        for engine in (ours, theirs):
            assert engine.count(query) == ours.search(query, 0).total
            assert engine.count(ScoredQuery(matching(tree))) == engine.count(query)


@slow
@given(documents=collections(), scored=trees, other=trees)
def test_what_is_scored_can_be_asked_for_and_excluded_too(
    both: tuple[Held, Held], documents: list[Document], scored: Node, other: Node
) -> None:
    for held in both:
        held.hold(documents)
    score = Sqrt(scored, 1.0, 1.0)
    each = (
        Bool(must=(score,), filter=(scored,)),
        Bool(must=(score,), must_not=(scored,)),
        Bool(must=(Sqrt(other, 1.0, 0.0),), should=(score,), must_not=(scored,)),
        Bool(should=(score, Bool(must=(Sqrt(other, 0.5, 0.0),), must_not=(scored,)))),
    )
    for tree in each:
        ours, theirs = (held.engine.search(ScoredQuery(tree), 100) for held in both)
        assert_equal(ours, theirs)


@slow
@given(documents=collections(), field=st.sampled_from(list(CHAINS)))
def test_counts_are_the_same_everywhere(
    both: tuple[Held, Held], documents: list[Document], field: str
) -> None:
    for held in both:
        held.hold(documents)
    ours, theirs = (held.engine for held in both)
    texts = [*other_terms, *terms_of["porter"], ""]
    asked = [Term(field, text) for text in texts]
    assert ours.frequencies(asked) == theirs.frequencies(asked)
    assert ours.count() == theirs.count() == len(documents)
    ids = [*(document.doc_id for document in documents), "nobody"]
    assert ours.stored(ids) == theirs.stored(ids)


signs = st.sampled_from(["", "+", "-"])
scopes = st.sampled_from(["", "text:", "name:", "about:", "date:", "album:"])
asked_words = st.one_of(words, dates, st.sampled_from(["2019", "nowhere", "red bus", "dogs"]))


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Words of any field, asked for with any sign and field, alone and together, quoted or not."""
    keywords = []
    for _ in range(draw(st.integers(1, 3))):
        quote = draw(st.sampled_from(["", '"']))
        scope = draw(scopes)
        text = draw(dates if scope == "date:" else asked_words)
        keywords.append(f"{draw(signs)}{scope}{quote}{text}{quote}")
    keywords += draw(st.lists(st.just("a red dog near the bus stop"), max_size=1))
    keywords += draw(st.lists(st.sampled_from(["is:favourite", "-is:favourite"]), max_size=1))
    return parse(", ".join(keywords))


@slow
@given(documents=collections(), asked=st.lists(queries(), min_size=1, max_size=8))
def test_any_query_can_be_asked_of_any_index_and_gives_the_same(
    both: tuple[Held, Held], documents: list[Document], asked: list[Query]
) -> None:
    searchers = []
    for held in both:
        held.hold(documents)
        searchers.append(Searcher(held.engine, Lexicon(held.engine.analyzer.terms)))
    for query in asked:
        for match in MATCHES:
            ours, theirs = (one.find(query, 100, "best", match) for one in searchers)
            assert_equal(TopDocs(*ours[:2]), TopDocs(*theirs[:2]))
            assert all(0 <= score < 10 for _, score in ours.documents)
        for maybe, lacking in ((True, False), (False, True), (True, True)):
            ours, theirs = (
                one.find(query, 100, "best", "best", maybe=maybe, lacking=lacking)
                for one in searchers
            )
            assert_equal(TopDocs(*ours[:2]), TopDocs(*theirs[:2]))
            assert ours.listed == theirs.listed == len(ours.documents) >= ours.total
        ours, theirs = (one.find(query, 100, "paper", "best") for one in searchers)
        assert_equal(TopDocs(*ours[:2]), TopDocs(*theirs[:2]))
        for one in searchers:  # few hits need not be looked for as far as many
            few, many = (one.find(query, k, "best", "best") for k in (2, _ALL))
            assert few.total == many.total
            assert few.documents == many.documents[:2]


def hold(held: Held, **contents: str) -> None:
    held.writer.update(Document(doc_id, text) for doc_id, text in contents.items())
    held.writer.commit()


def found(held: Held, *texts: str, k: int = 10) -> list[str]:
    wanted = EngineQuery(tuple(Concept((Variant(text),)) for text in texts))
    return [scored.doc_id for scored in Scorer(held.engine).search(wanted, k).best]


def test_changes_are_seen_after_the_commit_alone(held: Held) -> None:
    held.writer.update([Document("b", "a cat")])
    assert found(held, "cat") == []
    assert held.engine.is_current()
    held.writer.commit()
    assert not held.engine.is_current()
    assert found(held, "cat") == ["b"]
    held.writer.update([Document("b", "a dog"), Document("c", "a cat")])
    held.writer.delete(["a", "unknown"])
    held.writer.commit()
    assert (found(held, "cat"), found(held, "dog")) == (["c"], ["b"])


@pytest.mark.parametrize("kind", [memory, lucene])
def test_an_engine_stays_at_its_moment(kind: Callable[[Path], Held], tmp_path: Path) -> None:
    held = kind(tmp_path)
    hold(held, a="a cat")
    before = held.engine.now.reopened()
    hold(held, a="a dog", b="a cat")
    held.writer.replace([Document("c", "a bird")])
    scorer = Scorer(before)
    [hit] = scorer.search(EngineQuery((Concept((Variant("cat"),)),)), 9).best
    assert hit.doc_id == "a"
    assert (before.count(), before.frequencies([Term(SAID, "dog")])) == (1, {Term(SAID, "dog"): 0})
    assert [row.passages[0].text for row in before.stored("a")] == ["a cat"]
    before.close()
    held.writer.close()
    held.engine.close()


def test_a_replacement_takes_the_place_of_all(held: Held) -> None:
    hold(held, a="cat", b="cat")
    held.writer.replace([Document("c", "cat")])
    assert (found(held, "cat"), held.engine.count()) == (["c"], 1)
    hold(held, d="cat")
    assert found(held, "cat") == ["c", "d"]


def test_equal_scores_are_in_order_of_doc_id(held: Held) -> None:
    hold(held, **dict.fromkeys("hbdacgfe", "the same cat"))
    assert found(held, "cat") == list("abcdefgh")
    assert found(held, "cat", k=3) == list("abc")


def test_words_written_almost_alike_come_the_nearest_first(held: Held) -> None:
    texts = ("garage", "carafe", "giraffe", "giraffe zebra", "grace", "girafe")
    hold(held, **{f"{number}": text for number, text in enumerate(texts)})
    assert held.engine.similar(Term(SAID, "girafe"))[0] == "giraffe"
    assert held.engine.similar(Term(SAID, "girafe")) == ["giraffe", "carafe", "garage", "grace"]
    assert held.engine.similar(Term(SAID, "zzzzzz")) == []


def test_a_name_that_every_picture_has_is_found(held: Held) -> None:
    """More pictures have names than captions: each field counts its own."""
    rows = [Document(f"{n}", "", (Passage("holiday", "name"),)) for n in range(9)]
    held.writer.update([*rows, Document("9", "a dog", (Passage("a dog"),))])
    held.writer.commit()
    searcher = Searcher(held.engine, Lexicon(held.engine.analyzer.terms))
    for text in ("name:holiday", "holiday", "holiday, dog"):
        assert len(searcher.rank(parse(text), 20, "best", "best")) >= 9
    assert searcher.rank(parse("name:holiday"), 1, "best", "best")[0].score > 1


def test_a_bag_of_words_is_bm25(held: Held) -> None:
    from math import log

    hold(held, a="cat dog dog", b="cat", c="bird bird bird bird")
    k1, b, average = 0.9, 0.4, (3 + 1 + 4) / 3
    weight = log(1 + (3 - 1 + 0.5) / (1 + 0.5)) * 2 / (2 + k1 * (1 - b + b * 3 / average))
    [hit] = Scorer(held.engine).bm25("dog", 10).best
    assert hit.score == pytest.approx(weight, abs=1e-6)
