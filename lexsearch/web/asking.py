"""Queries as they come from the page and as they are shown there: pictures in `like:` go by their
name, which people can read, and never by a path of this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lexsearch.errors import LexsearchError, QueryError
from lexsearch.records import Keyword, Query
from lexsearch.text.queries import parse

if TYPE_CHECKING:
    from lexsearch.index import Index


class NotFound(LexsearchError):
    """There is no such picture in the index."""


def read(index: Index, text: str) -> Query:
    """The query in a text, with a doc_id in place of a picture's name in `like:`; without any
    keyword where there is none. Raises NotFound for `like:` with anything else: what lies where
    on this machine is not to be asked.
    """
    try:
        parsed = parse(text)
    except QueryError:  # nothing in it: so everything is asked for
        return Query(())
    keywords = tuple(_identified(index, keyword) for keyword in parsed.keywords)
    return replace(parsed, keywords=keywords)


def _identified(index: Index, keyword: Keyword) -> Keyword:
    if keyword.field != "like" or index.places([keyword.text]):
        return keyword
    doc_ids = index.named(keyword.text)
    if len(doc_ids) != 1:
        which = f"{len(doc_ids)} pictures" if doc_ids else "no picture"
        raise NotFound(f"{which} of this index has the doc_id or name {shown(keyword.text)}")
    return replace(keyword, text=doc_ids[0])


def told(index: Index, query: Query) -> Query:
    """The query with the names of its pictures in `like:`, where a name means one picture alone."""
    return replace(query, keywords=tuple(_named(index, keyword) for keyword in query.keywords))


def _named(index: Index, keyword: Keyword) -> Keyword:
    if keyword.field != "like":
        return keyword
    for name in index.relative_paths([keyword.text])[keyword.text]:
        if index.named(name) == [keyword.text] and parse(f'like:"{name}"').keywords:
            return replace(keyword, text=name, quoted=True)
    return keyword


def with_all(query: Query) -> tuple[Query, Query] | None:
    """The query with all of its keywords required, and with none; None where it makes no
    difference, since there is only one keyword to be found.
    """
    wanted = [one for one in query.keywords if one.sign != "-" and one.field != "like"]
    if len(wanted) < 2:
        return None
    return _signed(query, wanted, "+"), _signed(query, wanted, "")


def _signed(query: Query, which: Sequence[Keyword], sign: str) -> Query:
    each = (replace(one, sign=sign) if one in which else one for one in query.keywords)
    return replace(query, keywords=tuple(dict.fromkeys(each)))


def shown(path: str) -> str:
    """A path as text: bytes that are no text, which file systems allow, become marks."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
