"""OpenSearch beside embedded Lucene, on three real nodes of this machine: the same lists, how fast,
and what happens when nodes die.

    python benchmarks/cluster.py ../shared/data/coco-mllm/captions.jsonl
    python benchmarks/cluster.py --check CAPTIONS
    python benchmarks/cluster.py --candidates 200 CAPTIONS

CAPTIONS: JSON Lines as `lexsearch import` takes them. Needs Maven and a JDK for the nodes (46 MB,
once), and 2 GB of memory. The last line says whether all is well; with --check the exit status does
too: at least 99 % of all top tens equal, no search failed, and no document that was taken was lost.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common import REPOSITORY

sys.path[:0] = [str(REPOSITORY / "tests")]

from nodes import Nodes

import lexsearch
from lexsearch.engines import EngineWriter, TopDocs, open_engine, open_writer
from lexsearch.errors import LexsearchError
from lexsearch.records import Document, Passage, Query
from lexsearch.searching.searcher import Match, Searcher
from lexsearch.sizes import size_of
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.queries import parse, parse_plainly

MODES: tuple[tuple[str, Match], ...] = (
    ("best", "best"),
    ("best", "all"),
    ("best", "any"),
    ("paper", "best"),
)
LEAST_EQUAL = 0.99
TIE = 1e-5  # scores closer than this share are in any order


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("captions", type=Path)
    options.add_argument("--check", action="store_true", help="exit 1 where something is not well")
    options.add_argument("--documents", type=int, help="take the first so many")
    options.add_argument("--queries", type=int, default=200)
    options.add_argument(
        "--candidates", type=int, help="compare with an index of so many candidates a shard, too"
    )
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lexsearch-cluster-") as folder:
        nodes = Nodes(Path(folder) / "nodes", 3, java=())
        nodes.start()
        try:
            documents = read(given.captions, Path(folder) / "captions")[: given.documents]
            nodes.wait()
            faults = measure(nodes, documents, Path(folder) / "lucene", given)
        finally:
            nodes.stop()
    print(
        f"not well: {'; '.join(faults)}" if faults else "all is well: equal, and nothing was lost"
    )
    sys.exit(bool(faults) and given.check)


def read(captions: Path, folder: Path) -> list[Document]:
    """The documents of a file of captions, as an index makes them."""
    with lexsearch.open(folder) as index, captions.open(encoding="utf-8") as lines:
        index.import_captions(lines)
        return list(index.contents())


def measure(
    nodes: Nodes, documents: list[Document], lucene: Path, given: argparse.Namespace
) -> list[str]:
    address = f"opensearch+http://{nodes.hosts}/bench?shards=3"
    print(f"{len(documents):,} documents; 3 nodes, 3 shards, 2 copies of each\n")
    for name, place in (("embedded", str(lucene)), ("cluster", address)):
        writer = open_writer(place)
        began = time.monotonic()
        writer.replace(documents)
        print(f"{name:9} {len(documents) / (time.monotonic() - began):8,.0f} documents a second")
        writer.close()
    sizes = size_of(lucene), bytes_of(nodes)
    each = (f"{size / len(documents) / 1000:.1f} kB" for size in sizes)
    print("a document takes {} embedded, {} on the cluster, each copy".format(*each))
    asked = questions(documents, given.queries)
    equal = compare(asked, str(lucene), address)
    if given.candidates:
        estimate(nodes, documents, asked, address, given.candidates)
    faults = []
    if equal < LEAST_EQUAL:
        faults.append(f"only {equal:.1%} of the lists are equal")
    return [*faults, *replaced(address, documents, asked), *killed(nodes, address, asked)]


def bytes_of(nodes: Nodes) -> int:
    """Of the first copies on the cluster, without what has not been written out yet."""
    found = nodes.get(nodes.names[0], "/bench/_stats/store")
    return int(found["_all"]["primaries"]["store"]["size_in_bytes"])


def questions(documents: Sequence[Document], count: int) -> list[str]:
    """What people ask, out of the captions: words, sentences, excluded and quoted words."""
    chance = random.Random(7)
    texts = [line for one in documents for line in one.contents.splitlines()]
    words = sorted({word for text in texts for word in text.lower().split() if word.isalpha()})
    words = [word for word in words if len(word) > 3]
    short = [text.replace(",", " ") for text in texts if 4 <= len(text.split()) <= 14] or texts

    def word() -> str:
        return chance.choice(words if chance.random() < 0.3 else chance.choice(texts).split())

    def quoted() -> str:
        return f'"{" ".join(chance.choice(short).split()[1:3])}"'

    forms: list[Callable[[], str]] = [
        word,
        lambda: f"{word()}, {word()}",
        lambda: f"{word()}, {word()}, {word()}",
        lambda: chance.choice(short),
        lambda: f"{word()}, -{word()}",
        lambda: f"{quoted()}, {word()}",
    ]
    made = (chance.choice(forms)().replace(":", " ") for _ in range(3 * count))
    return [text for text in made if is_query(text)][:count]


def is_query(text: str) -> bool:
    try:
        return any(word.sign != "-" for word in parse(text).keywords)
    except LexsearchError:
        return False


def compare(asked: Sequence[str], *places: str) -> float:
    """Ask both engines every question in every mode; the share of equal top tens."""
    engines = [open_engine(place) for place in places]
    searchers = [Searcher(one, Lexicon(one.analyzer.terms)) for one in engines]
    same = lists = 0
    print("\nmode        equal  embedded p50 / p95    cluster p50 / p95 (ms, warm)")
    for mode, match in MODES:
        equal = 0
        times: list[list[float]] = [[], []]
        for text in asked:
            query = parse_plainly(text) if mode == "paper" else parse(text)
            ours, theirs = (one.find(query, 10, mode, match) for one in searchers)
            one, other = (TopDocs(found.documents, found.total) for found in (ours, theirs))
            equal += are_equal(one, other)
            for searcher, took in zip(searchers, times, strict=True):
                took.append(seconds(searcher, query, mode, match))
        same, lists = same + equal, lists + len(asked)
        shown = "".join(f"{1000 * p50(took):11.1f} / {1000 * p95(took):6.1f}" for took in times)
        print(f"{mode + '/' + match:11} {equal / len(asked):6.1%} {shown}", flush=True)
    for engine in engines:
        engine.close()
    return same / lists


def estimate(
    nodes: Nodes, documents: Sequence[Document], asked: Sequence[str], exact: str, candidates: int
) -> None:
    """How many of the best ten an index with candidates finds, and how fast beside an exact one."""
    place = f"opensearch+http://{nodes.hosts}/few?shards=3&candidates={candidates}"
    writer = open_writer(place)
    writer.replace(documents)
    writer.close()
    engines = [open_engine(exact), open_engine(place)]
    searchers = [Searcher(one, Lexicon(one.analyzer.terms)) for one in engines]
    print(f"\n{candidates:,} candidates a shard")
    print("mode      overlap   exact p50 / p95    candidates p50 / p95 (ms, warm)")
    for mode, match in MODES:
        shares = []
        times: list[list[float]] = [[], []]
        for text in asked:
            query = parse_plainly(text) if mode == "paper" else parse(text)
            ours, theirs = (
                {*dict(one.find(query, 10, mode, match).documents)} for one in searchers
            )
            shares.append(len(ours & theirs) / len(ours) if ours else 1.0)
            for searcher, took in zip(searchers, times, strict=True):
                took.append(seconds(searcher, query, mode, match))
        shown = "".join(f"{1000 * p50(took):11.1f} / {1000 * p95(took):6.1f}" for took in times)
        print(f"{mode + '/' + match:11} {statistics.mean(shares):6.1%} {shown}", flush=True)
    for engine in engines:
        engine.close()


def p50(took: Sequence[float]) -> float:
    return statistics.median(took)


def p95(took: Sequence[float]) -> float:
    return statistics.quantiles(took, n=20)[-1]


def seconds(searcher: Searcher, query: Query, mode: str, match: Match) -> float:
    began = time.perf_counter()
    searcher.find(query, 10, mode, match)
    return time.perf_counter() - began


def are_equal(one: TopDocs, other: TopDocs) -> bool:
    """The same documents in the same order, but where scores differ by a float's last digits."""
    if one.total != other.total or len(one.best) != len(other.best):
        return False
    last = one.best[-1].score if one.best else 0.0
    firm = [
        {doc_id for doc_id, score in found.best if score > last * (1 + TIE)}
        for found in (one, other)
    ]
    scores = dict(other.best)
    near = all(
        abs(a.score - b.score) <= TIE * max(a.score, 1e-9)
        for a, b in zip(one.best, other.best, strict=True)
    )
    known = all(abs(scores.get(i, s) - s) <= TIE * max(s, 1e-9) for i, s in one.best)
    return firm[0] == firm[1] and near and known


