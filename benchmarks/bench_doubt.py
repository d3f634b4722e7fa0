#!/usr/bin/env python
"""What few patches say alone: is it right, and what becomes of a list when it goes below a line.

    benchmarks/bench_doubt.py                            # with the tagger, some minutes on 2 cores
    benchmarks/bench_doubt.py --captions photos.jsonl boxes.jsonl # with other captions of them

The photos of coco-photos and coco-boxes, of the test data, are described whole and in 17 patches,
and asked for by COCO's 80 labels. A hit is counted by who says the label: the whole picture or not,
and how many patches. Then precision, recall and F1 of all hits together (micro), of the whole list
that an everyday search shows, and of what is above its line. FILES: JSON Lines of `lexsearch
export`, one for each set.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from first_page import read_labels

import lexsearch
from lexsearch.index import Index
from lexsearch.records import WHOLE, Hit, Keyword, Query

SETS = ("coco-photos", "coco-boxes")
_MANY = 4  # patches and more are counted together


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    shared = os.environ.get("LEXSEARCH_SHARED_DATA") or beside
    parser.add_argument("--data", type=Path, default=shared, help="folder of the sets")
    parser.add_argument("--captions", type=Path, nargs=2, help="captions of the photos, to import")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for number, name in enumerate(SETS):
            with lexsearch.open(Path(scratch) / name) as index:
                if options.captions:
                    with options.captions[number].open() as lines:
                        index.import_captions(lines)
                else:
                    index.add(options.data / name / "images")
                print(name)
                for line in report(index, options.data / name):
                    print(f"  {line}")


def report(index: Index, folder: Path) -> Iterator[str]:
    labels, right = read_labels(folder)
    there = sum(len(right[label]) for label in labels)
    told: list[tuple[Hit, bool]] = []
    for label, text in labels.items():
        for hit in index.search(Query((Keyword(text),)), k=10_000):
            told.append((hit, any(Path(path).stem in right[label] for path in hit.paths)))
    counts, good = Counter(said(hit) for hit, _ in told), Counter(said(h) for h, ok in told if ok)
    for who in sorted(counts):
        yield f"{who:24} {counts[who]:4} hits, right {good[who] / counts[who]:.2f}"
    yield f"all hits:       {figures([ok for _, ok in told], there)}"
    yield f"above the line: {figures([ok for hit, ok in told if not hit.below], there)}"


def said(hit: Hit) -> str:
    [evidence] = hit.evidence
    patches = len({*evidence.crops} - {WHOLE})
    whole = "whole" if WHOLE in evidence.crops else "not the whole"
    return f"{whole}, {min(patches, _MANY)}{'+' if patches >= _MANY else ''} patches"


def figures(right: list[bool], there: int) -> str:
    precision, recall = sum(right) / max(len(right), 1), sum(right) / there
    f1 = 2 * precision * recall / (precision + recall or 1)
    return f"{len(right)} shown, precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}"


if __name__ == "__main__":
    main()
