"""What a person says of a picture, as captions that outlive every captioner."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from lexsearch.errors import LexsearchError
from lexsearch.records import WHOLE, Caption, CaptionerKey
from lexsearch.storage.denials import DENIED
from lexsearch.storage.documents import in_effect, latest

if TYPE_CHECKING:
    from lexsearch.storage.writer import Writer

HUMAN = CaptionerKey("human")
Correctable = Literal["caption", "text", "about", "date"]
CORRECTABLE: tuple[Correctable, ...] = get_args(Correctable)
"""Fields that a person may correct."""


def edit_caption(
    writer: Writer,
    name: str | os.PathLike[str],
    text: str | None,
    *,
    crop: str = WHOLE,
    field: str = "caption",
    caption_id: str | None = None,
) -> None:
    """Correct what is said of a crop for good: it outlives reindexing and other captioners.

    name: a picture's path or doc_id.
    text: what to say of the crop; None withdraws earlier corrections.
    caption_id: of the one caption to replace; by default all of the crop are.
    Raises LexsearchError for a crop that nothing is said of, naming the others.
    """

    def corrections(_: str, rows: list[Caption]) -> list[Caption]:
        if text is None:
            return _withdrawn(rows, crop, field, caption_id)
        return _corrections(rows, writer.settings.captioner, text, crop, field, caption_id)

    correct(writer, [name], corrections)


def deny(writer: Writer, name: str | os.PathLike[str], *words: str, undo: bool = False) -> None:
    """Never say these words or phrases of a picture, a path or a doc_id: in all their forms they
    leave all of its captions, those to come too. `undo` allows them again; LexsearchError for one
    that was not denied.
    """

    def denials(doc_id: str, rows: list[Caption]) -> list[Caption]:
        return _allowed(rows, words) if undo else _denials(rows, doc_id, words)

    correct(writer, [name], denials)


def correct(
    writer: Writer,
    names: Iterable[str | os.PathLike[str]],
    corrections: Callable[[str, list[Caption]], list[Caption]],
) -> int:
    """Store what is to be said of pictures, given the doc_id and all captions of each; of how many
    there was something to say.
    """
    doc_ids = sorted({writer.find(name) for name in names})
    rows = dict(writer.store.scan(doc_ids))
    made = [corrections(doc_id, rows.get(doc_id, [])) for doc_id in doc_ids]
    writer.keep(row for part in made for row in part)
    writer.sync()
    writer.tidy()
    return sum(map(bool, made))


def _corrections(
    captions: Sequence[Caption],
    current: CaptionerKey | None,
    text: str,
    crop: str,
    field: str = "caption",
    caption_id: str | None = None,
) -> list[Caption]:
    """What to store so that `text` stands in place of one caption of a crop, or without a
    caption_id of all of them: the others are then corrected to nothing.

    captions: all that are stored of the picture. current: the captioner whose words count.
    Raises LexsearchError for a crop that nothing is said of, naming the others.
    """
    _check(field)
    effective = in_effect(captions, current)
    here = [row for row in effective if row.crop == crop]
    if not here:
        crops = ", ".join(dict.fromkeys(row.crop for row in effective))
        raise LexsearchError(f"there is no crop {crop!r} of this picture; it has: {crops}")
    replaced = [row for row in here if row.field == field]
    like = (replaced or here)[0]._replace(field=field)
    if caption_id is not None:
        return [said(like, text, caption_id, captions)]
    others = dict.fromkeys(row.caption_id for row in replaced if row.caption_id)
    return [
        said(like, text, "", captions),
        *(said(like, "", other, captions) for other in others),
    ]


def _withdrawn(
    captions: Sequence[Caption], crop: str, field: str = "caption", caption_id: str | None = None
) -> list[Caption]:
    """What to store so that corrections of a crop, or of one caption of it, count no more."""
    _check(field)
    return [
        said(row, None, row.caption_id, captions)
        for row in latest(captions).values()
        if (row.source, row.crop, row.field) == ("human", crop, field)
        and row.text is not None
        and caption_id in (None, row.caption_id)
    ]


def _denials(captions: Sequence[Caption], doc_id: str, words: Sequence[str]) -> list[Caption]:
    """What to store so that no caption of the picture says these words or phrases any more."""
    return [
        said(Caption(doc_id, WHOLE, None, DENIED), text, text.casefold(), captions)
        for text in _each(words)
    ]


def _allowed(captions: Sequence[Caption], words: Sequence[str]) -> list[Caption]:
    """What to store so that these words are denied no more; LexsearchError for one that was not."""
    denied = {
        row.caption_id: row
        for row in latest(captions).values()
        if row.field == DENIED and row.source == "human" and row.text is not None
    }
    for text in _each(words):
        if text.casefold() not in denied:
            names = ", ".join(row.text or "" for row in denied.values())
            raise LexsearchError(f"{text!r} was not denied; denied: {names or 'nothing'}")
    rows = [denied[text.casefold()] for text in _each(words)]
    return [said(row, None, row.caption_id, captions) for row in rows]


def _each(words: Sequence[str]) -> list[str]:
    texts = list(filter(None, (" ".join(text.split()) for text in words)))
    if not texts:
        raise LexsearchError("there is no word to deny")
    return texts


def _check(field: str) -> None:
    if field not in CORRECTABLE:
        raise LexsearchError(f"{field!r} cannot be corrected, but {', '.join(CORRECTABLE)}")


def said(like: Caption, text: str | None, caption_id: str, all_: Iterable[Caption]) -> Caption:
    """A human caption in the place of another: later than everything that is stored, whatever the
    clock says.
    """
    now = max([time.time_ns() // 1000, *(row.time + 1 for row in all_)])
    return like._replace(
        text=text, caption_id=caption_id, source="human", captioner=HUMAN, time=now
    )
