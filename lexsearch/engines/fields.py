"""The fields of a text index, the same in every engine.

contents  all captions: what the paper ranks, and where phrases are looked for
said      each word once for each caption that says it, so that a word's frequency is the
          number of captions that agree on it
early     each word of captions up to eight times: how often, and by quarters how early a caption
          that says it does, in the mean; what models make up comes late
doubtful  each word that few patches of a picture say, and not the whole of it
text, name, about, camera  what is known of the picture beside its captions
date, kind, album, is      the same, each text as a whole: asked for by equality or beginning, never
          weighed
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from lexsearch.engines import StoredDocument
from lexsearch.images.crops import stage_of
from lexsearch.records import WHOLE, Box, Document, Passage
from lexsearch.text.analysis import Analyzer, clean
from lexsearch.text.words import (
    EXACT,
    joined_in,
    key_of,
    normal,
    spaced,
    words_in,
    words_of_each,
)

CONTENTS, SAID, EARLY, DOUBTFUL, DATE = "contents", "said", "early", "doubtful", "date"
CHAINS = {
    CONTENTS: "porter",
    SAID: "english",
    EARLY: "english",
    DOUBTFUL: "english",
    "text": "plain",
    "name": "plain",
    "about": "english",
    "camera": "plain",
    **dict.fromkeys(EXACT, "exact"),
}
"""For each field the chain (see lexsearch.text.analysis) that makes its terms."""

LAYOUT = 9
"""Goes up with every change of the fields: an index that was made with another one is outdated."""

NO_LENGTHS = (SAID, EARLY)
"""Fields whose lengths are each taken for 1: a picture with more to see is no worse a picture."""

BESIDE = ("text", "name", "about", "camera", *EXACT)
_QUARTERS, _MOST_EARLY = 4, 8
_FEW = 2  # patches; they overlap, so that two often see the same spot
_GAP = "\n" + 6 * "a "  # stop words: no terms, but no phrase reaches over so many


def chain_of(field: str) -> str:
    """The chain that a passage of a field is read by, where keywords are looked for."""
    return CHAINS.get(field, CHAINS[SAID])


def texts_of(document: Document, analyzer: Analyzer) -> dict[str, str]:
    """For each field the text that its terms are made of, by the analyzer of its engine."""
    counted = counted_of(document)
    return {
        **plain_of(document, analyzer),
        SAID: _once(counted[SAID]),
        EARLY: _early(counted[EARLY]),
    }


def plain_of(document: Document, analyzer: Analyzer) -> dict[str, str]:
    """The texts of all fields but those that count words."""
    texts = {
        CONTENTS: clean(spaced(normal(document.contents))).replace("\n", _GAP),
        DOUBTFUL: clean(" ".join(_doubtful(document, analyzer))),
    }
    for field in BESIDE:
        rows = [passage.text for passage in document.passages if passage.field == field]
        texts[field] = clean("\n".join(_lines(rows, field)))
    return texts


def counted_of(document: Document) -> dict[str, str]:
    """What the fields that count words are made of: a line a caption, a space between words."""
    lines = "\n".join(map(" ".join, words_of_each(captions_of(document))))
    return {SAID: lines, EARLY: lines}


def _lines(rows: Sequence[str], field: str) -> list[str]:
    """A field's texts as they are read, a line each, and behind them what stands in groups, written
    together.
    """
    if field in EXACT:
        return list(dict.fromkeys(filter(None, map(key_of, rows))))
    lines = [" ".join(words_in(text, field)) for text in rows]
    return lines + [" ".join(joined_in(text)) for text in rows if field == "text"]


def captions_of(document: Document) -> list[str]:
    """The captions, where a document has no passages the lines of its contents."""
    if document.passages:
        return [passage.text for passage in document.passages if passage.field == "caption"]
    return document.contents.splitlines()


def _once(lines: str) -> str:
    """Each word once a caption. Lucene's writer counts by itself (java/lexsearch/Counts.java)."""
    return "\n".join(" ".join(dict.fromkeys(line.split())) for line in lines.split("\n"))


def _early(lines: str) -> str:
    """Each word as often as the captions that say it say it early, and again, in the mean."""
    sums: dict[str, float] = {}
    captions: Counter[str] = Counter()
    for line in lines.split("\n"):
        words = line.split()
        captions.update(set(words))
        for place, word in enumerate(words):
            sums[word] = sums.get(word, 0.0) + _QUARTERS * (1 - place / len(words))
    times = {word: min(_MOST_EARLY, max(1, round(sums[word] / n))) for word, n in captions.items()}
    return " ".join(word for word, count in times.items() for _ in range(count))


def _doubtful(document: Document, analyzer: Analyzer) -> Iterator[str]:
    """Of each doubtful term the words that become it."""
    rows = [row for row in document.passages if row.field == "caption"]
    if not any(_is_patch(row.crop) for row in rows):
        return
    said = words_of_each([row.text for row in rows])
    stems = analyzer.stems({word for words in said for word in words})
    each = zip(rows, said, strict=True)
    doubtful = doubtful_terms((row.crop, [stems[word] for word in words]) for row, words in each)
    yield from dict.fromkeys(word for words in said for word in words if stems[word] in doubtful)


def doubtful_terms(said: Iterable[tuple[str, Iterable[str]]]) -> set[str]:
    """Terms that one or two patches say, but neither the whole nor a crop with a name of its own.

    said: for each caption its crop and its terms, "" for a stop word.
    """
    patches: dict[str, set[str]] = {}
    sure = {""}
    for crop, terms in said:
        if _is_patch(crop):
            for term in terms:
                patches.setdefault(term, set()).add(crop)
        else:
            sure.update(terms)
    return {term for term, crops in patches.items() if len(crops) <= _FEW} - sure


def _is_patch(crop: str) -> bool:
    return crop != WHOLE and stage_of(crop) is not None


def coded(length: int) -> int:
    """A length as Lucene keeps it in a byte: SmallFloat.byte4ToInt(intToByte4(length))."""
    if length < 40:
        return length
    shift = (length - 24).bit_length() - 4
    return 24 + ((length - 24) >> shift << shift)


def pack(document: Document) -> str:
    """The passages and paths as JSON; the words of captions are left out, since `contents` holds
    them.
    """
    rows = [
        [row.crop, row.box] if row.field == "caption" else [row.crop, row.box, row.field, row.text]
        for row in document.passages
    ]
    told = [document.size, rows, *([document.paths] if document.paths else [])]
    return clean(json.dumps(told, separators=(",", ":"), ensure_ascii=False))


def unpack(packed: str, contents: str) -> StoredDocument:
    """What `pack` made, with the captions, one a line of the contents, put back."""
    size, rows, *more = json.loads(packed)
    paths = tuple(more[0]) if more else ()
    lines = iter(contents.split("\n"))
    if not rows:
        return StoredDocument(tuple(map(Passage, lines)), None, paths)
    return StoredDocument(tuple(_passages(rows, lines)), tuple(size) if size else None, paths)


def _passages(rows: list[list[object]], lines: Iterator[str]) -> Iterator[Passage]:
    for crop, box, *rest in rows:
        field, text = rest or ("caption", "".join(islice(lines, 1)))
        yield Passage(str(text), str(field), str(crop), Box(*box) if box else None)  # type: ignore[misc]
