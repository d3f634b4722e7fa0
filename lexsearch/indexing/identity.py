"""A file whose bytes changed: the same picture still, an edited one, or another one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from lexsearch.errors import ImageError
from lexsearch.images import metadata
from lexsearch.images.crops import boxes
from lexsearch.images.files import open_picture
from lexsearch.images.likeness import Relation, relation, side_of
from lexsearch.indexing.scan import Change, Report
from lexsearch.records import LIKENESS, Caption
from lexsearch.storage.documents import latest
from lexsearch.storage.writer import Writer

_UNTOLD = Relation(same=False, turn=None, size=(0, 0))
"""Of a picture that could not be compared: what people said goes by the path."""


def follow_changes(writer: Writer, changes: Sequence[Change], report: Report) -> None:
    """Carry over what was said of pictures whose files have other bytes now.

    Of the same pixels, everything: nothing is described again. Of a picture that was turned or
    edited, what people said and imported, with the crops turned along; so too, with a word in
    the report, where nobody can tell what became of it. Of another picture at the same place,
    nothing; where people had corrected the one before, the report says so.
    """
    if not changes:
        return
    before = dict(writer.store.scan({change.before for change in changes}))
    known = {doc_id for doc_id, _ in writer.store.scan({change.now for change in changes})}
    kept: list[Caption] = []
    for change in changes:
        rows = list(latest(before.get(change.before, [])).values())
        related = _relation(change, rows)
        if related is not None and change.now not in known:
            kept += _carried(change.now, rows, related)
        lost = sum(row.source == "human" and row.text is not None for row in rows)
        corrections = f"{lost} correction{'s' * (lost > 1)}"
        stay = f"stay{'s' * (lost == 1)}"
        if related is None and lost:
            report.notes.append(
                f"{change.path} is another picture now: {corrections} of the one before {stay} "
                f"with that, known as {change.before}"
            )
        elif related is _UNTOLD and lost:
            report.notes.append(
                f"{change.path} has changed, and nothing tells whether it shows the same: "
                f"{corrections} {stay} with it"
            )
    writer.keep(kept)


def _relation(change: Change, rows: Iterable[Caption]) -> Relation | None:
    before = next((row.text for row in rows if row.field == LIKENESS and row.text), None)
    if before is None:  # the picture before could not be opened, or is from an older index
        return _UNTOLD
    try:
        return relation(before, open_picture(change.path, side_of(before)).likeness)
    except ImageError:  # named when it is to be described; it may come right again
        return _UNTOLD


def _carried(doc_id: str, rows: Iterable[Caption], related: Relation) -> list[Caption]:
    now = time.time_ns() // 1000
    return [
        _turned(row, related)._replace(doc_id=doc_id, time=now)
        for row in rows
        if row.text is not None and (row.source != "model" or (related.same and _is_of_pixels(row)))
    ]


def _is_of_pixels(row: Caption) -> bool:
    """Whether it was seen in the picture, not read in the file's metadata."""
    return row.crop != metadata.FILE or row.field == LIKENESS


def _turned(row: Caption, related: Relation) -> Caption:
    """With the crop where it is now, under the name that it has there."""
    if related.turn is None or row.box is None or not row.width or not row.height:
        return row
    box = related.moved(row.box, (row.width, row.height))
    width, height = related.size
    named = {place: name for name, place in boxes(width, height).items()}
    return row._replace(crop=named.get(box, row.crop), box=box, width=width, height=height)
