"""Which rewrites are none: "rule-based anomaly detection", of which MGQRe lists no rule."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from lexsearch.text.analysis import STOP_WORDS
from lexsearch.text.asking import GRAMMAR
from lexsearch.text.words import words_of

MOST_NEW = 3
"""So many words that are in the picture's captions and not in the query may be in a rewrite. Who
copies captions always wins, and learns nothing of the query.
"""
_MOST_WORDS = 40
_TALK = re.compile(
    r"ground truth|\bsearch:|\bquer(?:y|ies)\b|\b(?:image|photo|picture) \d|the right photo|"
    r"https?:|www\.|[{}<>|]",
    re.I,
)
_FOREIGN_SHARE = 0.2


def fault(text: str, query: str, tried: Collection[str]) -> str:
    """Why a text is no rewrite of a query, in a word or two; "" where it may be one.

    tried: what was said for the query before, case folded.
    """
    words = words_of(text)
    if "\n" in text.strip():
        return "several lines"
    if not words:
        return "no words"
    if len(words) > _MOST_WORDS:
        return "too long"
    if _TALK.search(text):
        return "talk"
    if _foreign(text):
        return "another alphabet"
    if words == words_of(query):
        return "the query itself"
    return "said before" if text.casefold() in tried else ""


def _foreign(text: str) -> bool:
    """Whether many of the letters are not Latin."""
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum("LATIN" not in unicodedata.name(letter, "") for letter in letters)
    return foreign > _FOREIGN_SHARE * len(letters)


def new_words(text: str, query: str, captions: Collection[str]) -> int:
    """How many telling words a text has from a picture's captions that the query has not."""
    said = {word for caption in captions for word in words_of(caption)}
    return len((set(words_of(text)) & said) - set(words_of(query)) - GRAMMAR - STOP_WORDS)
