"""How long a search takes that understands keywords, in a large index of real captions.

    benchmarks/bench_keywords.py --keep DIR

Documents are 18 captions each, of the whole and 17 patches, drawn at random from coco-patches and
coco-mllm of the test data; queries are keywords drawn at random from 300 nouns of the captions and
the 80 COCO names. Printed are medians in milliseconds, in one process (warm) and as a command of
its own (cold).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from common import LEXSEARCH, Command, data_folder, seconds, table

import lexsearch
from lexsearch.images.crops import fixed, whole

_WIDTH, _HEIGHT = 640, 480
_WARM, _COLD, _NOUNS = 200, 9, 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the sets")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="where to make the index, or find it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = (options.keep or Path(scratch)) / f"keywords-{options.documents}"
        data = data_folder(options.data)
        captions = read_captions(data)
        with lexsearch.open(place) as index:
            if not index.status().searchable:
                index.import_captions(documents(captions, options.documents))
        print(f"{options.documents:,} documents of 18 captions; medians in ms")
        measure(place, vocabulary(data, place))


def read_captions(data: Path) -> list[str]:
    return [
        " ".join(json.loads(line)["text"].split())
        for name in ("coco-patches", "coco-mllm")
        for line in (data / name / "captions.jsonl").open()
    ]


def documents(captions: list[str], count: int) -> Iterator[str]:
    chance = random.Random(1)
    crops = (*whole(_WIDTH, _HEIGHT), *fixed(_WIDTH, _HEIGHT))
    for number in range(count):
        for crop, text in zip(crops, chance.choices(captions, k=len(crops)), strict=True):
            row = {"doc_id": f"{number:07d}", "crop": crop.name, "box": crop.box, "text": text}
            yield json.dumps({**row, "width": _WIDTH, "height": _HEIGHT})


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
        table(
            ("warm", "1 keyword", "3 keywords"),
            [(name, *(f"{p50(search, words, n):.1f}" for n in (1, 3))) for name, search in rows],
        )
    print()
    table(
        ("cold command", "1 keyword", "3 keywords"),
        [
            (mode, *(f"{cold_p50(place, mode, words, n):.0f}" for n in (1, 3)))
            for mode in ("paper", "best")
        ],
    )


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
    command: Command = [LEXSEARCH, "query", "--index", place, "--mode", mode]
    return 1000 * statistics.median(
        seconds([*command, text]) for text in queries(words, count, _COLD)
    )


if __name__ == "__main__":
    main()
