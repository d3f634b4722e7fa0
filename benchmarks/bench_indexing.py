"""Text indexing rate, beside Pyserini's indexer with the same fields on as many threads.

    python benchmarks/bench_indexing.py
    python benchmarks/bench_indexing.py --documents 5000 --rounds 1

The same documents are read from JSON Lines by each. "engine" writes the text index, with the
analyzer named; "import" also keeps the captions and the catalog; Pyserini's time is from
"Starting to index" to "documents indexed", without its start-up. Every measurement has a
process of its own; of the rounds, the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from common import Command, fresh, json_lines, say, table

_THREADS = min(4, os.cpu_count() or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=1800, help="a document")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        say("writing documents ...")
        file = json_lines(place / "our.jsonl", options.documents, options.words, ("doc_id", "text"))
        theirs = for_pyserini(file, place / "theirs")
        seconds: dict[str, list[float]] = {}
        for number in range(options.rounds):
            index = place / f"index-{number}"
            say(f"round {number + 1} of {options.rounds} ...")
            for name, taken in (
                ("engine", fresh(time_engine, file, index / "engine")),
                ("import", fresh(time_import, file, index / "all")),
                ("Pyserini", time_pyserini(theirs, index / "pyserini")),
            ):
                seconds.setdefault(name, []).append(taken)
    print(f"text indexing, {options.documents:,} documents of {options.words:,} words")
    rates = {name: options.documents / statistics.median(taken) for name, taken in seconds.items()}
    last = rates["Pyserini"]
    rows = [(name, f"{rate:,.0f}", f"{rate / last:.2f}") for name, rate in rates.items()]
    table(("what", "documents/s", "of Pyserini's"), rows)


def for_pyserini(file: Path, folder: Path) -> Path:
    """The same documents as Anserini wants them, in several files since it has a thread each."""
    folder.mkdir()
    parts = [(folder / f"{number}.jsonl").open("w") for number in range(4 * _THREADS)]
    with file.open() as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            document = {"id": row["doc_id"], "contents": row["text"]}
            parts[number % len(parts)].write(json.dumps(document) + "\n")
    for part in parts:
        part.close()
    return folder


def time_engine(file: Path, index: Path) -> float:
    from lexsearch.engines import open_writer
    from lexsearch.records import Document

    engine = open_writer(index)
    start = time.perf_counter()
    with file.open() as lines:
        rows = (json.loads(line) for line in lines)
        engine.update(Document(row["doc_id"], row["text"]) for row in rows)
    engine.commit()
    taken = time.perf_counter() - start
    engine.close()
    return taken


def time_import(file: Path, index: Path) -> float:
    import lexsearch

    start = time.perf_counter()
    with lexsearch.open(index) as opened, file.open() as lines:
        opened.import_captions(lines)
    return time.perf_counter() - start


def time_pyserini(folder: Path, index: Path) -> float:
    runner = Path(__file__).with_name("pyserini_module.py")
    command: Command = [sys.executable, runner, "pyserini.index.lucene"]
    command += ["--collection", "JsonCollection"]
    command += ["--input", folder, "--index", index, "--threads", str(_THREADS)]
    command += ["--generator", "DefaultLuceneDocumentGenerator"]
    command += ["--storePositions", "--storeContents"]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    times = [
        datetime.fromisoformat(found[1].replace(",", "."))
        for found in re.finditer(
            r"(?m)^(\S+ \S+) .*(?:Starting to index|Indexing Complete)", done.stdout
        )
    ]
    return (times[-1] - times[0]).total_seconds()


if __name__ == "__main__":
    main()
