#!/usr/bin/env python3
"""How long a search takes that understands keywords, in a large index of real captions.

    benchmarks/bench_keywords.py --keep DIR

Documents are 18 captions each, drawn at random from coco-patches and coco-mllm of the test data;
queries are keywords drawn at random from 300 nouns of the captions and the 80 COCO names. Printed
are medians in milliseconds, in one process (warm) and as a command of its own (cold).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import lexsearch

REPOSITORY = Path(__file__).resolve().parent.parent
LEXSEARCH = Path(sys.executable).with_name("lexsearch")
_VIEWS, _WARM, _COLD, _NOUNS = 18, 200, 9, 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("LEXSEARCH_SHARED_DATA") or REPOSITORY.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared, help="folder of the sets")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="where to make the index, or find it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = (options.keep or Path(scratch)) / f"keywords-{options.documents}"
        captions = read_captions(Path(options.data))
        with lexsearch.open(place) as index:
            if not index.status().searchable:
                index.import_captions(documents(captions, options.documents))
        print(f"{options.documents:,} documents of {_VIEWS} captions; medians in ms")
        measure(place, vocabulary(Path(options.data), place))


def read_captions(data: Path) -> list[str]:
    return [
        " ".join(json.loads(line)["text"].split())
        for name in ("coco-patches", "coco-mllm")
        for line in (data / name / "captions.jsonl").open()
    ]


def documents(captions: list[str], count: int) -> Iterator[str]:
    chance = random.Random(1)
    for number in range(count):
        for caption_id, text in enumerate(chance.choices(captions, k=_VIEWS)):
            row = {"doc_id": f"{number:07d}", "caption_id": f"{caption_id}", "text": text}
            yield json.dumps(row)


def vocabulary(data: Path, place: Path) -> list[str]:
    lines = (data / "coco-mllm" / "topics.tsv").read_text().splitlines()
    names = [line.split("\t")[1] for line in lines]
    with lexsearch.open(place) as index:
        return names + [one.word for one in index.words("a thing, person, animal", _NOUNS, 500)]


def measure(place: Path, words: list[str]) -> None:
    with lexsearch.open(place) as index:
        rows: list[tuple[str, Callable[[str], object]]] = [
            ("paper, k = 10, ids alone", lambda text: index.rank(text, 10, mode="paper")),
            ("best, k = 10, ids alone", lambda text: index.rank(text, 10, match="best")),
            ("best, k = 10, with evidence", lambda text: index.search(text, 10)),
            ("best, k = 100, with evidence", lambda text: index.search(text, 100)),
        ]
        print("| warm                          | 1 keyword | 3 keywords |")
        print("| ----------------------------- | --------- | ---------- |")
        for name, search in rows:
            print(f"| {name:29} | {p50(search, words, 1):9.1f} | {p50(search, words, 3):10.1f} |")
    print("\n| cold command                  | 1 keyword | 3 keywords |")
    print("| ----------------------------- | --------- | ---------- |")
    for mode in ("paper", "best"):
        cold = [cold_p50(place, mode, words, count) for count in (1, 3)]
        print(f"| {mode:29} | {cold[0]:9.0f} | {cold[1]:10.0f} |")


def queries(words: list[str], count: int, number: int) -> list[str]:
    chance = random.Random(count)
    return [", ".join(chance.sample(words, count)) for _ in range(number)]


def p50(search: Callable[[str], object], words: list[str], count: int) -> float:
    times = []
    for text in queries(words, count, 2 * _WARM):  # the first half warms up
        start = time.perf_counter()
        search(text)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[_WARM:])


def cold_p50(place: Path, mode: str, words: list[str], count: int) -> float:
    times = []
    for text in queries(words, count, _COLD):
        command = [LEXSEARCH, "query", "--index", place, "--mode", mode, text]
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    main()
