"""An index on an OpenSearch cluster, beyond what every engine must give."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from fakes import FakeCaptioner, picture
from latest import Latest
from nodes import Nodes
from opensearchpy.exceptions import ConnectionTimeout

import lexsearch
from lexsearch.engines import TopDocs, open_engine, open_writer
from lexsearch.engines import opensearch as engine_module
from lexsearch.engines.nodes import Bool, MatchAll, Phrase, ScoredQuery, Term
from lexsearch.engines.opensearch import COMMITS, OpenSearchEngine, cluster
from lexsearch.engines.opensearch.address import connect, read_address
from lexsearch.engines.opensearch.writer import OpenSearchWriter
from lexsearch.errors import (
    EngineBroken,
    EngineOutdated,
    EngineUnavailable,
    IndexReadOnly,
    IndexUnusable,
    LexsearchError,
    QueryTooLarge,
)
from lexsearch.records import Document, Hit, Passage
from lexsearch.searching.searcher import Searcher
from lexsearch.text.analysis import SimpleAnalyzer
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.queries import parse

EVERYTHING = ScoredQuery(MatchAll())
NUMBERS = count()


@pytest.fixture
def address(nodes: Nodes) -> str:
    """Of an index that is not there."""
    return f"opensearch+http://{nodes.hosts}/test-{next(NUMBERS)}?shards=2"


@pytest.fixture
def writer(address: str) -> Iterator[OpenSearchWriter]:
    writer = OpenSearchWriter(address, SimpleAnalyzer())
    yield writer
    writer.close()


@pytest.fixture
def engine(address: str, writer: OpenSearchWriter) -> Iterator[Latest]:
    engine = Latest(OpenSearchEngine(address, writer.analyzer))
    yield engine
    engine.close()


def indexes(writer: OpenSearchWriter) -> list[str]:
    """Behind the writer's name, and left by it."""
    return list(writer._cluster.ask("GET", f"/{writer._address.name}-*"))


def hold(writer: OpenSearchWriter, *documents: Document) -> None:
    writer.update(documents)
    writer.commit()


@pytest.mark.parametrize(
    ("text", "hosts", "prefix", "name", "shards"),
    [
        ("opensearch+https://host/photos", (("host", 443),), "", "photos", 0),
        ("opensearch+http://host/photos?shards=3", (("host", 9200),), "", "photos", 3),
        (
            "opensearch+https://a:1,b:2/es/v2/my.photos",
            (("a", 1), ("b", 2)),
            "es/v2",
            "my.photos",
            0,
        ),
        ("opensearch+http://[::1]:9200/p", (("::1", 9200),), "", "p", 0),
        ("opensearch+http://h/p?shards=2&candidates=500", (("h", 9200),), "", "p", 2),
    ],
)
def test_an_address_is_read(
    text: str, hosts: tuple[tuple[str, int], ...], prefix: str, name: str, shards: int
) -> None:
    read = read_address(text)
    assert (read.hosts, read.prefix, read.name, read.shards) == (hosts, prefix, name, shards)
    assert read.secure == text.startswith("opensearch+https")


@pytest.mark.parametrize(
    "rest",
    ["host", "host/", "host/Big", "host/*", "/p", "h:x/p", "h/p?size=1", "h/p?candidates=10001"],
)
def test_what_is_no_address_is_refused(rest: str) -> None:
    with pytest.raises(LexsearchError, match="opensearch"):
        read_address(f"opensearch+https://{rest}")


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(LexsearchError, match="LEXSEARCH_OPENSEARCH_PASSWORD") as caught:
        read_address("opensearch+https://me:hunter2@host/photos")
    assert "hunter2" not in str(caught.value)


def test_a_user_comes_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEXSEARCH_OPENSEARCH_USER", "me")
    monkeypatch.setenv("LEXSEARCH_OPENSEARCH_PASSWORD", "hunter2")
    transport = connect(read_address("opensearch+https://127.0.0.1:1/photos"))
    [connection] = transport.connection_pool.connections
    assert connection.headers["authorization"].startswith("Basic ")
    assert connection.use_ssl
    monkeypatch.setattr(cluster, "_WAITS", ())
    with pytest.raises(EngineUnavailable, match="cannot be reached") as caught:
        open_engine("opensearch+https://127.0.0.1:1/photos")
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("LEXSEARCH_OPENSEARCH_CA", "/nowhere/ca.pem")
    with pytest.raises(EngineUnavailable, match=r"LEXSEARCH_OPENSEARCH_CA.*/nowhere"):
        open_engine("opensearch+https://127.0.0.1:1/photos")


