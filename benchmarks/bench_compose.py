"""Composed queries from labels: a picture, without one of its things and with another.

    benchmarks/bench_compose.py --queries 200

Right are the other pictures of coco-val2017 that have the labels of the first, less one and with
another; human captions are the documents. MR@10 of --but, and of what it is made of.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable

from bench_enhance import read
from common import data_folder

from lexsearch.evaluation.sources import index_of_captions
from lexsearch.evaluation.standard import measure
from lexsearch.evaluation.trec import read_qrels, read_topics
from lexsearch.index import Index
from lexsearch.records import Keyword, Query


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the test data")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = data_folder(options.data) / "coco-val2017"
    texts = dict(read_topics(folder / "topics.tsv"))
    labels: dict[str, set[str]] = {}
    for query_id, relevant in read_qrels(folder / "qrels.txt").items():
        for name in relevant:
            labels.setdefault(name, set()).add(texts[query_id])
    rows = [row for row in read(folder) if row["caption_id"].startswith("human/")]
    asked = cases(labels, random.Random(options.seed), options.queries)
    with index_of_captions(map(json.dumps, rows)) as (index, _):
        print("| query | MR@10 |\n| --- | --: |")
        for title, way in WAYS.items():
            values = [
                measure([one for one in way(index, *case[:3]) if one != case[0]][:10], case[3])
                for case in asked
            ]
            mean = sum(value["MR@10"] for value in values) / len(values)
            print(f"| {title} | {mean:.3f} |", flush=True)


Case = tuple[str, str, str, dict[str, int]]


def cases(labels: dict[str, set[str]], chance: random.Random, count: int) -> list[Case]:
    """(picture, without, with, right pictures); of those that have some."""
    having: dict[frozenset[str], list[str]] = {}
    for name, those in labels.items():
        having.setdefault(frozenset(those), []).append(name)
    every = sorted(set().union(*labels.values()))
    found: list[Case] = []
    for name in chance.sample(sorted(labels), len(labels)):
        if len(labels[name]) < 2:
            continue
        out = chance.choice(sorted(labels[name]))
        for more in chance.sample(every, len(every)):
            target = (labels[name] - {out}) | {more}
            if more in labels[name] or frozenset(target) not in having:
                continue
            right = [
                other
                for other, those in labels.items()
                if target <= those and out not in those and other != name
            ]
            found.append((name, out, more, dict.fromkeys(right, 1)))
            break
        if len(found) == count:
            break
    return found


def ids(index: Index, query: str | Query) -> list[str]:
    return [one.doc_id for one in index.search(query, 11)]


def like(name: str) -> Keyword:
    return Keyword(name, quoted=True, field="like")


WAYS: dict[str, Callable[[Index, str, str, str], list[str]]] = {
    "`like:` alone": lambda index, name, out, more: ids(index, Query((like(name),))),
    "the words alone": lambda index, name, out, more: ids(index, f"without a {out}, with a {more}"),
    "`like:` and the words": lambda index, name, out, more: ids(
        index, Query((like(name), Keyword(f"without a {out}"), Keyword(f"with a {more}")))
    ),
    "the words by rule": lambda index, name, out, more: ids(index, f"{more}, -{out}"),
    "`--but`, by rule": lambda index, name, out, more: [
        hit.doc_id for hit in index.compose(name, f"without a {out}, with a {more}")
    ],
}


if __name__ == "__main__":
    main()
