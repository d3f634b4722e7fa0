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
    ratio_head,
    say,
    seconds,
    side_by_side,
    table,
    times,
)

from lexsearch.images.crops import fixed, whole

_WIDTH, _HEIGHT = 640, 480
_WORDS = 560  # common words of the captions
_POOL = 40  # words of the known queries
_SHAPES = (
    ("best, k = 10, ids and total", ("rank", 10, "best", "best")),
    ("best, k = 10, with evidence and boxes", ("search", 10)),
    ("any, k = 1000, ids and total", ("rank", 1000, "best", "any")),
    ("paper, k = 10, ids and total", ("rank", 10, "paper", "best")),
)
_CLOSE = 1e-5
Hit = tuple[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the sets")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=80, help="of each kind")
    parser.add_argument("--runs", type=int, default=11, help="of each kind of command")
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
        print(f"{options.documents:,} documents of 18 captions; medians in ms\n")
        words = vocabulary(data, running["now"], places["now"])
        warm(running, places, words, options.queries)
        print()
        cold(running, places, words, options.runs)


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


def warm(
    running: Mapping[str, Checkout],
    places: Mapping[str, Path],
    words: Sequence[str],
    number: int,
) -> None:
    chance = random.Random(2)
    rest = iter(words)
    pool = [next(rest) for _ in range(_POOL)]

    def known(count: int) -> list[str]:
        return [", ".join(chance.sample(pool, count)) for _ in range(number)]

    def new(count: int) -> list[str]:
        return [", ".join(next(rest) for _ in range(count)) for _ in range(number)]

    for _, shape in _SHAPES:
        for count in (1, 3):
            ask(running, places, known(count), shape)
    rows: list[list[str]] = []
    for what, shape in _SHAPES[:2]:
        rows.append([f"{what}, 3 new keywords", *ask(running, places, new(3), shape)])
    for what, shape in _SHAPES:
        for count in (1, 3):
            known_words = f"{what}, {count} known keyword{'s' if count > 1 else ''}"
            ask(running, places, pool, shape)  # all words once
            rows.append([known_words, *ask(running, places, known(count), shape)])
    same = ["same hits"] if len(running) > 1 else []
    table(("warm", *running, *ratio_head(running), *same), rows)


def ask(
    running: Mapping[str, Checkout],
    places: Mapping[str, Path],
    queries: Sequence[str],
    shape: tuple[object, ...],
) -> list[str]:
    """Cells of a table: the median of each checkout in milliseconds, all asked in turn; of several,
    the ratio, and for how many queries they found the same.
    """
    name, *how = shape
    taken: dict[str, list[float]] = {code: [] for code in running}
    same = 0
    for query in queries:
        answers: dict[str, list[Hit]] = {}
        for code, one in running.items():
            spent, answers[code] = one.ask(str(name), places[code], query, *how)
            taken[code].append(1000 * spent)
        same += are_same(*answers.values())
    cells = times({code: statistics.median(each) for code, each in taken.items()})
    return [*cells, f"{same} of {len(queries)}"] if len(running) > 1 else cells


def are_same(one: Sequence[Hit], *others: Sequence[Hit]) -> bool:
    """Whether all give the same documents with the same scores, in the same order but where scores
    are as good as equal.
    """
    return all(_is_same(one, other) for other in others)


def _is_same(one: Sequence[Hit], other: Sequence[Hit]) -> bool:
    if len(one) != len(other):
        return False
    scores: dict[str, float] = dict(other)
    for (doc_id, score), (_, theirs) in zip(one, other, strict=True):
        is_last = score < one[-1][1] + _CLOSE  # others may be as good
        if abs(score - theirs) >= _CLOSE or (not is_last and doc_id not in scores):
            return False
        if abs(score - scores.get(doc_id, score)) >= _CLOSE:
            return False
    return True


def cold(
    running: Mapping[str, Checkout],
    places: Mapping[str, Path],
    words: Sequence[str],
    runs: int,
) -> None:
    rows = []
    for mode in ("paper", "best"):
        for count in (1, 3):
            chance = random.Random(count)
            taken: dict[str, list[float]] = {code: [] for code in running}
            for text in [", ".join(chance.sample(words, count)) for _ in range(runs + 1)]:
                for code, one in running.items():
                    command: Command = [LEXSEARCH, "query", "--mode", mode]
                    command += ["--index", places[code], text]
                    taken[code].append(1000 * seconds(command, one.environment))
            medians = {code: statistics.median(each[1:]) for code, each in taken.items()}
            what = f"{mode}, {count} keyword{'s' if count > 1 else ''}"
            rows.append([what, *times(medians, 0)])
    table(("cold command", *running, *ratio_head(running)), rows)


if __name__ == "__main__":
    main()
