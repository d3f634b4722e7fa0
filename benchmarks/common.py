"""What the benchmarks share: words, documents, clocks and tables."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).parent.parent
LEXSEARCH = Path(sys.executable).with_name("lexsearch")
Command = list[str | Path]
_PLAIN = """a man woman child dog cat horse sheep cow bus car train truck boat bicycle bench kite
umbrella bottle cup fork knife spoon bowl banana apple sandwich orange broccoli carrot pizza cake
chair couch plant bed table screen laptop mouse remote keyboard phone microwave oven toaster sink
book clock vase scissors bear zebra giraffe traffic light street field beach kitchen room building
tree grass snow water sky wall floor window door red green blue white black yellow brown small
large young old standing sitting holding riding walking playing near with and on in of the at"""


def data_folder(given: str | None = None) -> Path:
    """The folder of test data: as given, or LEXSEARCH_SHARED_DATA, or beside the repository."""
    beside = REPOSITORY.parent / "shared" / "data"
    return Path(given or os.environ.get("LEXSEARCH_SHARED_DATA") or beside)


class Words:
    """A vocabulary with the frequencies of natural language (Zipf), the commonest first.

    Real caption words where coco-mllm is at hand, then made-up ones up to `size`.
    """

    def __init__(self, size: int = 20_000, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.vocabulary = list(dict.fromkeys(self._real()))[: size // 2]
        taken = set(self.vocabulary)
        while len(self.vocabulary) < size:
            letters = self.random.choices("etaoinshrdlucmfwypvbgkqjxz", k=self.random.randint(4, 9))
            if (word := "".join(letters)) not in taken:
                taken.add(word)
                self.vocabulary.append(word)
        weights = np.cumsum(1 / np.arange(1, size + 1))
        self._shares = weights / weights[-1]
        self._numbers = np.random.default_rng(seed)

    def _real(self) -> list[str]:
        file = data_folder() / "coco-mllm" / "captions.jsonl"
        if not file.exists():
            return _PLAIN.split()
        counts: dict[str, int] = {}
        with file.open() as lines:
            for line in lines:
                for word in json.loads(line)["text"].lower().split():
                    if word.isalpha():
                        counts[word] = counts.get(word, 0) + 1
        return sorted(counts, key=lambda word: (-counts[word], word))

    def text(self, length: int) -> str:
        places = np.searchsorted(self._shares, self._numbers.random(length))
        return " ".join([self.vocabulary[place] for place in places.tolist()])

    def query(self, length: int) -> str:
        """Words of middling frequency, as people search for."""
        return " ".join(self.random.sample(self.vocabulary[30:2000], length))


def documents(count: int, length: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """(doc_id, text) of `count` synthetic documents of `length` words; the same every time."""
    words = Words(seed=seed)
    for number in range(count):
        yield f"{number:09d}", words.text(length)


def json_lines(file: Path, count: int, length: int, names: tuple[str, str]) -> Path:
    """Write the documents as JSON Lines, under the given names for doc_id and text."""
    with file.open("w") as lines:
        for document in documents(count, length):
            lines.write(json.dumps(dict(zip(names, document, strict=True))) + "\n")
    return file


def median_seconds(command: Command, runs: int) -> float:
    """The median time of a command, from process start to exit; the first run is not counted."""
    taken = [seconds(command) for _ in range(runs + 1)]
    return statistics.median(taken[1:])


def seconds(command: Command, environment: Mapping[str, str] | None = None) -> float:
    """How long a command takes, from process start to exit; it must succeed."""
    start = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def fresh(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function returns in a process of its own: nothing is warm, nothing was loaded."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


class Checkout:
    """The lexsearch of a checkout, in a process of its own that answers the questions of asked.py:
    the code of today and of an earlier commit (`git worktree add`) take turns, so that both have
    the same machine at the same time.
    """

    def __init__(self, place: Path = REPOSITORY) -> None:
        self.environment = code_of(place)
        self._process = subprocess.Popen(
            [sys.executable, REPOSITORY / "benchmarks" / "asked.py"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, name: str, *arguments: object) -> Any:
        """What a function of asked.py returns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([name, *map(_plain, arguments)]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Checkout:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def code_of(place: Path) -> dict[str, str]:
    """The environment in which commands run the code of a checkout."""
    return {**os.environ, "PYTHONPATH": str(place.resolve())}


def _plain(value: object) -> object:
    return str(value.resolve()) if isinstance(value, Path) else value


def side_by_side(before: Path | None) -> dict[str, Path]:
    """The checkouts to measure, by the name that tables give them."""
    return ({"before": before} if before else {}) | {"now": REPOSITORY}


def ratio_head(codes: Mapping[str, object]) -> list[str]:
    """The head of the column that `times` adds where several checkouts are measured."""
    return ["ratio"] if len(codes) > 1 else []


def times(figures: Mapping[str, float], digits: int = 2) -> list[str]:
    """Cells of a table: a figure for each checkout and, of several, the last as a part of the
    first.
    """
    cells = [f"{figure:.{digits}f}" for figure in figures.values()]
    first, *more = figures.values()
    return [*cells, f"{more[-1] / first:.2f}"] if more else cells


def p50(call: Callable[[str], object], queries: Sequence[str]) -> float:
    """The median time of a call, in seconds, after one round to warm up."""
    for query in queries:
        call(query)
    taken = []
    for query in queries:
        start = time.perf_counter()
        call(query)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as a Markdown table."""
    cells = [list(heads), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    cells.insert(1, ["-" * width for width in widths])
    for row in cells:
        print("| " + " | ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)) + " |")


def replace_table(page: str, name: str, lines: Iterable[str]) -> str:
    """A page with other lines between `<!-- table: NAME -->` and `<!-- end -->`."""
    pattern = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
    text = "".join(f"{line}\n" for line in lines)
    changed, count = re.subn(pattern, lambda found: found[1] + text + found[2], page, flags=re.S)
    if not count:
        sys.exit(f"the page has no place for the table {name}")
    return changed


def say(message: str) -> None:
    """Tell what is being done, on stderr: stdout is for figures."""
    print(message, file=sys.stderr, flush=True)
