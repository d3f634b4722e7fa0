"""Answers that were given before: people go back, pages are reloaded, many ask the same."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lexsearch.web import service

if TYPE_CHECKING:
    from collections.abc import Hashable

    from lexsearch.index import Index
    from lexsearch.records import PictureCopy
    from lexsearch.searching.snapshot import Sort

MAX_SKIP = 10_000
"""So many hits may come before a page of them."""

_MOST = 500  # pages of hits, some 50 kB each


def as_json(content: Any) -> bytes:
    """JSON in ASCII: captions and names may hold halves of characters, which UTF-8 has not."""
    return json.dumps(content, separators=(",", ":")).encode()


class Searches:
    """Searches an index for the API; what was asked before is answered from memory, for as long
    as the index stays as it is.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._answers = lru_cache(maxsize=_MOST)(self._answer)

    def page(
        self,
        query: str,
        k: int,
        skip: int,
        sort: Sort = "relevance",
        also: tuple[str, ...] = (),
        *,
        maybe: bool = False,
        lacking: bool = False,
    ) -> bytes:
        """One page of hits as JSON; see `schemas.Found`."""
        start = time.perf_counter()
        found = self._answers(self._index.state(), query, k, skip, sort, also, maybe, lacking)
        seconds = round(time.perf_counter() - start, 6)
        return b'%s,"seconds":%s}' % (found.removesuffix(b"}"), as_json(seconds))

    def _answer(
        self,
        state: Hashable,
        query: str,
        k: int,
        skip: int,
        sort: Sort,
        also: tuple[str, ...],
        maybe: bool,
        lacking: bool,
    ) -> bytes:
        found = service.search(
            self._index, query, k, skip, sort, also, maybe=maybe, lacking=lacking
        )
        after = skip + len(found["hits"])
        more = found["hits"] and after < found["listed"] and after <= MAX_SKIP
        return as_json({**found, "next": after if more else None})


class Duplicates:
    """Groups of copies, compared anew when the index has changed and somebody asks."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._groups = lru_cache(maxsize=1)(self._compare)

    def page(self, k: int, skip: int) -> dict[str, Any]:
        """One page of groups; see `schemas.Duplicates`."""
        groups = self._groups(self._index.state())
        after = skip + k
        return {
            "total": len(groups),
            "groups": service.copies(self._index, groups[skip:after]),
            "next": after if after < len(groups) else None,
        }

    def _compare(self, state: Hashable) -> list[tuple[PictureCopy, ...]]:
        return self._index.duplicates(look=False)