class Readers:
    """Search again and again, in threads, each from an index of its own."""

    def __init__(self, address: str, asked: Sequence[str], count: int = 2) -> None:
        self.searches = 0
        self.slowest = 0.0
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._address, self._asked = address, asked
        self._threads = [threading.Thread(target=self._read, args=[n]) for n in range(count)]

    def _read(self, number: int) -> None:
        chance = random.Random(number)
        with lexsearch.open(self._address) as index:
            while not self._stop.wait(0.03):
                began = time.monotonic()
                try:
                    index.search(chance.choice(self._asked))
                except Exception as error:
                    self.errors.append(f"{type(error).__name__}: {error}")
                self.searches += 1
                self.slowest = max(self.slowest, time.monotonic() - began)

    @contextmanager
    def reading(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()


def replaced(address: str, documents: Sequence[Document], asked: Sequence[str]) -> list[str]:
    """Put all documents in place of all, while others search."""
    readers = Readers(address, asked)
    with readers.reading():
        writer = open_writer(address)
        began = time.monotonic()
        writer.replace(documents)
        took = time.monotonic() - began
        time.sleep(2)
        writer.close()
    print(f"\nreplaced all in {took:.1f} s: {told(readers)}", flush=True)
    return [f"{len(readers.errors)} searches failed while replaced"] if readers.errors else []


def told(readers: Readers) -> str:
    errors = f" ({readers.errors[0]})" if readers.errors else ""
    return (
        f"{readers.searches:,} searches beside it, {len(readers.errors)} failed{errors}, "
        f"slowest {readers.slowest:.1f} s"
    )


def killed(nodes: Nodes, address: str, asked: Sequence[str]) -> list[str]:
    """Kill a node that only holds data, then the one that manages the cluster, under load."""
    faults = []
    taken: list[str] = []
    refused: list[str] = []
    stop = threading.Event()
    writing = threading.Thread(target=write, args=[open_writer(address), taken, refused, stop])
    readers = Readers(address, asked)
    with readers.reading():
        writing.start()
        for what in ("data node", "manager"):
            time.sleep(3)
            name = a_node(nodes, is_manager=what == "manager")
            before = len(readers.errors)
            nodes.kill(name)
            time.sleep(8)
            nodes.start(name)
            green = wait_until_green(nodes, name)
            failed = len(readers.errors) - before
            print(
                f"killed the {what}: {failed} searches failed; all copies back after {green:.0f} s"
            )
        stop.set()
        writing.join()
    engine = open_engine(address)
    there = engine.stored(taken)
    engine.close()
    lost = sum(not one.passages for one in there)
    print(f"{told(readers)}; {len(taken):,} documents taken meanwhile, {lost} lost", flush=True)
    if readers.errors:
        faults.append(f"{len(readers.errors)} searches failed while nodes died")
    if refused:
        faults.append(f"{len(refused)} writes failed ({refused[0]})")
    return [*faults, f"{lost} documents were lost"] if lost else faults


def write(
    writer: EngineWriter, taken: list[str], refused: list[str], stop: threading.Event
) -> None:
    number = 0
    while not stop.wait(0.3):
        batch = [f"new-{n:06}" for n in range(number, number + 20)]
        try:
            writer.update(
                Document(one, f"a new picture {one}", (Passage(f"a new picture {one}"),))
                for one in batch
            )
            writer.commit()
        except LexsearchError as error:
            refused.append(str(error))
            continue
        taken += batch
        number += 20
    writer.close()


def a_node(nodes: Nodes, *, is_manager: bool) -> str:
    for name in nodes.names:
        try:
            [manager] = nodes.get(name, "/_cat/cluster_manager?format=json")
            return next(n for n in nodes.names if (n == manager["node"]) == is_manager)
        except OSError:
            continue
    raise LexsearchError("no node answers")


def wait_until_green(nodes: Nodes, back: str) -> float:
    began = time.monotonic()
    nodes.wait(back, len(nodes.names))
    while nodes.get(back, "/_cluster/health")["status"] != "green":
        if time.monotonic() - began > 120:
            break
        time.sleep(0.2)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
