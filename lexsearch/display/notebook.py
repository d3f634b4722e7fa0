"""Results in a notebook: pictures in rows, with the boxes where their words were seen.

One self-contained piece of HTML: pictures are small data URLs, and all text is escaped, since
captions and file names may hold anything.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from lexsearch.errors import ImageError
from lexsearch.records import LINES

if TYPE_CHECKING:
    from lexsearch.records import Hit

_SHOWN = 24  # pictures: about 20 kB each
_SIDE = 360  # pixels of a picture's longer side
_HEIGHT = 180  # of the rows, in CSS pixels
_COLOURS = ("#2a9d8f", "#e07a1f", "#8e6bd6", "#d6458b", "#3b82d0", "#94a11a", "#d1523a", "#7b8b93")


def render(hits: Sequence[Hit], query: str, total: int) -> str:
    """HTML of the first hits for a query, each with its words and boxes."""
    title = f"{total:,} pictures for: {query}" if hits else f"nothing found for: {query}"
    figures = "".join(
        _line(before, hit) + _figure(hit)
        for before, hit in pairwise([None, *hits[:_SHOWN]])
        if hit is not None
    )
    rest = len(hits) - _SHOWN
    more = f'<p style="margin:.3em 0">and {rest:,} more</p>' if rest > 0 else ""
    return (
        f'<div style="font-family:system-ui,sans-serif;font-size:13px">'
        f'<p style="margin:.3em 0">{escape(title)}</p>'
        f'<div style="display:flex;flex-wrap:wrap;gap:12px">{figures}</div>{more}</div>'
    )


def _line(before: Hit | None, hit: Hit) -> str:
    """What stands above a hit that begins a part of the list."""
    if not hit.below or (before is not None and before.below == hit.below):
        return ""
    return f'<p style="flex-basis:100%;margin:0;opacity:.65">{escape(LINES[hit.below])}</p>'


def _figure(hit: Hit) -> str:
    colours = {
        word: _COLOURS[number % len(_COLOURS)]
        for number, evidence in reversed(list(enumerate(hit.evidence)))
        for word in evidence.words
    }
    words = " · ".join(_word(word, colours.get(word, "transparent")) for word in hit.words)
    missing = "".join(f" <s>{_text(one.removeprefix('+'))}</s>" for one in hit.missing)
    name = _text((hit.path or hit.doc_id).rpartition("/")[2])
    return (
        f'<figure style="margin:0;max-width:{2 * _HEIGHT}px">{_picture(hit)}'
        f'<figcaption style="max-width:{2 * _HEIGHT}px">{hit.rank}. {words}{missing}<br>'
        f'<span style="opacity:.65">{name}</span></figcaption></figure>'
    )


def _word(word: str, colour: str) -> str:
    return f'<span style="border-bottom:2px solid {colour}">{_text(word)}</span>'


def _picture(hit: Hit) -> str:
    from lexsearch.images.jpeg import small_jpeg

    reason = "captions only"
    for path in hit.paths:
        try:
            data = base64.b64encode(small_jpeg(path, _SIDE)).decode()
        except ImageError as error:
            reason = str(error)
            continue
        return (
            '<div style="position:relative;display:inline-block;line-height:0">'
            f'<img alt="{_text(", ".join(hit.words))}" src="data:image/jpeg;base64,{data}" '
            f'style="height:{_HEIGHT}px;max-width:{2 * _HEIGHT}px;border-radius:4px">'
            f"{_boxes(hit)}</div>"
        )
    return (
        f'<div style="height:{_HEIGHT}px;width:{_HEIGHT}px;display:grid;place-items:center;'
        f'background:#8883;border-radius:4px">{_text(reason)}</div>'
    )


def _boxes(hit: Hit) -> str:
    """The boxes as an overlay of the picture's own size; hovering one names its keyword."""
    if not hit.width or not hit.height:
        return ""
    stroke = max(hit.width, hit.height) / 120
    shapes = "".join(
        f'<rect x="{box.left}" y="{box.top}" width="{box.width}" height="{box.height}" '
        f'fill="transparent" stroke="{_COLOURS[number % len(_COLOURS)]}" '
        f'stroke-width="{stroke:.0f}"><title>{_text(evidence.keyword)}</title></rect>'
        for number, evidence in enumerate(hit.evidence)
        if (box := evidence.box)
    )
    return (
        f'<svg viewBox="0 0 {hit.width} {hit.height}" preserveAspectRatio="none" '
        f'style="position:absolute;inset:0;width:100%;height:100%">{shapes}</svg>'
    )


def _text(text: str) -> str:
    return escape(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
