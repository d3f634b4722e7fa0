"""Queries, cold beside Pyserini and warm beside tantivy and bm25s.

    python benchmarks/bench_search.py                         # 100,000 documents; 20,000 warm
    python benchmarks/bench_search.py --documents 5000 --warm 5000 --keep /tmp/search

Cold: from process start to exit, `lexsearch query` against a script with Pyserini's
LuceneSearcher on the same Lucene index. Warm: the median of 30 queries, each library in a
process of its own, all giving the same number of doc_ids.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import LEXSEARCH, Words, documents, fresh, json_lines, median_seconds, p50, say, table

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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        cold(place, options.documents, options.words, options.runs)
        if options.warm:
            warm(place, options.warm, options.words)


def cold(place: Path, count: int, length: int, runs: int) -> None:
    index = build(place, count, length)
    script = place / "search_with_pyserini.py"
    script.write_text(_PYSERINI.format(folder=str(index / "lucene")))
    runner = Path(__file__).with_name("pyserini_module.py")
    ours = median_seconds([LEXSEARCH, "query", _QUERY, "--index", index], runs)
    theirs = median_seconds([sys.executable, runner, script], 3)
    print(f"cold query, {count:,} documents of {length:,} words")
    rows = [
        ("lexsearch query", f"{ours:.2f}", "1"),
        ("Pyserini", f"{theirs:.2f}", _ratio(theirs, ours)),
    ]
    table(("command", "seconds", "times as long"), rows)


def warm(place: Path, count: int, length: int) -> None:
    build(place, count, length)
    makers: dict[str, Callable[..., Any]] = {
        "lexsearch": time_lexsearch,
        "tantivy": time_tantivy,
        "bm25s": time_bm25s,
    }
    times = {}
    for name, maker in makers.items():
        say(f"warm queries with {name} ...")
        times[name] = fresh(maker, place, count, length)
    print(f"\nwarm query, {count:,} documents of {length:,} words: median in milliseconds")
    rows = [
        (words, k, *(f"{times[name][shape] * 1000:.2f}" for name in makers))
        for shape, (words, k) in enumerate(_SHAPES)
    ]
    table(("words", "k", *makers), rows)


def build(place: Path, count: int, length: int) -> Path:
    index = place / f"lexsearch-{count}-{length}"
    if not index.exists():
        say(f"writing and importing {count:,} documents ...")
        file = json_lines(place / "documents.jsonl", count, length, ("doc_id", "text"))
        fresh(import_file, file, index)
        file.unlink()
    return index


def import_file(file: Path, index: Path) -> None:
    import lexsearch

    with lexsearch.open(index) as opened, file.open() as lines:
        opened.import_captions(lines)


def _times(search: Callable[[str, int], object]) -> list[float]:
    words = Words(seed=2)
    times = []
    for length, k in _SHAPES:
        queries = [words.query(length) for _ in range(_ROUND)]

        def ask(text: str, k: int = k) -> object:
            return search(text, k)

        times.append(p50(ask, queries))
    return times


def time_lexsearch(place: Path, count: int, length: int) -> list[float]:
    import lexsearch

    with lexsearch.open(build(place, count, length)) as index:
        return _times(lambda text, k: index.rank(text, k, mode="paper"))


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


def _ratio(theirs: float, ours: float) -> str:
    return f"{theirs / ours:.1f}"


if __name__ == "__main__":
    main()
