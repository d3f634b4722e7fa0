"""What may follow the letters typed so far: words, fields and dates of the index."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from lexsearch.errors import LexsearchError
from lexsearch.index import Index
from lexsearch.records import FAVOURITE, FIELDS, Keyword, Suggestion
from lexsearch.searching.vocabulary import Vocabulary
from lexsearch.text.words import key_of, normal

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

_LEARN_EVERY = 60.0  # seconds, at least: an index may be filled meanwhile
_LEARN_SHARE = 0.05  # of the time, at most, goes into reading
_TYPED = re.compile(
    rf"""(?P<before>(?:.*[\s,;])?[-+!]?)
    (?:(?P<field>{"|".join(FIELDS)}):)?
    (?P<word>[^\s,;:"]*)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_COUNTED: dict[str, Callable[[Index], Mapping[str, int]]] = {
    "date": Index.months,
    "camera": Index.cameras,
    "kind": Index.kinds,
    "album": Index.albums,
}
"""The fields whose texts are few enough to be offered."""
log = logging.getLogger("lexsearch")


class Completions:
    """Completes queries from the words of an index.

    They are read on a thread of its own, when first asked for and again when the index has
    changed; until then the earlier ones do.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known = Vocabulary()
        self._learned_at: Hashable = None
        self._next = 0.0
        self._learning = threading.Lock()

    def complete(self, typed: str, n: int) -> list[dict[str, Any]]:
        """Up to n queries that go on from what was typed; see `schemas.Completion`."""
        self._learn_anew()
        found = _TYPED.fullmatch(normal(typed))
        if found is None:
            return []
        field, word = (found["field"] or "").lower(), found["word"].lower()
        return [
            {"query": found["before"] + text, "text": text, "count": one and one.count}
            for text, one in self._following(field, word, n)
        ][:n]

    def _following(self, field: str, word: str, n: int) -> Iterator[tuple[str, Suggestion | None]]:
        if field in _COUNTED:
            for text, count in _COUNTED[field](self._index).items():
                if key_of(text).startswith(key_of(word)):
                    quoted = not text.replace("-", "").isalnum()
                    yield str(Keyword(text, "", quoted, field)), Suggestion(text, count)
        if field == "is" and FAVOURITE.startswith(word):
            yield f"is:{FAVOURITE}", None
        if field or not word:
            return
        for name in FIELDS:
            if name.startswith(word) and name != "like":  # a picture is not typed
                yield f"{name}:{FAVOURITE if name == 'is' else ''}", None
        yield from ((one.word, one) for one in self._known.starting(word, n))

    def _learn_anew(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        state = self._index.state()
        if state != self._learned_at and self._learning.acquire(blocking=False):
            self._learned_at = state
            threading.Thread(target=self._learn, name="lexsearch-words", daemon=True).start()

    def _learn(self) -> None:
        begun = time.monotonic()
        try:
            self._known = self._index.vocabulary()
        except LexsearchError as error:  # a search says so, too; this one tries again
            log.warning("no words can be offered: %s", error)
            self._learned_at = None
        finally:
            now = time.monotonic()
            self._next = now + max(_LEARN_EVERY, (now - begun) / _LEARN_SHARE)
            self._learning.release()
