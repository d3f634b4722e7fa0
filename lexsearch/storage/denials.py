"""Words that a person said are wrong of a picture: they leave what is indexed, in all forms, and
with them the names of kinds: where there is no cat there is no Egyptian Mau.

A denial is a human caption of the field "denied", so it is exported, imported and kept as captions
are; what captioners said stays stored as they said it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lexsearch.engines.weights import WEIGHTS
from lexsearch.text.lexicon import Lexicon

DENIED = "denied"
"""The field of a denial."""
TAKEN_FROM = ("caption", "seen", "text")
"""The fields that words are taken out of: not what the file says of itself, nor its name."""
_NAME_WITH_KINDS = re.compile(r"[^()]+\(([^()]*)\)")
"""A statement such as "Egyptian Mau (cat, animal)"."""
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


def without(
    texts: Sequence[str], denied: Sequence[str], lexicon: Lexicon, *, kinds: bool = False
) -> list[str]:
    """The texts without the denied words and phrases, in whatever form; with `kinds` also without
    what is said to be a kind of them, and all other names that a search for them takes for them.
    """
    if kinds:
        others = (row for text in denied for row in lexicon.alternatives(text))
        denied = [*denied, *(row.text for row in others if row.names(WEIGHTS.likely))]
    words = {word for text in (*texts, *denied) for word in _WORD.findall(text)}
    known = lexicon.terms(sorted(words))
    keys = {tuple(_terms(_WORD.findall(text), known)) for text in denied} - {()}
    if kinds:
        texts = [_without_kinds(text, keys, known) for text in texts]
    return [_rest(text, keys, known) for text in texts]


def _without_kinds(
    text: str, keys: set[tuple[str, ...]], known: Mapping[str, Sequence[str]]
) -> str:
    statements = text.split(";")
    named = (_NAME_WITH_KINDS.fullmatch(one.strip()) for one in statements)
    kinds = (" ".join(match[1].split()) if match else "" for match in named)
    return ";".join(
        statement
        for statement, kind in zip(statements, kinds, strict=True)
        if _rest(kind, keys, known) == kind
    )


def _rest(text: str, keys: set[tuple[str, ...]], known: Mapping[str, Sequence[str]]) -> str:
    """Cut until nothing is left to cut: words around a phrase may be that phrase."""
    while (rest := _cut(text, keys, known)) != text:
        text = rest
    return text


def _terms(words: Sequence[str], known: Mapping[str, Sequence[str]]) -> list[str]:
    return [term for word in words for term in known[word]]


def _cut(text: str, keys: set[tuple[str, ...]], known: Mapping[str, Sequence[str]]) -> str:
    """Where the terms of some words in a row are a key, all from the first to the last of them go;
    a stop word in between counts for nothing.
    """
    telling = [match for match in _WORD.finditer(text) if known[match[0]]]
    kept, end, place = [], 0, 0
    while place < len(telling):
        stop = place + 1
        row = _terms([telling[place][0]], known)
        longest = max(map(len, keys), default=0)
        while tuple(row) not in keys and len(row) < longest and stop < len(telling):
            row += known[telling[stop][0]]
            stop += 1
        if tuple(row) in keys:
            kept.append(text[end : telling[place].start()])
            end, place = telling[stop - 1].end(), stop
        else:
            place += 1
    return " ".join("".join([*kept, text[end:]]).split())
