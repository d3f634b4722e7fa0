"""From captions to documents: which captions are in effect, and their joined text.

The paper's key expansion (Sec. 3.1): a document is all the captions of a picture, of the
whole and of each crop, joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lexsearch.images.crops import NAMES, boxes
from lexsearch.records import LIKENESS, Box, Caption, CaptionerKey, Document, Passage
from lexsearch.storage.denials import DENIED, TAKEN_FROM, without
from lexsearch.text.lexicon import Lexicon

HUMAN = "human"
"""Who made a caption by hand, in `same_as`."""
_ORDER = {name: position for position, name in enumerate(NAMES)}


def compose(
    doc_id: str,
    captions: Iterable[Caption],
    current: CaptionerKey | None = None,
    names: Iterable[str] = (),
    *,
    lexicon: Callable[[], Lexicon],
) -> Document:
    """The document of a picture: the captions in effect, one a line, without denied words.

    names: of the picture's files and folders, where they should be found too.
    lexicon: which words are forms and kinds of one; asked for only if any is denied.
    """
    effective = [caption for caption in in_effect(captions, current) if caption.text]
    denied = [row.text or "" for row in effective if row.field == DENIED]
    effective = [row for row in effective if row.field != DENIED]
    texts = [" ".join((row.text or "").split()) for row in effective]
    if denied:
        texts = _without(effective, texts, denied, lexicon())
    passages = [
        Passage(text, row.field, row.crop, _odd_box(row))
        for row, text in zip(effective, texts, strict=True)
        if text
    ]
    contents = "\n".join(passage.text for passage in passages if passage.field == "caption")
    sizes = [(row.width, row.height) for row in effective if row.width and row.height]
    named = [Passage(name, "name") for name in names]
    return Document(doc_id, contents, (*passages, *named), sizes[0] if sizes else None)


def _without(
    captions: Sequence[Caption], texts: Sequence[str], denied: Sequence[str], lexicon: Lexicon
) -> list[str]:
    """The texts without the denied words; "" where nothing is left to read. A kind of a denied
    thing stays only where a person says it: who denies the dog may still write "our husky".
    """
    said = without(texts, denied, lexicon)
    meant = without(texts, denied, lexicon, kinds=True)
    rests = []
    for row, *versions in zip(captions, texts, said, meant, strict=True):
        if row.field not in TAKEN_FROM:
            rest = versions[0]
        else:
            rest = versions[1 if row.source == "human" else 2]
            rest = rest if any(map(str.isalnum, rest)) else ""
        rests.append(rest)
    return rests


def _odd_box(caption: Caption) -> Box | None:
    """The box of a caption, if the name of its crop does not tell it."""
    if caption.width and caption.height:
        usual = boxes(caption.width, caption.height).get(caption.crop)
        return caption.box if caption.box != usual else None
    return caption.box


def in_effect(captions: Iterable[Caption], current: CaptionerKey | None = None) -> list[Caption]:
    """The captions that count, in order of crop, from all that were ever written of a picture.

    - of the same caption written twice, the later (see `latest`);
    - a human caption in place of every other one with its crop, field and caption_id, until
      withdrawn;
    - imported captions all; of captioners, for each crop, the current one, or else the one
      that saw the crop last, and of that one only what it said, or read, the last time.
    """
    rows = [row for row in latest(captions).values() if row.field != LIKENESS]
    if all(row.source == "import" for row in rows):
        return sorted((row for row in rows if row.text or row.crop in _ORDER), key=_position)
    rows = _last_said(rows)
    human = {_place(row): row for row in rows if row.source == "human" and row.text is not None}
    seen_by = _captioner_of_each_crop(rows, current)
    chosen = {
        (_place(row), row.captioner): row
        for row in rows
        if row.source == "import" or (row.source == "model" and row.captioner == seen_by[row.crop])
    }
    kept = [
        row
        for (place, _), row in chosen.items()
        # "" says of a crop that nothing is to be seen there; of the file it says nothing
        if place not in human and (row.text or row.crop in _ORDER)
    ]
    return sorted([*kept, *human.values()], key=_position)


def latest(captions: Iterable[Caption]) -> dict[tuple[object, ...], Caption]:
    """The last text of every caption of a picture, by what makes it the same (`same_as`)."""
    found: dict[tuple[object, ...], Caption] = {}
    for caption in captions:
        key = same_as(caption)
        if key not in found or found[key].time <= caption.time:
            found[key] = caption
    return found


def same_as(caption: Caption) -> tuple[object, ...]:
    """Two captions with equal keys are the same caption, perhaps with another text: those of
    one place by one captioner, and all human ones of one place.
    """
    maker = HUMAN if caption.source == "human" else caption.captioner
    return (caption.crop, caption.field, caption.caption_id, maker)


def _place(caption: Caption) -> tuple[str, str, str]:
    return (caption.crop, caption.field, caption.caption_id)


def _captioner_of_each_crop(
    rows: Iterable[Caption], current: CaptionerKey | None
) -> dict[str, CaptionerKey]:
    seen_by: dict[str, CaptionerKey] = {}
    for row in sorted(rows, key=lambda row: row.time):
        if row.source == "model" and (current is None or seen_by.get(row.crop) != current):
            seen_by[row.crop] = row.captioner
    return seen_by


def _last_said(captions: Iterable[Caption]) -> list[Caption]:
    """Without what a captioner said of a crop before it was asked about it once more: all that it
    says at once of one crop has the same time. Reading is asked for by itself: what is written in
    a picture stays, however often it is looked at.
    """
    rows = list(captions)
    last: dict[tuple[str, bool, CaptionerKey], int] = {}
    for row in rows:
        if row.source == "model":
            last[_asked(row)] = max(row.time, last.get(_asked(row), row.time))
    return [row for row in rows if row.source != "model" or row.time == last[_asked(row)]]


def _asked(caption: Caption) -> tuple[str, bool, CaptionerKey]:
    return caption.crop, caption.field == "text", caption.captioner


def _position(caption: Caption) -> tuple[int, str, str, str]:
    """The whole first, then patches from large to small, then crops of other names."""
    order = _ORDER.get(caption.crop, len(_ORDER))
    return (order, caption.crop, caption.field, caption.caption_id)
