"""The web page: server time of a page of results, and searches a second through the JSON API.

    python benchmarks/bench_web.py                       # 100,000 pictures, as captions
    python benchmarks/bench_web.py --documents 5000 --keep /tmp/web

The server is a process of its own, without its limit of requests a second; eight clients are
threads of this one, with a connection each. Beside it the bare engine, in a process of its own:
queries through `Index.search`, one after another, with evidence as the API gives it. Either no
query is asked twice, or the same 200 are asked over and over, which the server answers from memory.
Then one server process and several (--workers) in turn. Clients, server and engine share the same
cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench_search import build
from common import Words, fresh, table

_CLIENTS = 8
_ROUND = 200  # different queries
_PLENTY = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=300, help="a document")
    parser.add_argument("--seconds", type=float, default=10.0, help="to count searches for")
    parser.add_argument("--workers", type=int, default=2, help="to measure beside a single one")
    parser.add_argument("--keep", type=Path, help="where the index is made, or used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        index = build(place, options.documents, options.words)
        bare = fresh(search_bare, index, options.seconds)
        with serving(index, place) as port:
            page = page_times(port)
            rates = {
                (clients, again): searches_a_second(port, clients, again, options.seconds)
                for again in (False, True)
                for clients in (1, _CLIENTS)
            }
        shared: dict[int, list[float]] = {}
        for workers in (1, options.workers, 1, options.workers):  # in turn
            with serving(index, place, workers) as port:
                rate = searches_a_second(port, _CLIENTS, False, options.seconds)
            shared.setdefault(workers, []).append(rate)
    print(f"{options.documents:,} documents of {options.words:,} words, queries of two keywords\n")
    first, last = statistics.median(page), statistics.quantiles(page, n=20)[-1]
    table(
        ("server time", "median", "95 of 100 within"),
        [("page with 60 hits: HTML and JSON", f"{first:.1f} ms", f"{last:.1f} ms")],
    )
    print()
    rows = [("bare engine, one after another", f"{bare[False]:.0f}", f"{bare[True]:.0f}")]
    for clients, name in ((1, "1 client"), (_CLIENTS, f"{_CLIENTS} clients")):
        new, again = rates[clients, False], rates[clients, True]
        rows.append((f"JSON API, {name}", f"{new:.0f}", f"{again:.0f}"))
    table(("10 hits with evidence, searches a second", "new queries", "asked again"), rows)
    print()
    one, *more = (statistics.mean(each) for each in shared.values())
    rows = [
        (str(name), f"{rate:.0f}", f"{rate / one:.2f}")
        for name, rate in zip(shared, (one, *more), strict=True)
    ]
    table((f"workers ({_CLIENTS} clients, new queries)", "searches a second", "ratio"), rows)


def queries(seed: int = 3) -> list[str]:
    words = Words(seed=seed)
    return [", ".join(words.query(2).split()) for _ in range(_ROUND)]


def new_queries(seed: int) -> list[str]:
    """More queries than there will be time for, hardly ever the same twice."""
    words = Words(seed=seed)
    return [", ".join(words.query(2).split()) for _ in range(_PLENTY)]


def search_bare(place: Path, seconds: float) -> dict[bool, float]:
    """Searches a second, of new queries and of those asked again."""
    import lexsearch

    with lexsearch.open(place) as index:
        return {
            again: _rate(lambda query: index.search(query, 10), again, 4, seconds)
            for again in (False, True)
        }


def _rate(
    search: Callable[[str], object],
    again: bool,
    seed: int,
    seconds: float,
    ready: threading.Barrier | None = None,
) -> float:
    """Searches a second, after one round to warm up, and when all are ready."""
    for query in queries():
        search(query)
    asked = cycle(queries() if again else new_queries(seed))
    if ready is not None:
        ready.wait()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        search(next(asked))
        done += 1
    return done / (time.perf_counter() - start)


@contextmanager
def serving(index: Path, place: Path, workers: int = 1) -> Iterator[int]:
    """The page of an index in a process of its own; the port."""
    context = multiprocessing.get_context("spawn")
    told, tells = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(index, place / "cache", workers, tells))
    process.start()
    try:
        yield told.recv()
    finally:
        process.terminate()
        process.join()


def serve(place: Path, cache: Path, workers: int, tells: Any) -> None:
    import lexsearch
    from lexsearch.web import Limits
    from lexsearch.web.server import listen, serve_until_stopped

    sys.stdin = None  # that of a child of multiprocessing, which workers could not open
    with lexsearch.open(place) as index:
        socket = listen("127.0.0.1", 0)
        tells.send(socket.getsockname()[1])
        serve_until_stopped(index, socket, workers, limits=Limits(rate=0), cache=cache)


class Client:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str, **parameters: object) -> bytes:
        self._connection.request("GET", f"{path}?{urlencode(parameters)}")
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body


def page_times(port: int) -> list[float]:
    """Milliseconds from asking for the page to having its first 60 hits."""
    client, times = Client(port), []
    for query in [*queries()[:20], *queries()]:  # the first ones warm up
        start = time.perf_counter()
        client.get("/", q=query)
        found = json.loads(client.get("/api/search", q=query, k=60))
        times.append(1000 * (time.perf_counter() - start))
        assert found["hits"], query
    return times[20:]


def searches_a_second(port: int, clients: int, again: bool, seconds: float) -> float:
    rates: list[float] = []

    def ask(seed: int) -> None:
        client = Client(port)
        rates.append(
            _rate(
                lambda query: client.get("/api/search", q=query, k=10), again, seed, seconds, ready
            )
        )

    ready = threading.Barrier(clients)

    seeds = range(100 * clients, 101 * clients)
    threads = [threading.Thread(target=ask, args=(seed,)) for seed in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rates) == clients
    return sum(rates)


if __name__ == "__main__":
    main()
