"""Read what a person typed as a query: pure, and total (no text is an error but an empty one).

    bus, traffic light, -person, "fire hydrant", +dog, text:"cero emisiones", date:2023-07

Commas separate keywords. A sign, a quote or a field begins a keyword of its own, so that
`dog -person` needs no comma.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lexsearch.errors import QueryError
from lexsearch.records import FIELDS, Keyword, Query

_PART = re.compile(
    rf"""(?P<comma>,)
    | (?P<sign>(?<![^\s,])[+-](?=[^\s,+-]))?                             # before a word or quote
      (?:(?<![^\s,+-])like:"(?P<name>(?:[^"]|"")+)"(?!") |
      (?P<field>(?<![^\s,+-])(?:{"|".join(FIELDS)}):(?=[^\s,]))?
      (?:"(?P<quoted>[^"]*)" | (?P<word>[^\s,]+)))""",
    re.VERBOSE,
)


def parse(text: str) -> Query:
    """The keywords in a text; one without commas, signs and quotes is one sentence.

    >>> parse("bus, traffic light").keywords
    (Keyword(text='bus', sign='', quoted=False, field=''), \
Keyword(text='traffic light', sign='', quoted=False, field=''))
    >>> [str(keyword) for keyword in parse('big dog -person "fire hydrant"').keywords]
    ['big dog', '-person', '"fire hydrant"']

    Raises QueryError when there is no keyword in it.
    """
    return _query(_keywords(text))


def parse_plainly(text: str) -> Query:
    """Keywords between commas, with nothing else understood, as the paper has it."""
    parts = (" ".join(part.split()) for part in text.split(","))
    return _query(Keyword(part) for part in parts if part)


def _query(keywords: Iterable[Keyword]) -> Query:
    each = tuple(dict.fromkeys(keywords))
    if not each:
        raise QueryError('nothing to search for: try lexsearch query "bus, traffic light"')
    return Query(each)


def _keywords(text: str) -> Iterator[Keyword]:
    """A sign or a field holds for all words up to the comma if it comes first, else for one."""
    words: list[str] = []
    sign = field = ""
    first = True

    def finish() -> Iterator[Keyword]:
        nonlocal sign, field
        if said := " ".join(words):
            yield Keyword(said, sign, field=field)
        words.clear()
        sign = field = ""

    for part in _PART.finditer(text):
        if part["name"]:  # of a picture: commas and spaces belong to it, "" is a quote in it
            yield from finish()
            yield Keyword(part["name"].replace('""', '"'), part["sign"] or "", True, "like")
            first = False
            continue
        marked = part["sign"] or part["field"]
        if part["comma"] or marked or part["quoted"] is not None:
            yield from finish()
        sign, field = part["sign"] or sign, (part["field"] or field).rstrip(":")
        if part["quoted"] is not None:
            if said := " ".join(part["quoted"].replace(",", " ").split()):
                yield Keyword(said, sign, True, field)
            sign = field = ""
        elif word := (part["word"] or "").strip('"'):
            words.append(word)
            if marked and not first:
                yield from finish()
        first = bool(part["comma"])
    yield from finish()
