"""Measure what each idea of the ranking is worth, and write the table of docs/how-it-ranks.md.

    benchmarks/ablate.py                        # samples: about twelve minutes on 2 cores
    benchmarks/ablate.py --full                 # all sets of labels, all captions: an hour
    benchmarks/ablate.py --only best near --data DIR

Each row is the ranking with one idea taken away, beside the paper's. The data is that of
benchmarks/reproduce.py. The samples are the same in each run. A cell is empty where an idea has
no part in what is asked.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import runpy
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

from lexsearch.engines import fields
from lexsearch.engines.lucene import LuceneEngine
from lexsearch.engines.lucene.analysis import LuceneAnalyzer
from lexsearch.engines.weights import WEIGHTS, RankingWeights
from lexsearch.evaluation import tasks
from lexsearch.evaluation.runner import evaluate
from lexsearch.evaluation.sources import IndexSource, index_of_captions
from lexsearch.evaluation.tasks import Task
from lexsearch.index import Index
from lexsearch.records import Document
from lexsearch.searching.searcher import Match
from lexsearch.text import lexicon
from lexsearch.text.analysis import Terms
from lexsearch.text.lexicon import Alternative, Lexicon
from lexsearch.text.words import words_of

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "how-it-ranks.md"
SAMPLE = {"multi": 300, "caption": 2000}

reproduce = SimpleNamespace(**runpy.run_path(str(REPOSITORY / "benchmarks" / "reproduce.py")))


# What is taken away: other weights, or a part of the product replaced for a while


def without(*relations: str) -> Any:
    """Without alternatives of a kind."""
    whole = Lexicon.alternatives

    def alternatives(self: Lexicon, text: str) -> list[Alternative]:
        return [row for row in whole(self, text) if row.relation not in relations]

    return patch.object(Lexicon, "alternatives", alternatives)


def no_names_by_hand() -> Any:
    look_up = lexicon._look_up

    def others(file: Path, key: str) -> list[Alternative]:
        return [] if file == lexicon.NAMES else look_up(file, key)

    return patch.object(lexicon, "_look_up", others)


def counted(write: Callable[[list[str]], str]) -> Any:
    """Words counted in another way: once for each line that `write` makes of the captions."""
    whole = fields.counted_of

    def of(document: Document) -> dict[str, str]:
        return {**whole(document), fields.SAID: write(fields.captions_of(document))}

    return patch.object(fields, "counted_of", of)


def each_mention(captions: Sequence[str]) -> str:
    return "\n".join(word for text in captions for word in words_of(text))


def once_a_picture(captions: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(word for text in captions for word in words_of(text)))


@contextmanager
def porter() -> Iterator[None]:
    """The paper's stems where our word forms are; the lexicon is still looked up by our own."""
    whole = LuceneAnalyzer.analyze

    def analyze(self: LuceneAnalyzer, texts: Sequence[str], chain: str) -> list[Terms]:
        return whole(self, texts, "porter" if chain == "english" else chain)

    def begin(self: Lexicon, terms: Any, *arguments: Any) -> None:
        start(self, ours.terms, *arguments)

    ours, start = LuceneAnalyzer(), Lexicon.__init__
    ours_in = [field for field, chain in fields.CHAINS.items() if chain == "english"]
    theirs = type("Porter", (LuceneAnalyzer,), {"analyze": analyze})()
    with (
        patch.object(LuceneEngine, "analyzer", theirs),
        patch.dict(fields.CHAINS, dict.fromkeys(ours_in, "porter")),
        patch.object(Lexicon, "__init__", begin),
    ):
        yield


class Row(NamedTuple):
    """One line of the table.

    weights: those of the ranking. change: what else is changed for a while.
    asks: whether the idea has a part in keywords, in sentences, or both.
    match: "best": what else is right, and is not shown, counts as not found.
    anew: whether the text index must be made anew for it.
    """

    title: str
    change: Callable[[], Any] = ExitStack
    weights: RankingWeights = WEIGHTS
    asks: Sequence[str] = ("keyword", "caption")
    mode: str = "best"
    match: Match = "any"
    anew: bool = False


KEYWORD, CAPTION = ("keyword",), ("caption",)
ROWS = {
    "paper": Row("`paper`", mode="paper"),
    "best": Row("`best`"),
    "searched": Row("`best`, only what matches, as in an everyday search", match="best"),
    "synonyms": Row("no synonyms, no kinds", lambda: without("synonym", "kind")),
    "names": Row("no names by hand", no_names_by_hand),
    "broader": Row("no broader words", lambda: without("broader"), asks=KEYWORD),
    "near": Row(
        "words of a keyword only side by side", weights=replace(WEIGHTS, apart=0), asks=KEYWORD
    ),
    "phrase": Row(
        "words of a keyword anywhere in a picture's captions",
        weights=replace(WEIGHTS, apart=100_000),
        asks=KEYWORD,
    ),
    "related": Row("no related words", weights=replace(WEIGHTS, related_words=0), asks=KEYWORD),
    "root": Row("no square root", weights=replace(WEIGHTS, root=False), asks=KEYWORD),
    "tiers": Row("no tiers", weights=replace(WEIGHTS, tier=0), asks=KEYWORD),
    "saturation": Row(
        "agreement of few captions is enough (k1 2, as in sentences)",
        weights=replace(WEIGHTS, agreement=1),
    ),
    "neighbours": Row("no neighbours", weights=replace(WEIGHTS, neighbours=0), asks=CAPTION),
    "meanings": Row("no meanings", weights=replace(WEIGHTS, meaning=0), asks=CAPTION),
    "mentions": Row(
        "each mention of a word counts, not each caption", lambda: counted(each_mention), anew=True
    ),
    "agreement": Row(
        "captions need not agree: a word counts once a picture",
        lambda: counted(once_a_picture),
        anew=True,
    ),
    "forms": Row("Porter's stems for our word forms", porter, anew=True),
}


