"""The web page: server time of a page of results, and searches a second through the JSON API.

    python benchmarks/bench_web.py                       # 100,000 pictures, as captions
    python benchmarks/bench_web.py --documents 5000 --keep /tmp/web

The server is a process of its own, without its limit of requests a second; eight clients are
threads of this one, with a connection each. Beside it the bare engine, in a process of its own:
the same queries through `Index.search`, one after another, with evidence as the API gives it.
Clients, server and engine share the same cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench_search import build
from common import Words, fresh, table

_CLIENTS = 8
_ROUND = 200  # different queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=300, help="a document")
    parser.add_argument("--seconds", type=float, default=10.0, help="to count searches for")
    parser.add_argument("--keep", type=Path, help="where the index is made, or used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        index = build(place, options.documents, options.words)
        bare = fresh(search_bare, index, options.seconds)
        with serving(index, place) as port:
            page = page_times(port)
            alone = searches_a_second(port, 1, options.seconds)
            together = searches_a_second(port, _CLIENTS, options.seconds)
    print(f"{options.documents:,} documents of {options.words:,} words, queries of two keywords\n")
    first, last = statistics.median(page), statistics.quantiles(page, n=20)[-1]
    table(
        ("server time", "median", "95 of 100 within"),
        [("page with 60 hits: HTML and JSON", f"{first:.1f} ms", f"{last:.1f} ms")],
    )
    print()
    rows = [
        ("bare engine, one after another", f"{bare:.0f}", ""),
        ("JSON API, 1 client", f"{alone:.0f}", f"{alone / bare:.2f}"),
        (f"JSON API, {_CLIENTS} clients", f"{together:.0f}", f"{together / bare:.2f}"),
    ]
    table(("10 hits with evidence", "searches a second", "of the bare engine"), rows)


def queries() -> list[str]:
    words = Words(seed=3)
    return [", ".join(words.query(2).split()) for _ in range(_ROUND)]


def search_bare(place: Path, seconds: float) -> float:
    import lexsearch

    with lexsearch.open(place) as index:
        return _rate(lambda query: index.search(query, 10), seconds)


def _rate(search: Callable[[str], object], seconds: float) -> float:
    asked = queries()
    for query in asked:
        search(query)
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        search(asked[done % len(asked)])
        done += 1
    return done / (time.perf_counter() - start)


@contextmanager
def serving(index: Path, place: Path) -> Iterator[int]:
    """The page of an index in a process of its own; the port."""
    context = multiprocessing.get_context("spawn")
    told, tells = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(index, place / "cache", tells))
    process.start()
    try:
        yield told.recv()
    finally:
        process.terminate()
        process.join()


def serve(place: Path, cache: Path, tells: Any) -> None:
    import lexsearch
    from lexsearch.web import Limits
    from lexsearch.web.server import listen, serve_until_stopped

    with lexsearch.open(place) as index:
        socket = listen("127.0.0.1", 0)
        tells.send(socket.getsockname()[1])
        serve_until_stopped(index, socket, limits=Limits(rate=0), cache=cache)


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


def searches_a_second(port: int, clients: int, seconds: float) -> float:
    rates: list[float] = []

    def ask() -> None:
        client = Client(port)
        rates.append(_rate(lambda query: client.get("/api/search", q=query, k=10), seconds))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rates) == clients
    return sum(rates)


if __name__ == "__main__":
    main()
