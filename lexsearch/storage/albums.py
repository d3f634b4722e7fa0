"""Albums and favourites: human captions of fields of their own, so that they are exported, imported
and kept as captions are, and stay with a picture wherever its file goes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lexsearch.errors import LexsearchError
from lexsearch.records import FAVOURITE, WHOLE, Caption
from lexsearch.storage.corrections import correct, said
from lexsearch.storage.documents import in_effect
from lexsearch.text.words import key_of, words_of

if TYPE_CHECKING:
    from lexsearch.storage.catalog import Catalog
    from lexsearch.storage.writer import Writer

ALBUM, IS = "album", "is"
"""The fields: of the names of albums, and of what a picture is marked as."""
LONGEST_NAME = 200  # characters


def favourite(writer: Writer, *names: str | os.PathLike[str], undo: bool = False) -> int:
    """Mark pictures, by path or doc_id, as favourites, which `is:favourite` finds; or no more.
    Returns how many were not so before.
    """
    return _gather(writer, names, IS, FAVOURITE, undo)


def add_to_album(writer: Writer, album: str, *names: str | os.PathLike[str]) -> int:
    """Put pictures, by path or doc_id, into an album, which `album:NAME` finds: a new one, or
    the one of that name, in whatever case. Returns how many were not in it.
    """
    return _gather(writer, names, ALBUM, named(album, list(albums_of(writer.catalog))), undo=False)


def remove_from_album(writer: Writer, album: str, *names: str | os.PathLike[str]) -> int:
    """Take pictures out of an album; one without pictures is none. Returns how many were in
    it. Raises LexsearchError where there is no such album.
    """
    known = list(albums_of(writer.catalog))
    name = named(album, known)
    if name not in known:
        raise LexsearchError(f"there is no album {name!r}; there are: {', '.join(known) or 'none'}")
    return _gather(writer, names, ALBUM, name, undo=True)


def _gather(
    writer: Writer, names: Iterable[str | os.PathLike[str]], field: str, text: str, undo: bool
) -> int:
    def gathered(doc_id: str, rows: list[Caption]) -> list[Caption]:
        return take(rows, field, text) if undo else put(rows, doc_id, field, text)

    return correct(writer, names, gathered)


def albums_of(catalog: Catalog) -> dict[str, int]:
    """How many pictures are in each album, by its name."""
    counts: dict[str, int] = {}
    spelled: dict[str, str] = {}
    for name, count in catalog.facts(ALBUM).items():
        name = spelled.setdefault(key_of(name), name)
        counts[name] = counts.get(name, 0) + count
    return counts


def named(album: str, known: Sequence[str]) -> str:
    """The name of an album as it is kept: as one that is known is spelled, where it is that one.

    Raises LexsearchError for a name without a letter, or of more than 200 characters.
    """
    name = " ".join(album.replace("\0", " ").split())
    if not words_of(name):
        raise LexsearchError("the name of an album needs a letter or a digit")
    if len(name) > LONGEST_NAME:
        raise LexsearchError(f"the name of an album has at most {LONGEST_NAME} characters")
    return next((one for one in known if key_of(one) == key_of(name)), name)


def put(captions: Sequence[Caption], doc_id: str, field: str, text: str) -> list[Caption]:
    """What to store so that a picture is in an album, or marked; nothing where it is."""
    if _there(captions, field, text):
        return []
    return [said(Caption(doc_id, WHOLE, None, field), text, key_of(text), captions)]


def take(captions: Sequence[Caption], field: str, text: str) -> list[Caption]:
    """What to store so that it is no more; nothing where it is not."""
    return [
        # what was imported is not a person's to withdraw, but to correct
        said(row, None if row.source == "human" else "", row.caption_id, captions)
        for row in _there(captions, field, text)
    ]


def is_favourite(captions: Sequence[Caption]) -> bool:
    """Of captions in effect."""
    return any(row.field == IS and key_of(row.text or "") == FAVOURITE for row in captions)


def albums_in(captions: Sequence[Caption]) -> list[str]:
    """The albums that captions in effect name."""
    return [row.text for row in captions if row.field == ALBUM and row.text]


def _there(captions: Sequence[Caption], field: str, text: str) -> list[Caption]:
    rows = (row for row in in_effect(captions) if row.field == field and row.text)
    return [row for row in rows if key_of(row.text or "") == key_of(text)]
