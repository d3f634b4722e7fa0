"""Other words for a search, asked of a language model: one question at a time for each client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lexsearch.errors import ModelError, QueryError
from lexsearch.web.guard import Refusal

if TYPE_CHECKING:
    from lexsearch.language.enhancing import Enhancer

MOST = 20
"""Sentences that a search takes beside what is typed."""


class OtherWords:
    """An enhancer for the API. What goes wrong with the model is a note, not an error."""

    def __init__(self, enhancer: Enhancer) -> None:
        self._enhancer = enhancer
        self._asking: set[str] = set()

    @contextmanager
    def turn(self, client: str) -> Iterator[None]:
        """Of one client, for as long as its question is asked. Raises Refusal during another."""
        if client in self._asking:
            raise Refusal(429, "one question at a time, please", **{"retry-after": "5"})
        self._asking.add(client)
        try:
            yield
        finally:
            self._asking.discard(client)

    def sentences(self, query: str) -> dict[str, Any]:
        """See `schemas.OtherWords`."""
        try:
            enhanced = self._enhancer.enhance(query)
        except QueryError:
            return {"sentences": [], "note": None}
        except ModelError as error:
            return {"sentences": [], "note": str(error)}
        each = list(dict.fromkeys(enhanced.sentences))[:MOST]
        return {"sentences": each, "note": enhanced.note or None}
