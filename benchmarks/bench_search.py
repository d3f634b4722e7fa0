"""Queries, cold beside Pyserini and warm beside tantivy and bm25s.

    python benchmarks/bench_search.py                         # 100,000 documents; 20,000 warm
    python benchmarks/bench_search.py --documents 5000 --warm 5000 --keep /tmp/search
    python benchmarks/bench_search.py --before CHECKOUT       # each query to both in turn

Cold: from process start to exit, `lexsearch query` against a script with Pyserini's
LuceneSearcher on the same Lucene index. Warm: the median of 30 queries, each library in a
process of its own, all giving the same number of doc_ids.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from common import (
    LEXSEARCH,
    REPOSITORY,
    Checkout,
    Command,
    Words,
    code_of,
    documents,
    fresh,
    json_lines,
    median_seconds,
    p50,
    say,
    seconds,
    side_by_side,
    table,
)

_QUERY = "bus, traffic light"
_PYSERINI = """
from pyserini.search.lucene import LuceneSearcher
for hit in LuceneSearcher({folder!r}).search("bus, traffic light", k=10):
    print(hit.docid, hit.score)
"""
_SHAPES = [(words, k) for words in (1, 3, 15) for k in (10, 1000)]
_ROUND = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000, help="for the cold queries")
    parser.add_argument("--warm", type=int, default=20_000, help="for the warm ones; 0 for none")
    parser.add_argument("--words", type=int, default=1800, help="a document")
    parser.add_argument("--runs", type=int, default=7, help="cold ones; Pyserini gets 3")
    parser.add_argument("--keep", type=Path, help="where indexes are made, or used again")
    parser.add_argument("--before", type=Path, help="a checkout that is measured beside")
    options = parser.parse_args()
    codes = side_by_side(options.before)
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        if options.documents:
            cold(codes, place, options.documents, options.words, options.runs)
        if options.warm:
            warm(codes, place, options.warm, options.words)


def cold(codes: Mapping[str, Path], place: Path, count: int, length: int, runs: int) -> None:
    indexes = {name: build(place, count, length, name, code) for name, code in codes.items()}
    taken: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(runs + 1):
        for name, code in codes.items():
            command: Command = [LEXSEARCH, "query", _QUERY, "--mode", "paper"]
            taken[name].append(seconds([*command, "--index", indexes[name]], code_of(code)))
    figures = {f"lexsearch, {name}": statistics.median(each[1:]) for name, each in taken.items()}
    if find_spec("pyserini"):
        script = place / "search_with_pyserini.py"
        script.write_text(_PYSERINI.format(folder=str(indexes["now"] / "lucene")))
        runner = Path(__file__).with_name("pyserini_module.py")
        figures["Pyserini"] = median_seconds([sys.executable, runner, script], 3)
    print(f"Cold query, {count:,} documents of {length:,} words:\n")
    now = figures["lexsearch, now"]
    rows = [(name, f"{figure:.2f}", f"{figure / now:.2f}") for name, figure in figures.items()]
    table(("command", "seconds", "times as long"), rows)
    print()


def warm(codes: Mapping[str, Path], place: Path, count: int, length: int) -> None:
    figures = time_checkouts(codes, place, count, length)
    for name, maker in (("tantivy", time_tantivy), ("bm25s", time_bm25s)):
        say(f"warm queries with {name} ...")
        figures[name] = fresh(maker, place, count, length)
    print(f"Warm query, {count:,} documents of {length:,} words: median in milliseconds\n")
    rows = [
        (
            words,
            k,
            *(f"{1000 * each[shape]:.2f}" for each in figures.values()),
            f"{figures['now'][shape] / figures['tantivy'][shape]:.1f}",
        )
        for shape, (words, k) in enumerate(_SHAPES)
    ]
    table(("words", "k", *figures, "now, times tantivy"), rows)


def build(place: Path, count: int, length: int, name: str = "now", code: Path = REPOSITORY) -> Path:
    """An index of synthetic documents, made by the code of a checkout where it is not there."""
    index = place / f"lexsearch-{name}-{count}-{length}"
    if not index.exists():
        say(f"writing and importing {count:,} documents ...")
        file = json_lines(place / "documents.jsonl", count, length, ("doc_id", "text"))
        with Checkout(code) as one:
            one.ask("import_file", file, index)
        file.unlink()
    return index


def _queries() -> list[list[str]]:
    """For each shape."""
    words = Words(seed=2)
    return [[words.query(length) for _ in range(_ROUND)] for length, _ in _SHAPES]


def _times(search: Callable[[str, int], object]) -> list[float]:
    return [
        p50(lambda text, k=k: search(text, k), queries)  # type: ignore[misc]
        for (_, k), queries in zip(_SHAPES, _queries(), strict=True)
    ]


def time_checkouts(
    codes: Mapping[str, Path], place: Path, count: int, length: int
) -> dict[str, list[float]]:
    """Each query to each checkout in turn, after one round to warm up."""
    medians: dict[str, list[float]] = {name: [] for name in codes}
    indexes = {name: build(place, count, length, name, code) for name, code in codes.items()}
    with ExitStack() as stack:
        running = {name: stack.enter_context(Checkout(code)) for name, code in codes.items()}
        for (_, k), queries in zip(_SHAPES, _queries(), strict=True):
            taken: dict[str, list[float]] = {name: [] for name in codes}
            for text in [*queries, *queries]:
                for name, one in running.items():
                    spent, _ = one.ask("rank", indexes[name], text, k, "paper", "best")
                    taken[name].append(spent)
            for name, each in taken.items():
                medians[name].append(statistics.median(each[len(queries) :]))
    return medians


def time_tantivy(place: Path, count: int, length: int) -> list[float]:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    builder.add_text_field("text", stored=False, tokenizer_name="en_stem")
    folder = place / f"tantivy-{count}-{length}"
    made = folder.exists()
    folder.mkdir(exist_ok=True)
    index = tantivy.Index(builder.build(), path=str(folder))
    if not made:
        writer = index.writer(256_000_000)
        for doc_id, text in documents(count, length):
            writer.add_document(tantivy.Document(id=doc_id, text=text))
        writer.commit()
        writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def search(text: str, k: int) -> list[str]:
        found = searcher.search(index.parse_query(text, ["text"]), k)
        return [searcher.doc(address)["id"][0] for _, address in found.hits]

    return _times(search)


def time_bm25s(place: Path, count: int, length: int) -> list[float]:
    import bm25s

    folder = place / f"bm25s-{count}-{length}"
    if not folder.exists():
        texts = [text for _, text in documents(count, length)]
        tokens = bm25s.tokenize(texts, stopwords="en", show_progress=False)
        retriever = bm25s.BM25(k1=0.9, b=0.4)
        retriever.index(tokens, show_progress=False)
        retriever.save(folder)
    retriever = bm25s.BM25.load(folder)
    ids = [f"{number:09d}" for number in range(count)]

    def search(text: str, k: int) -> list[str]:
        tokens = bm25s.tokenize(text, stopwords="en", return_ids=False, show_progress=False)
        found, _ = retriever.retrieve(tokens, k=k, show_progress=False)
        return [ids[place] for place in found[0]]

    return _times(search)


if __name__ == "__main__":
    main()