# What is asked


class Case(NamedTuple):
    """A set of pictures, what stands in their documents, and what is asked of them."""

    column: str
    folder: str
    documents: Callable[[str], bool]
    asks: str
    queries: Callable[[str], bool] = lambda caption_id: False


MLLM, PATCHES, HUMAN = "coco-mllm", "coco-patches", "coco-val2017"
CASES = (
    Case("mllm", MLLM, reproduce.starting(""), "keyword"),
    Case("patches", PATCHES, reproduce.first(17), "keyword"),
    Case("val2017", HUMAN, reproduce.starting("human/"), "keyword"),
    Case(
        "mllm",
        MLLM,
        lambda name: name != "instructblip/1",
        "caption",
        lambda name: name == "instructblip/1",
    ),
    Case("patches", PATCHES, reproduce.first(16), "caption", lambda name: name == "patch/16"),
    Case("val2017", HUMAN, reproduce.starting("vinvl/"), "caption", reproduce.starting("human/")),
)
COLUMNS = ("keyword mAP", "PR-AUC", "multi-keyword PR-AUC", "caption R@1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("LEXSEARCH_SHARED_DATA") or REPOSITORY.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared, help="folder of the sets")
    parser.add_argument("--full", action="store_true", help="ask everything, not samples")
    parser.add_argument(
        "--only", nargs="+", choices=ROWS, help="these rows; prints them, and writes nothing"
    )
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"ablate: there is no {options.data}; --data says where the test data is")
    rows = {name: row for name, row in ROWS.items() if name in (options.only or ROWS)}
    cells: dict[str, dict[str, list[str]]] = {name: defaultdict(list) for name in rows}
    for case in CASES:
        for name, values in measured(case, options.data, rows, options.full):
            cells[name][case.column] += values
    lines = list(table(rows, cells))
    print("\n".join(lines))
    if not options.only:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(reproduce.replace_table(page, "ablation", lines), encoding="utf-8")


def measured(
    case: Case, data: Path, rows: dict[str, Row], full: bool
) -> Iterator[tuple[str, list[str]]]:
    """(row, its cells for one case)."""
    folder = data / case.folder
    dataset = reproduce.labelled(folder, case.queries)
    chosen = [
        json.dumps(row) for row in reproduce.rows_of(folder) if case.documents(row["caption_id"])
    ]
    if case.asks == "keyword":
        asked = [*tasks.keyword(dataset), *sample(tasks.multi_keyword(dataset)[:1], "multi", full)]
    else:
        asked = sample(tasks.caption(dataset), "caption", full)
    with index_of_captions(chosen) as (index, _):
        for name, row in rows.items():
            if case.asks not in row.asks:
                yield name, [""] * (1 if case.asks == "caption" else 3)
                continue
            started = time.monotonic()
            values = changed(index, row, dataset.images, asked)
            took = time.monotonic() - started
            print(f"{case.column} {case.asks} {name} {values} {took:.0f} s", file=sys.stderr)
            yield name, values


def changed(index: Index, row: Row, names: Sequence[str], asked: Sequence[Task]) -> list[str]:
    """The figures of an index that ranks otherwise for a while. Rows with `anew` come last."""
    with row.change():
        if row.anew:
            index.reindex()
        with Index(index.path, weights=row.weights) as other:
            source = IndexSource(other, names, only=True, mode=row.mode, match=row.match)
            outcomes = evaluate(source, asked)
    values = [outcome.values() for outcome in outcomes]
    if len(values) == 1:
        return [f"{values[0]['R@1']:.3f}"]
    keyword, multi = values
    return [f"{keyword['mAP']:.3f}", f"{keyword['PR-AUC']:.3f}", f"{multi['PR-AUC']:.3f}"]


def sample(whole: Sequence[Task], name: str, full: bool) -> list[Task]:
    """Some of the questions, always the same."""
    if full:
        return list(whole)
    chosen = []
    for task in whole:
        count = min(SAMPLE[name], len(task.questions))
        some = random.Random(0).sample(task.questions, count)
        chosen.append(replace(task, questions=tuple(some)))
    return chosen


def table(rows: dict[str, Row], cells: dict[str, dict[str, list[str]]]) -> Iterator[str]:
    sets = dict.fromkeys(case.column for case in CASES)
    heads = [f"{name}: {column}" for name in sets for column in COLUMNS]
    yield f"| ranking | {' | '.join(heads)} |"
    yield f"| --- |{' --: |' * len(heads)}"
    for name, row in rows.items():
        values = [value for column in sets for value in cells[name][column]]
        yield f"| {row.title} | {' | '.join(values)} |"


if __name__ == "__main__":
    main()
