"""Memory while captions are streamed in: flat, however many there are.

    python benchmarks/bench_memory.py
    python benchmarks/bench_memory.py --documents 10000 100000 1000000

The highest resident memory of `lexsearch import -`, Java's included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from common import LEXSEARCH, Command, documents, say, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--words", type=int, default=20, help="a document")
    options = parser.parse_args()
    rows = []
    for count in options.documents:
        say(f"importing {count:,} documents ...")
        start = time.perf_counter()
        peak = import_stream(count, options.words)
        taken = time.perf_counter() - start
        rows.append((f"{count:,}", f"{peak / 2**20:,.0f}", f"{taken:.0f}", f"{count / taken:,.0f}"))
    print(f"captions streamed in, {options.words} words each\n")
    table(("documents", "peak MiB", "seconds", "documents/s"), rows)


def import_stream(count: int, length: int) -> int:
    """The peak resident memory, in bytes, of an import of `count` documents through a pipe."""
    with tempfile.TemporaryDirectory() as scratch:
        command: Command = [LEXSEARCH, "import", "-", "--quiet", "--index", Path(scratch) / "index"]
        importing = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert importing.stdin is not None
        with importing.stdin as pipe:
            for doc_id, text in documents(count, length):
                pipe.write(json.dumps({"doc_id": doc_id, "text": text}).encode() + b"\n")
        _, status, usage = os.wait4(importing.pid, 0)
        importing.returncode = os.waitstatus_to_exitcode(status)
        if importing.returncode:
            raise SystemExit(f"bench_memory: the import ended with {importing.returncode}")
        return usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
