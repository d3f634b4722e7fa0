"""How well keywords find photos, with 1 view and with 18 views a picture, by the real command.

    benchmarks/bench_quality.py                           # coco-photos of the test data
    benchmarks/bench_quality.py --data DIR --set coco-boxes --keep indexes/quality

The set is a folder with images/, topics.tsv and qrels.txt (MS-COCO's labels). mAP is of the
ranking by BM25; precision and recall are of all the pictures that a keyword returns, over all
keywords (micro-averaged). Expects lexsearch[all] and ir-measures beside this Python; about
three minutes on 2 cores, next to nothing when --keep names an index that was made before.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import ir_measures
from common import LEXSEARCH, Command

REPOSITORY = Path(__file__).resolve().parent.parent
VIEWS = {"none": 1, "fixed": 18}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("LEXSEARCH_SHARED_DATA") or REPOSITORY.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared, help="folder of the sets")
    parser.add_argument("--set", default="coco-photos", help="which set (default: coco-photos)")
    parser.add_argument("--keep", type=Path, help="index folder to make, or to use again")
    options = parser.parse_args()
    folder = Path(options.data) / options.set
    if not folder.is_dir():
        sys.exit(f"bench-quality: there is no {folder}; --data says where the test data is")
    if options.keep:
        measure(folder, options.keep)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            measure(folder, Path(scratch))


def measure(folder: Path, indexes: Path) -> None:
    print(f"{folder.name}: {len(list((folder / 'images').iterdir()))} photos, keyword queries")
    print("| views | mAP   | precision | recall | pictures a keyword |")
    print("| ----- | ----- | --------- | ------ | ------------------ |")
    qrels = list(ir_measures.read_trec_qrels(str(folder / "qrels.txt")))
    for crops, views in VIEWS.items():
        index = indexes / crops
        command: Command = [LEXSEARCH, "index", folder / "images"]
        command += ["--index", index, "--crops", crops]
        subprocess.run(command, check=True, stdout=sys.stderr)
        run = search(index, folder / "topics.tsv")
        mean = ir_measures.calc_aggregate([ir_measures.AP], qrels, run)[ir_measures.AP]
        relevant = {(row.query_id, row.doc_id) for row in qrels if row.relevance > 0}
        found = {(row.query_id, row.doc_id) for row in run}
        precision = len(found & relevant) / len(found)
        recall = len(found & relevant) / len(relevant)
        each = len(found) / len({query_id for query_id, _ in relevant})
        print(f"| {views:5} | {mean:.3f} | {precision:9.3f} | {recall:6.3f} | {each:18.1f} |")


def search(index: Path, topics: Path) -> list[ir_measures.ScoredDoc]:
    command: Command = [LEXSEARCH, "query"]
    command += ["--index", index, "--topics", topics, "--trec", "-k", "1000"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [
        row._replace(doc_id=Path(row.doc_id).stem)  # the labels name photos without .jpg
        for row in ir_measures.read_trec_run(done.stdout)
    ]


if __name__ == "__main__":
    main()
