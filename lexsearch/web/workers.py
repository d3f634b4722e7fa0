"""Work away from the event loop: a few threads, with a bounded queue before them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from lexsearch.web.guard import Refusal

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """Threads that take one call after another; of too many waiting, the last are refused."""

    def __init__(self, name: str, threads: int, waiting: int = 1000) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"lexsearch-{name}")
        self._room = threads + waiting

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call returns or raises. Raises Refusal when too many calls wait.

        A call whose asker gave up is not begun; one that runs already ends in its own time.
        """
        if not self._room:
            raise Refusal(503, "too busy; try again in a moment", **{"retry-after": "1"})
        self._room -= 1
        future = self._pool.submit(function, *args, **kwargs)
        waiting = asyncio.wrap_future(future)
        loop = asyncio.get_running_loop()

        def free(_: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._free)

        future.add_done_callback(free)
        return await waiting

    def _free(self) -> None:
        self._room += 1
