"""Start-up: `import lexsearch` (aim: 0.1 s) and `lexsearch --help` (aim: 0.3 s).

python benchmarks/bench_startup.py
"""

from __future__ import annotations

import sys

from common import LEXSEARCH, median_seconds, table

_RUNS = 21


def main() -> None:
    nothing = median_seconds([sys.executable, "-c", ""], _RUNS)
    loaded = median_seconds([sys.executable, "-c", "import lexsearch"], _RUNS)
    helped = median_seconds([LEXSEARCH, "--help"], _RUNS)
    rows = [
        ("python, doing nothing", f"{nothing:.3f}", ""),
        ("import lexsearch (beyond that)", f"{loaded - nothing:.3f}", "0.1"),
        ("lexsearch --help", f"{helped:.3f}", "0.3"),
    ]
    table(("start", "seconds", "aim"), rows)


if __name__ == "__main__":
    main()
