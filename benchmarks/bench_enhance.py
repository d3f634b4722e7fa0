"""What sentences beside a query bring, by how many of them are wrong and how they are fused.

    benchmarks/bench_enhance.py                       # 300 queries, three minutes on a core
    benchmarks/bench_enhance.py --queries 1000 --seed 7 --mode best

Human captions stand in for a language model's sentences: a query is one caption of a picture, the
sentences are its other captions, repeated up to ten, and, each with probability p, captions of
pictures among the query's first 50 (a model that drifts). They are of the same picture, by people:
a language model's help less. Documents are VinVL's captions of coco-val2017.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common import data_folder

from lexsearch.evaluation.sources import index_of_captions
from lexsearch.index import Index

SENTENCES = 10
WRONG = (0.0, 0.25, 0.5, 0.75, 1.0)
WAYS = (("vote", 1), ("vote", 3), ("rrf", 3), ("sum", 1), ("sum", 2), ("sum", 3), ("sum", 5))


class Asked(NamedTuple):
    doc_id: str
    query: str
    also: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the test data")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="which pictures, and what is wrong")
    parser.add_argument("--mode", choices=["paper", "best"], default="paper")
    parser.add_argument("--wrong", type=float, nargs="*", default=WRONG)
    options = parser.parse_args()
    rows = read(data_folder(options.data) / "coco-val2017")
    documents = [json.dumps(row) for row in rows if row["caption_id"].startswith("vinvl/")]
    said: dict[str, list[str]] = {}
    for row in rows:
        if row["caption_id"].startswith("human/"):
            said.setdefault(row["doc_id"], []).append(row["text"])
    chance = random.Random(options.seed)
    names = sorted(name for name, texts in said.items() if len(texts) > 1)
    chosen = chance.sample(names, min(len(names), options.queries))
    with index_of_captions(documents) as (index, _):
        print("| wrong | " + " | ".join(["single", *(f"{how} w{w}" for how, w in WAYS)]) + " |")
        print("| --: |" + " --- |" * (len(WAYS) + 1))
        for wrong in options.wrong:
            asked = [ask(index, said, name, wrong, chance, options.mode) for name in chosen]
            cells = [recalls(index, asked, options.mode)]
            cells += [recalls(index, asked, options.mode, how, weight) for how, weight in WAYS]
            print(f"| {wrong:g} | " + " | ".join(cells) + " |", flush=True)


def read(folder: Path) -> list[dict[str, str]]:
    with (folder / "captions.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def ask(
    index: Index,
    said: dict[str, list[str]],
    name: str,
    wrong: float,
    chance: random.Random,
    mode: str,
) -> Asked:
    query, *others = said[name]
    near = [hit.doc_id for hit in index.rank(query, 50, mode=mode) if hit.doc_id != name]
    near = [doc_id for doc_id in near if doc_id in said]
    also = []
    for sentence in itertools.islice(itertools.cycle(others), SENTENCES):
        if near and chance.random() < wrong:
            sentence = chance.choice(said[chance.choice(near)])
        also.append(sentence)
    return Asked(name, query, also)


def recalls(
    index: Index, asked: Sequence[Asked], mode: str, how: str = "", weight: float = 1
) -> str:
    """R@1/R@10."""
    first = ten = 0
    for doc_id, query, also in asked:
        several: dict[str, Any] = {"also": also, "fuse": how, "weight": weight} if how else {}
        names = [hit.doc_id for hit in index.rank(query, 10, mode=mode, **several)]
        first += names[:1] == [doc_id]
        ten += doc_id in names
    return f"{first / len(asked):.3f}/{ten / len(asked):.3f}"


if __name__ == "__main__":
    main()
