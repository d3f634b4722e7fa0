"""Text indexing rate, beside Pyserini's indexer with the same fields on as many threads.

    python benchmarks/bench_indexing.py
    python benchmarks/bench_indexing.py --documents 5000 --rounds 1

The same documents are read from JSON Lines by each. "text index" is that alone; "import" also keeps
the captions and the catalog; Pyserini's time is from "Starting to index" to "documents indexed",
without its start-up. Then documents of 18 captions, as bench_keywords has them. Every measurement
has a process of its own, all take turns; of the rounds, the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from bench_keywords import documents as of_captions
from bench_keywords import read_captions
from common import (
    Checkout,
    Command,
    data_folder,
    fresh,
    json_lines,
    say,
    side_by_side,
    table,
)

_THREADS = min(4, os.cpu_count() or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the sets")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=1800, help="a document")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", type=Path, help="a checkout that is measured beside")
    options = parser.parse_args()
    codes = side_by_side(options.before)
    with tempfile.TemporaryDirectory() as scratch:
        place, count = Path(scratch), options.documents
        say("writing documents ...")
        long = json_lines(place / "our.jsonl", count, options.words, ("doc_id", "text"))
        theirs = for_pyserini(long, place / "theirs") if find_spec("pyserini") else None
        short = place / "short.jsonl"
        captions = read_captions(data_folder(options.data))
        with short.open("w") as file:
            file.writelines(f"{line}\n" for line in of_captions(captions, count))
        print(f"{count:,} documents; documents a second\n")
        measure(f"{options.words:,} words, one caption", long, theirs, codes, options, place)
        print()
        measure("18 captions", short, None, codes, options, place)


def measure(
    title: str,
    file: Path,
    theirs: Path | None,
    codes: Mapping[str, Path],
    options: argparse.Namespace,
    place: Path,
) -> None:
    taken: dict[str, list[float]] = {}
    for number in range(options.rounds):
        index = place / f"index-{number}"
        say(f"{title}: round {number + 1} of {options.rounds} ...")
        if theirs:
            each = taken.setdefault("text index", [])
            each.append(fresh(time_engine, file, index / "engine"))
        for name, code in codes.items():
            with Checkout(code) as one:
                spent = one.ask("import_file", file, index / name)
            taken.setdefault(f"lexsearch import, {name}", []).append(spent)
        if theirs:
            taken.setdefault("Pyserini", []).append(time_pyserini(theirs, index / "pyserini"))
        shutil.rmtree(index)
    rates = {name: options.documents / statistics.median(each) for name, each in taken.items()}
    beside = rates.get("Pyserini") or rates.get("lexsearch import, before") or 0
    rows = [
        (name, f"{rate:,.0f}", f"{rate / beside:.2f}" if beside else "")
        for name, rate in rates.items()
    ]
    table((title, "documents a second", "of the rate of Pyserini" if theirs else "ratio"), rows)


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
