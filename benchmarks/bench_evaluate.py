"""How long `lexsearch evaluate` takes, start to end: 4,952 pictures of coco-val2017 by the captions
of people, keyword and multi-keyword queries, all documents of every ranking.

    python benchmarks/bench_evaluate.py
    python benchmarks/bench_evaluate.py --before CHECKOUT --runs 2
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from common import (
    LEXSEARCH,
    Command,
    code_of,
    data_folder,
    ratio_head,
    seconds,
    side_by_side,
    table,
    times,
)
from reproduce import labelled, rows_of, write_instances

_AIM = {"best": "20", "paper": "30"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the sets")
    parser.add_argument("--before", type=Path, help="a checkout that is measured beside")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    folder = data_folder(options.data) / "coco-val2017"
    codes = side_by_side(options.before)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        instances = write_instances(labelled(folder), Path(scratch) / "instances_val2017.json")
        captions = Path(scratch) / "captions.jsonl"
        people = [row for row in rows_of(folder) if row["caption_id"].startswith("human/")]
        captions.write_text("".join(f"{json.dumps(row)}\n" for row in people))
        for mode, aim in _AIM.items():
            command: Command = [LEXSEARCH, "evaluate", "--captions", captions, "--data", instances]
            command += ["--mode", mode, "--json"]
            taken: dict[str, list[float]] = {code: [] for code in codes}
            for _ in range(options.runs):
                for code, place in codes.items():
                    taken[code].append(seconds(command, code_of(place)))
            medians = {code: statistics.median(each) for code, each in taken.items()}
            rows.append([f"evaluate --mode {mode}", *times(medians, 1), aim])
    table(("seconds", *codes, *ratio_head(codes), "aim"), rows)


if __name__ == "__main__":
    main()
