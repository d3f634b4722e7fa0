"""How time and memory grow with the number of documents of 18 captions, and by what law.

    python benchmarks/bench_growth.py                               # 10,000 and 100,000
    python benchmarks/bench_growth.py --documents 10000 100000 1000000 --keep DIR

Queries are those of bench_keywords.py. The law is a power of the number of documents, fitted by
least squares over all sizes: 0 for what does not depend on it, 1 for what is in proportion.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from bench_keywords import build, vocabulary
from common import LEXSEARCH, Checkout, Command, data_folder, seconds, table

_SHAPES = (
    ("warm, best, 1 keyword, k = 10", 1, ("rank", 10, "best", "best")),
    ("warm, best, 3 keywords, k = 10", 3, ("rank", 10, "best", "best")),
    ("warm, the same with evidence and boxes", 3, ("search", 10)),
    ("warm, any, 1 keyword, k = 1000", 1, ("rank", 1000, "best", "any")),
    ("warm, paper, 3 keywords, k = 10", 3, ("rank", 10, "paper", "best")),
)
_POOL, _ASKED, _COLD = 20, 60, 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the sets")
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--keep", type=Path, help="where to make the indexes, or find them again")
    options = parser.parse_args()
    data = data_folder(options.data)
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for count in options.documents:
            with Checkout() as code:
                keep = options.keep or Path(scratch)
                place = build(code, keep / f"keywords-now-{count}", data, count)
                words = vocabulary(data, code, place)
            with Checkout() as code:  # whose memory is that of these searches
                for name, figure in measure(code, place, words).items():
                    figures.setdefault(name, []).append(figure)
    heads = [f"{count:,}" for count in options.documents]
    rows = [
        [name, *(f"{one:,.2f}" if one < 100 else f"{one:,.0f}" for one in each), law(options, each)]
        for name, each in figures.items()
    ]
    table(("ms, of so many documents", *heads, "n to the power of"), rows)


def law(options: argparse.Namespace, figures: Sequence[float]) -> str:
    if len(figures) < 2:
        return ""
    slope, _ = np.polyfit(np.log(options.documents), np.log(figures), 1)
    return f"{slope:.2f}"


def measure(code: Checkout, place: Path, words: Sequence[str]) -> Mapping[str, float]:
    figures: dict[str, float] = {}
    for name, count, (call, *how) in _SHAPES:
        chance = random.Random(count)
        asked = [", ".join(chance.sample(words[:_POOL], count)) for _ in range(2 * _ASKED)]
        taken = [1000 * code.ask(str(call), place, text, *how)[0] for text in asked]
        figures[name] = statistics.median(taken[_ASKED:])
    figures["memory of these searches, MiB"] = code.ask("peak_memory") / 2**20
    for mode in ("best", "paper"):
        command: Command = [LEXSEARCH, "query", "--mode", mode, "--index", place]
        asked = [", ".join(words[start : start + 3]) for start in range(0, 3 * (_COLD + 1), 3)]
        taken = [1000 * seconds([*command, text], code.environment) for text in asked]
        figures[f"cold command, {mode}, 3 keywords"] = statistics.median(taken[1:])
    size = sum(file.stat().st_size for file in (place / "lucene").iterdir())
    figures["text index, MiB"] = size / 2**20
    return figures


if __name__ == "__main__":
    main()