def test_a_missing_index_and_one_made_in_another_way_say_what_helps(
    address: str, nodes: Nodes, writer: OpenSearchWriter
) -> None:
    with pytest.raises(EngineBroken, match="lexsearch reindex"):
        open_engine(f"opensearch+http://{nodes.hosts}/nowhere")
    with pytest.raises(EngineOutdated, match="lexsearch reindex"):
        open_engine(address)  # with Lucene's analyzer
    with pytest.raises(EngineOutdated):
        open_writer(address)
    open_writer(address, anew=True).close()


def test_an_index_of_something_else_is_left_alone(nodes: Nodes) -> None:
    made = cluster.Cluster(read_address(f"opensearch+http://{nodes.hosts}/theirs"))
    made.ask("PUT", "/theirs", {})
    for anew in (False, True):
        with pytest.raises(IndexUnusable, match="another name"):
            open_writer(f"opensearch+http://{nodes.hosts}/theirs", anew=anew)
    made.close()


def test_more_hits_than_a_page_are_one_list(
    writer: OpenSearchWriter, engine: Latest, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(writer, *(Document(f"{n:02}", "cat " * (1 + n % 3)) for n in range(20)))
    query = ScoredQuery(Term("contents", "cat"))
    whole = engine.search(query, 20)
    monkeypatch.setattr(engine_module, "_PAGE", 7)
    assert engine.search(query, 20) == whole
    assert engine.search(query, 14).best == whole.best[:14]
    assert engine.search(query, 1000) == whole


def test_ids_and_terms_of_any_length_come_back(writer: OpenSearchWriter, engine: Latest) -> None:
    ids = ["long" * 500, "käse/ \n ☃", "a"]
    hold(writer, *(Document(one, "x" * 255 + " cat") for one in ids))
    assert [doc_id for doc_id, _ in engine.search(EVERYTHING, 10).best] == sorted(ids)
    assert all(row.passages for row in engine.stored(ids))
    assert engine.frequencies([Term("said", "x" * 255)]) == {Term("said", "x" * 255): 3}
    writer.delete([ids[0]])
    writer.commit()
    assert engine.count() == 2


def test_a_document_that_the_cluster_does_not_take_is_named_and_others_go_on(
    writer: OpenSearchWriter, engine: Latest, caplog: pytest.LogCaptureFixture
) -> None:
    refused = Document("b" * 40_000, "a cat", paths=("/photos/bad.jpg",))
    hold(writer, Document("a", "a cat"), refused, Document("c", "a cat"))
    assert engine.count() == 2
    assert "/photos/bad.jpg could not be put into the text index" in caplog.text


def test_a_query_of_too_many_words_is_told_from_a_failure(
    writer: OpenSearchWriter, engine: Latest
) -> None:
    hold(writer, Document("a", "a cat"))
    each = tuple(Term("contents", f"word{n}") for n in range(3000))
    with pytest.raises(QueryTooLarge, match="max_clause_count"):
        engine.search(ScoredQuery(Bool(should=each)), 10)
    nested = tuple(Bool(should=each[n : n + 100]) for n in range(0, 3000, 100))
    with pytest.raises(QueryTooLarge):
        engine.search(ScoredQuery(Bool(should=nested)), 10)


def test_a_phrase_of_many_choices_is_counted_exactly_and_one_of_too_many_refused(
    writer: OpenSearchWriter, engine: OpenSearchEngine, tmp_path: Path
) -> None:
    words = [(f"a{n}", f"b{n}") for n in range(10)]
    documents = [
        Document("both", " ".join(pair[n % 2] for n, pair in enumerate(words))),
        Document("twice", " ".join([pair[0] for pair in words] * 2)),
        Document("never", " ".join(pair[0] for pair in reversed(words))),
        Document("other", " ".join(pair[1] for pair in words)),
    ]
    hold(writer, *documents)
    expected = open_writer(f"memory:{tmp_path}")
    expected.replace(documents)
    memory = open_engine(f"memory:{tmp_path}")
    for length in (5, 8):
        query = ScoredQuery(Phrase("contents", tuple(enumerate(words[:length]))))
        found, known = engine.search(query, 10), memory.search(query, 10)
        assert [doc_id for doc_id, _ in found.best] == [doc_id for doc_id, _ in known.best]
        assert [score for _, score in found.best] == pytest.approx([s for _, s in known.best])
    with pytest.raises(QueryTooLarge, match="1,024 choices"):
        engine.search(ScoredQuery(Phrase("contents", tuple(enumerate(words)))), 10)


def test_candidates_are_found_by_an_estimate_and_scored_exactly(
    address: str, writer: OpenSearchWriter, engine: OpenSearchEngine
) -> None:
    documents = [
        Document(f"{n:02}", "\n".join(["a red bus"] * (1 + n % 4) + ["a dog and a cat"] * (n % 3)))
        for n in range(40)
    ]
    hold(writer, *documents)
    place = f"{address.replace('/test-', '/few-')}&candidates="
    for few, places in ((12, (12,)), (100, (100, 0))):
        other = OpenSearchWriter(f"{place}{few}", writer.analyzer)
        other.replace(documents)
        hold(other, documents[0])
        other.close()
        for told in places:  # it is the index that knows, and not who opens it
            reader = OpenSearchEngine(f"{place}{told}", writer.analyzer)
            for text in ("bus", "dog, bus", "a red bus beside a cat", '"red bus", -cat'):
                exact, found = searched(engine, text, 40), searched(reader, text, 12)
                scores = dict(exact.best)
                assert found.total == exact.total
                assert [score for _, score in found.best] == pytest.approx(
                    [scores[doc_id] for doc_id, _ in found.best]
                )
                if few == 100:
                    assert [*dict(found.best)] == [*scores][:12]
            reader.close()


def searched(engine: OpenSearchEngine, text: str, k: int) -> TopDocs:
    found = Searcher(engine, Lexicon(engine.analyzer.terms)).find(parse(text), k, "best", "any")
    return TopDocs(found.documents, found.total)


def test_a_reader_elsewhere_sees_commits_and_a_replacement(
    writer: OpenSearchWriter,
    engine: Latest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "_LOOK", 3600.0)
    hold(writer, Document("a", "a cat"))
    assert engine.count() == 1
    monkeypatch.setattr(OpenSearchWriter, "_tell_own", lambda self: None)  # as another process
    hold(writer, Document("b", "a cat"))
    assert engine.count() == 1
    monkeypatch.setattr(engine_module, "_LOOK", 0.0)
    assert engine.count() == 2
    monkeypatch.setattr(engine_module, "_LOOK", 3600.0)
    writer.replace([Document("c", "a cat")])
    with pytest.raises(EngineBroken):  # in the moment of the replacement: ask again
        engine.search(EVERYTHING, 10)
    assert [doc_id for doc_id, _ in engine.search(EVERYTHING, 10).best] == ["c"]
    [made] = indexes(writer)
    assert isinstance(engine.now, OpenSearchEngine)
    assert made == engine.now.made.concrete  # nothing is left behind


def test_a_replacement_that_fails_leaves_what_was_there(
    writer: OpenSearchWriter, engine: Latest
) -> None:
    hold(writer, Document("a", "a cat"))

    def broken() -> Iterator[Document]:
        yield Document("b", "a dog")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        writer.replace(broken())
    assert [doc_id for doc_id, _ in engine.search(EVERYTHING, 10).best] == ["a"]
    assert len(indexes(writer)) == 1
    hold(writer, Document("c", "a dog"))
    assert engine.count() == 2


def test_what_was_done_though_its_answer_was_lost_is_not_done_twice(
    writer: OpenSearchWriter, engine: Latest, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(writer, Document("a", "a cat"))
    perform = writer._cluster._transport.perform_request
    lost: set[tuple[str, str]] = set()

    def losing(method: str, url: str, **options: Any) -> Any:
        """Each answer to a change is lost once."""
        answer = perform(method, url, **options)
        if method != "GET" and (method, url) not in lost:
            lost.add((method, url))
            raise ConnectionTimeout("TIMEOUT", "no answer", TimeoutError())
        return answer

    monkeypatch.setattr(writer._cluster._transport, "perform_request", losing)
    writer.replace([Document("b", "a cat"), Document("c", "a cat")])
    writer.delete(["b"])
    writer.commit()
    assert [doc_id for doc_id, _ in engine.search(EVERYTHING, 10).best] == ["c"]
    assert ("POST", "/_aliases") in lost


def test_a_warm_query_with_passages_takes_two_round_trips(
    writer: OpenSearchWriter, engine: Latest, monkeypatch: pytest.MonkeyPatch
) -> None:
    passages = tuple(map(Passage, ("a red bus at the stop", "a traffic light")))
    contents = "\n".join(passage.text for passage in passages)
    hold(writer, *(Document(str(n), contents, passages) for n in range(20)))
    searcher = Searcher(engine.now, Lexicon(engine.analyzer.terms))
    asked: list[str] = []
    monkeypatch.setattr(cluster.Cluster, "ask", counted(cluster.Cluster.ask, asked))
    query = parse("bus, traffic light")
    searcher.find(query, 10, "best", "best")
    asked.clear()
    monkeypatch.setattr(engine_module, "_LOOK", 0.0)
    assert engine.is_current()
    found = searcher.find(query, 10, "best", "best")
    assert len(found.documents) == len([row for row in found.stored if row.passages]) == 10
    assert len(asked) == 2, asked
    assert COMMITS  # by which this process sees its own commits at once


def counted(ask, asked: list[str]):
    def counting(self, method: str, path: str, *arguments: object, **options: object) -> object:
        asked.append(re.sub(r"-\w+/", "/", path))
        return ask(self, method, path, *arguments, **options)

    return counting


# An index whose text index is on a cluster


@pytest.fixture
def there(nodes: Nodes) -> str:
    return f"opensearch+http://{nodes.hosts}/photos-{next(NUMBERS)}?shards=2"


def names(hits: Iterable[Hit]) -> set[str]:
    return {Path(path).name for hit in hits for path in hit.paths}


def test_an_index_on_a_cluster_is_searched_by_its_folder_and_by_its_address(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner, there: str
) -> None:
    for name, colour in (("a", (255, 0, 0)), ("b", (250, 0, 0)), ("c", (0, 0, 255))):
        picture(photos / f"{name}.png", colour)
    index.add(photos, captioner=captioner, engine=there)
    assert index.settings.engine == there
    assert not (index.path / "lucene").exists()
    hits = index.search("red")
    with lexsearch.open(there) as remote:
        assert list(remote.search("red")) == list(hits)
        assert names(remote.search("red")) == {"a.png", "b.png"}
        assert list(remote) == list(index)
        assert (
            remote.search(f"like:{hits[0].doc_id}").total
            == index.search(f"like:{hits[0].doc_id}").total
        )
        assert remote.status().searchable == len(remote) == 3
        assert remote.describe(photos / "a.png").paths == index.describe(photos / "a.png").paths
        assert remote.explain("red", hits[0].doc_id) == index.explain("red", hits[0].doc_id)
        for change in (lambda: remote.add(photos), lambda: remote.remove("x"), remote.reindex):
            with pytest.raises(IndexReadOnly, match="folder"):
                change()
        with pytest.raises(IndexReadOnly, match="folder"):
            list(remote.export_captions())
        index.remove(photos / "a.png")
        assert names(remote.search("red")) == {"b.png"}


def test_a_text_index_moves_to_a_cluster_and_back(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner, there: str
) -> None:
    picture(photos / "a.png", "red")
    picture(photos / "b.png", "blue")
    index.add(photos, captioner=captioner)
    before = index.search("red")
    assert index.reindex(engine=there) == 2
    moved = index.search("red")
    assert [(hit.doc_id, hit.paths, hit.evidence) for hit in moved] == [
        (hit.doc_id, hit.paths, hit.evidence) for hit in before
    ]
    assert [hit.score for hit in moved] == pytest.approx([hit.score for hit in before])
    index.remove(photos / "b.png")
    assert index.reindex(engine="embedded") == 1
    assert index.settings.engine == ""
    assert not index.search("blue")
    with pytest.raises(LexsearchError, match="embedded"):
        index.reindex(engine="elastic")


def test_two_folders_do_not_fill_one_index(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner, there: str, tmp_path: Path
) -> None:
    picture(photos / "a.png", "red")
    index.add(photos, captioner=captioner, engine=there)
    with lexsearch.open(tmp_path / "second") as second:
        second.add(photos, captioner=captioner)
        with pytest.raises(IndexUnusable, match="another index folder"):
            second.reindex(engine=there)
        assert second.settings.engine == ""
        assert len(second.search("red")) == len(index.search("red")) == 1
    shutil.copytree(index.path, tmp_path / "copy")
    with lexsearch.open(tmp_path / "copy") as copy:
        picture(photos / "b.png", "blue")
        copy.add(photos, captioner=captioner)
        assert len(copy.search("blue")) == 1


def test_a_cluster_that_is_gone_leaves_the_index_as_it_was(
    index: lexsearch.Index,
    photos: Path,
    captioner: FakeCaptioner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "_WAITS", ())
    picture(photos / "a.png", "red")
    index.add(photos, captioner=captioner)
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        index.reindex(engine="opensearch+http://127.0.0.1:1/photos")
    assert index.settings.engine == ""
    assert len(index.search("red")) == 1


def test_the_command_takes_an_engine_and_an_address(
    lexsearch_command: Run, photos: Path, there: str
) -> None:
    picture(photos / "a.png", "red")
    done = lexsearch_command("index", photos, "--engine", there)
    assert done.returncode == 0, done.stderr
    assert f"the text index at {there}" in lexsearch_command("status").stdout
    found = lexsearch_command("query", "red", "--index", there, "--paths")
    assert (found.returncode, found.stdout) == (0, f"{photos / 'a.png'}\n")
    shown = lexsearch_command("show", photos / "a.png", "--index", there)
    assert "red" in shown.stdout, shown.stderr
    nothing = lexsearch_command("query", "zebra", "--index", there)
    assert nothing.returncode == 1, nothing.stderr
    refused = lexsearch_command("reindex", "--index", there)
    assert refused.returncode not in (0, 1)
    assert "Traceback" not in refused.stderr
