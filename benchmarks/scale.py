"""How both engines grow with the number of documents, and the plan that follows for many more.

    python benchmarks/scale.py ../shared/data/coco-val2017/captions.jsonl
    python benchmarks/scale.py CAPTIONS --documents 1000 10000 --engines embedded

Documents are made of the real captions of the file, five drawn at random for each, so that the
number of matches grows with that of documents while no two are alike; the words are those of the
file, however many documents there are. The cluster is one node with 1 GB of heap and one shard, so
that its times are those of a shard. What comes after "not measured" is worked out from the figures
before it, and from the prices and speeds that are printed with it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from cluster import p50, p95, read
from common import fresh, say, table
from nodes import Nodes

from lexsearch.engines import open_engine, open_writer
from lexsearch.errors import LexsearchError
from lexsearch.records import Document, Passage
from lexsearch.searching.searcher import Searcher
from lexsearch.sizes import size_of
from lexsearch.text.lexicon import Lexicon
from lexsearch.text.queries import parse

CAPTIONS = 5  # a document
KINDS = ("one word", "three words", "a sentence")
COPIES = 2  # of each shard
VIEWS = 18  # a picture, with its 17 patches
Asked = dict[str, list[tuple[int, float]]]
"""For each kind of query, the matches and the seconds of each one."""


class Measured(NamedTuple):
    engine: str
    documents: int
    seconds: float
    size: int
    memory: int
    asked: Asked


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("captions", type=Path)
    options.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000])
    options.add_argument("--engines", nargs="+", default=["embedded", "cluster"])
    options.add_argument("--queries", type=int, default=40, help="of each kind")
    options.add_argument("--longest", type=float, default=0.5, help="seconds that p95 may take")
    options.add_argument("--views", type=float, default=30, help="a GPU describes in a second")
    options.add_argument("--gpu", type=float, default=2.5, help="dollars an hour")
    options.add_argument("--node", type=float, default=400, help="dollars a month")
    options.add_argument("--cores", type=int, default=8, help="of a node, each with a shard")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lexsearch-scale-") as folder:
        texts = captions_of(given.captions, Path(folder) / "captions")
        rows = []
        for engine in given.engines:
            for count in given.documents:
                say(f"{engine}, {count:,} documents ...")
                place = Path(folder) / f"{engine}-{count}"
                rows.append(fresh(MEASURES[engine], place, texts, count, given.queries))
    show(rows)
    for engine in given.engines:
        plan([row for row in rows if row.engine == engine], given)


def captions_of(file: Path, folder: Path) -> list[str]:
    return [line for document in read(file, folder) for line in document.contents.splitlines()]


def documents(texts: Sequence[str], count: int) -> Iterator[Document]:
    chance = random.Random(5)
    for number in range(count):
        lines = chance.choices(texts, k=CAPTIONS)
        yield Document(f"{number:09}", "\n".join(lines), tuple(map(Passage, lines)))


def queries(texts: Sequence[str], count: int) -> dict[str, list[str]]:
    """What people ask, in words of the captions: commoner ones are asked more."""
    chance = random.Random(6)

    def word() -> str:
        return chance.choice(
            [one for one in chance.choice(texts).split() if one.isalpha()] or ["a"]
        )

    def sentence() -> str:
        return chance.choice(texts).replace(",", " ")

    makers = (word, lambda: f"{word()}, {word()}, {word()}", sentence)
    asked: dict[str, list[str]] = {}
    for kind, make in zip(KINDS, makers, strict=True):
        usable = (text for text in iter(make, None) if is_query(text))
        asked[kind] = [next(usable) for _ in range(count)]
    return asked


def is_query(text: str) -> bool:
    try:
        return bool(parse(text).keywords)
    except LexsearchError:
        return False


def embedded(place: Path, texts: Sequence[str], count: int, number: int) -> Measured:
    took = fill(str(place), texts, count)
    asked = ask(str(place), queries(texts, number))
    memory = psutil.Process().memory_info().rss
    return Measured("embedded", count, took, size_of(place), memory, asked)


def cluster(place: Path, texts: Sequence[str], count: int, number: int) -> Measured:
    nodes = Nodes(place, java=("-Xms1g", "-Xmx1g"))
    nodes.start()
    try:
        nodes.wait()
        address = f"opensearch+http://{nodes.hosts}/scale?shards=1"
        took = fill(address, texts, count)
        asked = ask(address, queries(texts, number))
        [node] = nodes.processes.values()
        memory = psutil.Process(node.pid).memory_info().rss
        stats = nodes.get(nodes.names[0], "/scale/_stats/store")
        size = int(stats["_all"]["primaries"]["store"]["size_in_bytes"])
    finally:
        nodes.stop()
    return Measured("cluster", count, took, size, memory, asked)


MEASURES = {"embedded": embedded, "cluster": cluster}


def fill(address: str, texts: Sequence[str], count: int) -> float:
    writer = open_writer(address)
    began = time.monotonic()
    writer.replace(documents(texts, count))
    took = time.monotonic() - began
    writer.close()
    return took


def ask(address: str, asked: dict[str, list[str]]) -> Asked:
    """Each query once to warm up, as the next ones find the words of a query known."""
    engine = open_engine(address)
    searcher = Searcher(engine, Lexicon(engine.analyzer.terms))
    found: Asked = {}
    for kind, texts in asked.items():
        for text in texts:
            searcher.find(parse(text), 10, "best", "any")
        found[kind] = []
        for text in texts:
            began = time.perf_counter()
            total = searcher.find(parse(text), 10, "best", "any").total
            found[kind].append((total, time.perf_counter() - began))
    engine.close()
    return found


def show(rows: Sequence[Measured]) -> None:
    heads = (
        "engine",
        "documents",
        "a second",
        "bytes each",
        "memory, MB",
        "query",
        "p50 / p95, ms",
    )
    lines = [
        (
            row.engine,
            f"{row.documents:,}",
            f"{row.documents / row.seconds:,.0f}",
            f"{row.size / row.documents:,.0f}",
            f"{row.memory / 1e6:,.0f}",
            f"{kind}, {statistics.median(total for total, _ in row.asked[kind]):,.0f} matches",
            "{:.1f} / {:.1f}".format(
                *(1000 * at([s for _, s in row.asked[kind]]) for at in (p50, p95))
            ),
        )
        for row in rows
        for kind in KINDS
    ]
    table(heads, lines)


def plan(rows: Sequence[Measured], given: argparse.Namespace) -> None:
    """The law of growth by least squares, and what it comes to for many more documents."""
    print(f"\n{rows[0].engine}: a query takes")
    slopes = {}
    for kind in KINDS:
        pairs = np.array([pair for row in rows for pair in row.asked[kind]])
        slope, start = np.polyfit(pairs[:, 0], pairs[:, 1], 1)
        largest = rows[-1]
        share = p95([total / largest.documents for total, _ in largest.asked[kind]])
        slopes[kind] = max(slope, 1e-9) * share
        print(f"  {kind:12} {1e3 * start:6.1f} ms and {1e6 * slope:5.2f} µs a match", end="")
        print(f"; one in twenty matches more than {share:.0%}")
    most = max(1, int(given.longest / max(slopes.values())))
    each = rows[-1].size / rows[-1].documents
    print(f"not measured: {most:,} documents a shard, for a p95 of {given.longest} s;")
    print(
        f"  {VIEWS} views a picture, {given.views:g} a second on a GPU of ${given.gpu:g} an hour;"
    )
    print(f"  nodes of {given.cores} cores, a shard each, at ${given.node:g} a month")
    lines = []
    for pictures in (10_000_000, 1_000_000_000):
        shards = -(-pictures // most)
        nodes = max(COPIES, -(-shards * COPIES // given.cores))
        days = pictures * VIEWS / given.views / 86_400
        lines.append(
            (
                f"{pictures:,}",
                f"{shards:,} x {COPIES}",
                f"{nodes:,}",
                f"{COPIES * pictures * each / 1e9:,.0f} GB",
                f"${nodes * given.node:,.0f}",
                f"{days:,.0f}",
                f"${days * 24 * given.gpu:,.0f}",
            )
        )
    table(
        ("pictures", "shards x copies", "nodes", "disk", "nodes a month", "GPU days", "describing"),
        lines,
    )


if __name__ == "__main__":
    main()
