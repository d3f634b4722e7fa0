#!/usr/bin/env python
"""Ask 64 natural queries of 40 photos with the embedded captioner: what is shown, and is it right.

    benchmarks/photo_queries.py                         # about a minute on 2 cores
    benchmarks/photo_queries.py --index indexes/photos  # keeps the index, for the next time
    benchmarks/photo_queries.py --captions FILE         # of other captions of these photos

photo_queries.tsv has the queries and judgements; the photos are those of coco-photos, of the test
data. Of each query the precision and recall of the list that an everyday search shows, in two
parts: pictures that lack nothing of what was asked for, and the whole list. Totals count pictures
(micro). FILE: JSON Lines of `lexsearch export`, with paths.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import lexsearch
from lexsearch.index import Index
from lexsearch.records import Hit

HERE = Path(__file__).resolve().parent
QUERIES = HERE / "photo_queries.tsv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("LEXSEARCH_SHARED_DATA") or HERE.parent.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared, help="folder of the sets")
    parser.add_argument("--index", type=Path, help="folder where the index is kept")
    parser.add_argument("--captions", type=Path, help="captions of the photos, to import")
    options = parser.parse_args()
    judged = dict(read_judged())
    photos = judged.pop("*")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.index or Path(scratch) / "index"
        made = folder.exists()
        with lexsearch.open(folder) as index:
            if not made and options.captions:
                with options.captions.open() as lines:
                    index.import_captions(lines)
            elif not made:
                index.add(*(options.data / "coco-photos" / "images" / name(n) for n in photos))
            for line in answers(index, judged):
                print(line)


def read_judged() -> Iterator[tuple[str, list[int]]]:
    """Queries and the numbers of right photos; "*" has all photos."""
    for line in QUERIES.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            query, _, right = line.partition("\t")
            yield query, [int(number) for number in right.split()]


def name(number: int) -> str:
    return f"{number:012}.jpg"


def answers(index: Index, judged: dict[str, list[int]]) -> Iterator[str]:
    whole, sure = [], []
    for query, right in judged.items():
        hits = index.search(query, k=100)
        shown = [number(hit) for hit in hits]
        full = [number(hit) for hit in hits if not hit.missing]
        whole.append((shown, right))
        sure.append((full, right))
        wrong = [one if one in full else -one for one in shown if one not in right]
        missed = [one for one in right if one not in shown]
        found = len(shown) - len(wrong)
        yield f"{query:20} shown {len(shown):2} right {found:2} wrong {wrong} missed {missed}"
    yield f"lacking nothing: {figures(sure)}"
    yield f"the whole list: {figures(whole)}"


def number(hit: Hit) -> int:
    return int(Path(hit.path or "").stem)


def figures(lists: Collection[tuple[list[int], list[int]]]) -> str:
    right = sum(len(set(shown) & set(judged)) for shown, judged in lists)
    shown, there = (sum(len(each[place]) for each in lists) for place in (0, 1))
    empty = sum(not shown and bool(judged) for shown, judged in lists)
    return (
        f"{shown} shown, {right} right, precision {right / max(shown, 1):.2f}, recall "
        f"{right / there:.2f}; {empty} of {sum(bool(row) for _, row in lists)} answerable "
        "queries find nothing"
    )


if __name__ == "__main__":
    main()
