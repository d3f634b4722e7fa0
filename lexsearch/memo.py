"""Remember what was worked out, but not without end: an index may be open for months."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(dict[K, V]):
    """A dictionary that works out what is asked of it for the first time.

    When it holds `most` answers it forgets them all: which to keep is not worth finding out.
    """

    def __init__(self, work_out: Callable[[K], V], most: int = 10_000) -> None:
        super().__init__()
        self._work_out = work_out
        self._most = most

    def __missing__(self, key: K) -> V:
        value = self._work_out(key)
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
