"""Read what a person typed as a query: pure, and total (no text is an error but an empty one)."""

from __future__ import annotations

from lexsearch.errors import QueryError
from lexsearch.records import Keyword, Query


def parse(text: str) -> Query:
    """Keywords separated by commas; a text without a comma is one sentence.

    >>> parse("bus, traffic light").keywords
    (Keyword(text='bus'), Keyword(text='traffic light'))

    Raises QueryError when there is no keyword in it.
    """
    keywords = tuple(
        Keyword(words) for part in text.split(",") if (words := " ".join(part.split()))
    )
    if not keywords:
        raise QueryError('nothing to search for: try lexsearch query "bus, traffic light"')
    return Query(keywords)
