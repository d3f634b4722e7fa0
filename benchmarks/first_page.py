#!/usr/bin/env python
"""Measure what a person sees: the list as shown, its first page, several keywords, captions asked.

    benchmarks/first_page.py                          # the sets of issue-like everyday searches
    benchmarks/first_page.py --only mllm_one --weights early=0 least=0.1
    benchmarks/first_page.py --indexes DIR            # keeps the indexes there, for the next time

For each of a set's labels as a keyword: precision, recall and F1 of the whole list that an everyday
search shows, its average precision, P10 (right among the first ten of min(10, all right ones)) and
nDCG at 10; mAP with --any. Several keywords: 200 sets of labels that pictures have; pairs of labels
with five right pictures or more. Captions: 400 (or --captions) asked for their picture. The samples
are the same in each run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import lexsearch
from lexsearch.engines.weights import WEIGHTS, RankingWeights
from lexsearch.index import Index
from lexsearch.records import Keyword, Query

REPOSITORY = Path(__file__).resolve().parent.parent


class Case(NamedTuple):
    """A set: which of a folder's captions are documents, and which are asked."""

    folder: str
    documents: Callable[[str], bool]
    asked: Callable[[str], bool] | None = None


def starting(*beginnings: str) -> Callable[[str], bool]:
    return lambda caption_id: caption_id.startswith(beginnings)


CASES = {
    "mllm": Case("coco-mllm", starting("")),
    "mllm_one": Case("coco-mllm", lambda one: one == "llava/1", lambda one: one == "mplug/1"),
    "patches": Case("coco-patches", lambda one: int(one.split("/")[-1]) < 17),
    "val2017": Case("coco-val2017", starting("human/")),
    "vinvl": Case("coco-val2017", starting("vinvl/"), lambda one: one == "human/0"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("LEXSEARCH_SHARED_DATA") or REPOSITORY.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared, help="folder of the sets")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--indexes", type=Path, help="folder where indexes are kept")
    parser.add_argument("--captions", type=int, default=400, help="captions asked, of each set")
    parser.add_argument("--weights", nargs="*", default=[], help="ranking weights: early=0")
    options = parser.parse_args()
    changes = dict(one.split("=") for one in options.weights)
    values: dict[str, Any] = {name: float(value) for name, value in changes.items()}
    weights = replace(WEIGHTS, **values)
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.only:
            folder = (options.indexes or Path(scratch)) / name
            values = dict(measured(CASES[name], options.data, folder, weights, options.captions))
            print(name, " ".join(f"{key} {value:.3f}" for key, value in values.items()), flush=True)


def measured(
    case: Case, data: Path, folder: Path, weights: RankingWeights, captions: int
) -> Iterator[tuple[str, float]]:
    rows = [json.loads(line) for line in (data / case.folder / "captions.jsonl").open()]
    if not folder.exists():
        with lexsearch.open(folder) as index:
            chosen = [json.dumps(row) for row in rows if case.documents(row["caption_id"])]
            index.import_captions(chosen)
    labels, right = read_labels(data / case.folder)
    with Index(folder, weights=weights) as index:
        known = set(index.documents())
        right = {label: ids & known for label, ids in right.items() if ids & known}
        yield from of_lists(index, {Query((Keyword(labels[one]),)): right[one] for one in right})
        several, pairs = sets_of_labels(right)
        for name, each in (("several", several), ("pairs", pairs)):
            asked = {
                Query(tuple(Keyword(labels[one]) for one in some)): each[some] for some in each
            }
            yield name, mean([average_precision(ranked(index, q), ids) for q, ids in asked.items()])
        if case.asked:
            picked = [
                row for row in rows if case.asked(row["caption_id"]) and row["doc_id"] in known
            ]
            some = random.Random(0).sample(picked, min(captions, len(picked)))
            ranks = [ranked(index, Query((Keyword(row["text"]),)), 10) for row in some]
            found = [row["doc_id"] in ids[:1] for row, ids in zip(some, ranks, strict=True)]
            yield "R@1", mean(found)
            found = [row["doc_id"] in ids for row, ids in zip(some, ranks, strict=True)]
            yield "R@10", mean(found)


def read_labels(folder: Path) -> tuple[dict[str, str], dict[str, set[str]]]:
    """(names of labels, right pictures of labels) by query id."""
    lines = (folder / "topics.tsv").read_text("utf-8").splitlines()
    labels = dict(line.split("\t")[:2] for line in lines)
    right: dict[str, set[str]] = defaultdict(set)
    for line in (folder / "qrels.txt").read_text("utf-8").splitlines():
        label, _, doc_id, relevant = line.split()
        if int(relevant) > 0 and label in labels:
            right[label].add(doc_id)
    return labels, right


def ranked(index: Index, query: Query, k: int = 10_000) -> list[str]:
    return [hit.doc_id for hit in index.rank(query, k, match="best")]


def of_lists(index: Index, asked: dict[Query, set[str]]) -> Iterator[tuple[str, float]]:
    lists = [(ranked(index, query), ids) for query, ids in asked.items()]
    hits = [len(ids.intersection(shown)) for shown, ids in lists]
    precision = [n / max(len(shown), 1) for n, (shown, _) in zip(hits, lists, strict=True)]
    recall = [n / len(ids) for n, (_, ids) in zip(hits, lists, strict=True)]
    yield "P", mean(precision)
    yield "R", mean(recall)
    yield "F1", mean([2 * p * r / (p + r or 1) for p, r in zip(precision, recall, strict=True)])
    yield "AP", mean([average_precision(shown, ids) for shown, ids in lists])
    yield "P10", mean([len(ids & set(shown[:10])) / min(10, len(ids)) for shown, ids in lists])
    yield "nDCG10", mean([ndcg(shown[:10], ids) for shown, ids in lists])
    whole = [(index.rank(query, 10_000, match="any"), ids) for query, ids in asked.items()]
    yield "any", mean([average_precision([hit.doc_id for hit in best], ids) for best, ids in whole])


def sets_of_labels(
    right: dict[str, set[str]],
) -> tuple[dict[tuple[str, ...], set[str]], dict[tuple[str, ...], set[str]]]:
    """(sets of all labels of a picture, pairs of labels) with the pictures that have them."""
    of_picture: dict[str, list[str]] = defaultdict(list)
    for label, ids in right.items():
        for doc_id in ids:
            of_picture[doc_id].append(label)
    whole = sorted({tuple(sorted(some)) for some in of_picture.values() if len(some) > 1})
    chosen = random.Random(0).sample(whole, min(200, len(whole)))
    pairs = {two: right[two[0]] & right[two[1]] for two in combinations(sorted(right), 2)}
    pairs = {two: ids for two, ids in pairs.items() if len(ids) >= 5}
    some = random.Random(0).sample(sorted(pairs), min(200, len(pairs)))
    return (
        {each: set.intersection(*(right[one] for one in each)) for each in chosen},
        {two: pairs[two] for two in some},
    )


def average_precision(shown: Sequence[str], ids: Collection[str]) -> float:
    found, total = 0, 0.0
    for rank, doc_id in enumerate(shown, 1):
        if doc_id in ids:
            found += 1
            total += found / rank
    return total / len(ids)


def ndcg(shown: Sequence[str], ids: Collection[str]) -> float:
    gain = sum(1 / math.log2(rank + 1) for rank, one in enumerate(shown, 1) if one in ids)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(10, len(ids)) + 1))


def mean(values: Sequence[float]) -> float:
    return sum(values) / (len(values) or 1)


if __name__ == "__main__":
    main()
