"""A change to a picture, in words: "at night, without people" as keywords. A rule, pure."""

from __future__ import annotations

import re

from lexsearch.records import Keyword
from lexsearch.text.asking import GRAMMAR
from lexsearch.text.words import words_of

_MARKS = re.compile(
    r"(?P<out>\b(?:without|instead\s+of|rather\s+than|in\s+place\s+of|no|not|minus|but\s+no)\b)"
    r"|(?P<in>\b(?:with|plus|add|adding)\b)"
    r"|(?P<part>[,;]|\b(?:and|but)\b)",
    re.I,
)
_ARTICLES = frozenset(["a", "an", "the", "any", "some", "more", "other", "another"])


def keywords_of(change: str) -> tuple[Keyword, ...]:
    """What another picture should have, and with a minus what not, each once, as told.

    >>> [str(keyword) for keyword in keywords_of("at night, with a cat instead of the dog")]
    ['night', 'cat', '-dog']

    "and" goes on with what was said before it: "without a dog and a cat" is without both. Signs in
    the text mean nothing.
    """
    found: dict[Keyword, None] = {}
    sign, start = "", 0
    for mark in [*_MARKS.finditer(change), None]:
        said = _thing(change[start : mark.start() if mark else len(change)])
        if said:
            found[Keyword(said, sign)] = None
        if mark is not None:
            start = mark.end()
            if mark["out"]:
                sign = "-"
            elif mark[0].lower() != "and":
                sign = ""
    return tuple(found)


def _thing(text: str) -> str:
    """Without the words around it that tell nothing: "on the beach" is a beach."""
    words = words_of(text)
    while words and words[0] in _ARTICLES | GRAMMAR | {"at", "in", "on", "by", "of", "to"}:
        words = words[1:]
    return " ".join(words)
