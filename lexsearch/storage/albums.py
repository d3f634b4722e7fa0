"""Albums and favourites: human captions of fields of their own, so that they are exported, imported
and kept as captions are, and stay with a picture wherever its file goes.
"""

from __future__ import annotations

from collections.abc import Sequence

from lexsearch.errors import LexsearchError
from lexsearch.records import FAVOURITE, WHOLE, Caption
from lexsearch.storage.corrections import said
from lexsearch.storage.documents import in_effect
from lexsearch.text.words import key_of, words_of

ALBUM, IS = "album", "is"
"""The fields: of the names of albums, and of what a picture is marked as."""
LONGEST_NAME = 200  # characters


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
