"""How long a search takes that understands keywords, in a large index of real captions.

    benchmarks/bench_keywords.py --keep DIR
    benchmarks/bench_keywords.py --keep DIR --before CHECKOUT

Documents are 18 captions each, of the whole and 17 patches, drawn at random from coco-patches and
coco-mllm of the test data; queries are keywords drawn at random from common words of the captions
and the 80 COCO names. Printed are medians in milliseconds, in one process (warm) and as a command
of its own (cold). "New" words are asked for the first time in their process, after hundreds of
queries of other words; "known" ones come again in other combinations, as in the rounds of a
search. With another checkout, both answer each query in turn, and what they find is compared.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from common import (
    LEXSEARCH,
    Checkout,
    Command,
    data_folder,
    say,
    seconds,
    side_by_side,
    table,
    times,
)

from lexsearch.images.crops import fixed, whole

_WIDTH, _HEIGHT = 640, 480
_WORDS = 560  # common words of the captions
_WARMING, _NEW, _KNOWN, _POOL = 200, 80, 80, 40  # queries; and words of the known ones
_COLD = 11
_SHAPES = (
    ("best, k = 10, ids and total", ("rank", 10, "best", "best")),
    ("best, k = 10, with evidence and boxes", ("search", 10)),
    ("any, k = 1000, ids and total", ("rank", 1000, "best", "any")),
    ("paper, k = 10, ids and total", ("rank", 10, "paper", "best")),
)
_CLOSE = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the sets")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="where to make the indexes, or find them again")
    parser.add_argument("--before", type=Path, help="a checkout that is measured beside")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        keep = options.keep or Path(scratch)
        codes = side_by_side(options.before)
        running = {name: stack.enter_context(Checkout(code)) for name, code in codes.items()}
        data = data_folder(options.data)
        places = {
            name: build(one, keep / f"keywords-{name}-{options.documents}", data, options.documents)
            for name, one in running.items()
        }
        print(f"{options.documents:,} documents of 18 captions; medians in ms")
        words = vocabulary(data, running["now"], places["now"])
        warm(running, places, words)
        print()
        cold(running, places, words)


def build(code: Checkout, place: Path, data: Path, count: int) -> Path:
    """The index, made by the checkout itself where it is not there yet."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        lines = place.with_suffix(".jsonl")
        say(f"writing and importing {count:,} documents ...")
        with lines.open("w") as file:
            file.writelines(f"{line}\n" for line in documents(read_captions(data), count))
        code.ask("import_file", lines, place)
        lines.unlink()
    return place


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


def vocabulary(data: Path, code: Checkout, place: Path) -> list[str]:
    """Words to ask for, each once, in an order by chance."""
    lines = (data / "coco-mllm" / "topics.tsv").read_text().splitlines()
    names = [line.split("\t")[1] for line in lines]
    common = code.ask("words", place, "a thing, person, animal", _WORDS, 500)
    words = list(dict.fromkeys([*names, *common]))
    random.Random(1).shuffle(words)
    return words


def warm(running: Mapping[str, Checkout], places: Mapping[str, Path], words: Sequence[str]) -> None:
    chance = random.Random(2)
    rest = iter(words)
    pool = [next(rest) for _ in range(_POOL)]

    def known(count: int, number: int) -> list[str]:
        return [", ".join(chance.sample(pool, count)) for _ in range(number)]

    def new(count: int) -> list[str]:
        return [", ".join(next(rest) for _ in range(count)) for _ in range(_NEW)]

    for _, shape in _SHAPES:
        for count in (1, 3):
            ask(running, places, known(count, _WARMING), shape)
    rows: list[list[str]] = []
    for what, shape in _SHAPES[:2]:
        rows.append([f"{what}, 3 new keywords", *ask(running, places, new(3), shape)])
    for what, shape in _SHAPES:
        for count in (1, 3):
            known_words = f"{what}, {count} known keyword{'s' if count > 1 else ''}"
            ask(running, places, known(count, _POOL), shape)  # all words once
            rows.append([known_words, *ask(running, places, known(count, _KNOWN), shape)])
    table(("warm", *running, *(["ratio"] if len(running) > 1 else [])), rows)


def ask(
    running: Mapping[str, Checkout],
    places: Mapping[str, Path],
    queries: Sequence[str],
    shape: tuple[object, ...],
) -> list[str]:
    """Cells of a table: the median of each checkout in milliseconds, all asked in turn."""
    name, *how = shape
    taken: dict[str, list[float]] = {code: [] for code in running}
    for query in queries:
        answers = {}
        for code, one in running.items():
            spent, answers[code] = one.ask(str(name), places[code], query, *how)
            taken[code].append(1000 * spent)
        compare(query, *answers.values())
    return times({code: statistics.median(each) for code, each in taken.items()})


def compare(query: str, first: list[list[object]], *more: list[list[object]]) -> None:
    """Say so where checkouts differ."""
    for other in more:
        near = len(first) == len(other) and all(
            abs(float(str(one[1])) - float(str(two[1]))) < _CLOSE
            for one, two in zip(first, other, strict=True)
        )
        if not near:
            say(f"scores differ: {query}")
        elif [one[0] for one in first] != [one[0] for one in other]:
            say(f"the order differs: {query}")


def cold(running: Mapping[str, Checkout], places: Mapping[str, Path], words: Sequence[str]) -> None:
    rows = []
    for mode in ("paper", "best"):
        for count in (1, 3):
            chance = random.Random(count)
            taken: dict[str, list[float]] = {code: [] for code in running}
            for text in [", ".join(chance.sample(words, count)) for _ in range(_COLD + 1)]:
                for code, one in running.items():
                    command: Command = [LEXSEARCH, "query", "--mode", mode]
                    command += ["--index", places[code], text]
                    taken[code].append(1000 * seconds(command, one.environment))
            medians = {code: statistics.median(each[1:]) for code, each in taken.items()}
            what = f"{mode}, {count} keyword{'s' if count > 1 else ''}"
            rows.append([what, *times(medians, 0)])
    table(("cold command", *running, *(["ratio"] if len(running) > 1 else [])), rows)


if __name__ == "__main__":
    main()
