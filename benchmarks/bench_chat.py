"""Dialogues about a picture: how many are found after some rounds of questions and answers.

    benchmarks/bench_chat.py                          # 700 dialogues, two minutes on a core
    benchmarks/bench_chat.py --queries 2064 --mode best

ChatIR's recorded dialogues about pictures of MS-COCO: somebody begins with a caption, a language
model asks, a model that sees the picture answers. Documents are what people asked and answered
about the same pictures, without the caption. R@10 after 0, 1, 3, 5 and 10 rounds, of what was said
so far as one text, and as a search for the caption with each round beside it (`also`).
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence

from common import data_folder

from lexsearch.evaluation.sources import index_of_captions
from lexsearch.evaluation.tasks import sentence
from lexsearch.index import Index
from lexsearch.records import Query

ROUNDS = (0, 1, 3, 5, 10)
Way = Callable[[Index, Sequence[str], str], list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the test data")
    parser.add_argument("--queries", type=int, default=700)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mode", choices=["paper", "best"], default="paper")
    options = parser.parse_args()
    folder = data_folder(options.data) / "chatir"
    people = read(folder / "VisDial_v1.0_queries_val.json")
    machines = read(folder / "ChatGPT_BLIP2.json")
    documents = [
        json.dumps({"doc_id": name, "text": " ".join(said[1:])}) for name, said in people.items()
    ]
    names = sorted(people.keys() & machines.keys())
    chosen = random.Random(options.seed).sample(names, min(options.queries, len(names)))
    with index_of_captions(documents) as (index, _):
        print(f"| R@10 after rounds | {' | '.join(map(str, ROUNDS))} |")
        print("| --- |" + " --: |" * len(ROUNDS))
        for title, way in WAYS.items():
            found = [
                sum(
                    name in way(index, machines[name][: rounds + 1], options.mode)
                    for name in chosen
                )
                for rounds in ROUNDS
            ]
            cells = (f"{count / len(chosen):.3f}" for count in found)
            print(f"| {title} | {' | '.join(cells)} |", flush=True)


def read(file) -> dict[str, list[str]]:
    """What was said of each picture, by its file: a caption, then questions with answers."""
    return {row["img"]: row["dialog"] for row in json.loads(file.read_text(encoding="utf-8"))}


def ranked(index: Index, text: str, mode: str, **several) -> list[str]:
    query = Query((sentence(text),))
    return [hit.doc_id for hit in index.rank(query, 10, mode=mode, **several)]


WAYS: dict[str, Way] = {
    "all in one text": lambda index, said, mode: ranked(index, " ".join(said), mode),
    "`also`, sum, weight 3": lambda index, said, mode: ranked(index, said[0], mode, also=said[1:]),
    "`also`, sum, without what is answered no": lambda index, said, mode: ranked(
        index, said[0], mode, also=[one for one in said[1:] if not answered_no(one)]
    ),
    "`also`, rrf, weight 3": lambda index, said, mode: ranked(
        index, said[0], mode, also=said[1:], fuse="rrf"
    ),
}


def answered_no(said: str) -> bool:
    return said.partition("?")[2].strip().lower().startswith("no")


if __name__ == "__main__":
    main()
