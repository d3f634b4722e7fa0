"""Short queries made of captions: how many there are, and how well the plain search finds them.

    benchmarks/bench_corpora.py                  # 300 queries of each kind, three minutes on a core

Human captions of coco-val2017 make the queries, VinVL's are the documents. Of phrases and triples
those of 2 to 20 pictures are asked. MR@10, as printed in the paper and as it must have been
measured (docs/evaluating.md), and hit@10; in the paper's mode and in ours.
"""

from __future__ import annotations

import argparse
import json

from bench_enhance import read
from common import data_folder, table

from lexsearch.evaluation import corpora
from lexsearch.evaluation.sources import index_of_captions
from lexsearch.evaluation.standard import measure
from lexsearch.index import Index

SEVERAL = range(2, 21)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the test data")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = read(data_folder(options.data) / "coco-val2017")
    captions: dict[str, list[str]] = {}
    for row in rows:
        if row["caption_id"].startswith("human/"):
            captions.setdefault(row["doc_id"], []).append(row["text"])
    documents = [json.dumps(row) for row in rows if row["caption_id"].startswith("vinvl/")]
    found = corpora.of_captions(captions)
    lines: list[list[object]] = []
    with index_of_captions(documents) as (index, _):
        for kind, corpus in found.items():
            several = sum(len(names) > 1 for names in corpus.values())
            words = sum(len(text.split()) for text in corpus) / len(corpus)
            asked = corpora.sample(
                asked_of(corpus, several_only=kind in ("phrase", "triple")),
                options.queries,
                options.seed,
            )
            figures = [measured(index, asked, mode) for mode in ("paper", "best")]
            counts = [f"{len(corpus):,}", f"{several:,}", f"{words:.2f}"]
            lines.append([kind, *counts, *(cell for row in figures for cell in row)])
    heads = ["kind", "queries", "of several", "words"]
    heads += [f"{mode}: {name}" for mode in ("paper", "best") for name in MEASURES]
    table(heads, lines)


MEASURES = ("MR@10", "MR@10 printed", "hit@10")


def asked_of(corpus: corpora.Corpus, *, several_only: bool) -> corpora.Corpus:
    return {
        text: names for text, names in corpus.items() if not several_only or len(names) in SEVERAL
    }


def measured(index: Index, corpus: corpora.Corpus, mode: str) -> list[str]:
    values = [
        measure([hit.doc_id for hit in index.rank(text, 10, mode=mode)], dict.fromkeys(names, 1))
        for text, names in corpus.items()
    ]
    return [f"{sum(value[name] for value in values) / len(values):.3f}" for name in MEASURES]


if __name__ == "__main__":
    main()
