"""Questions that any checkout of lexsearch answers, one line of JSON each; see common.Checkout.

A line is [name of a function here, its arguments]; the answer is what the function returns.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lexsearch

_indexes: dict[str, lexsearch.Index] = {}


def _index(folder: str) -> lexsearch.Index:
    if folder not in _indexes:
        _indexes[folder] = lexsearch.open(folder)
    return _indexes[folder]


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def rank(folder: str, text: str, k: int, mode: str, match: Any) -> tuple[float, Any]:
    """Seconds, and the hits' doc_ids and scores."""
    index = _index(folder)
    seconds, found = _timed(lambda: index.rank(text, k, mode=mode, match=match))
    return seconds, [(one.doc_id, one.score) for one in found]


def search(folder: str, text: str, k: int) -> tuple[float, Any]:
    """The same with evidence and boxes: seconds, and the hits' doc_ids and scores."""
    index = _index(folder)
    seconds, found = _timed(lambda: index.search(text, k))
    return seconds, [(one.doc_id, one.score) for one in found]


def words(folder: str, text: str, n: int, k: int) -> list[str]:
    """The commonest words of the best hits."""
    return [one.word for one in _index(folder).words(text, n, k)]


def import_file(file: str, folder: str) -> float:
    """Seconds to import a file of JSON Lines into a new index."""
    with lexsearch.open(Path(folder)) as index, open(file) as lines:
        return _timed(lambda: index.import_captions(lines))[0]


def peak_memory() -> int:
    """The highest resident memory of this process so far, Java's included, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Answer until nothing more is asked."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(globals()[name](*arguments)), file=answers, flush=True)


if __name__ == "__main__":
    main()
