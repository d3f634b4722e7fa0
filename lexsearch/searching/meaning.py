"""What is meant by a word that no picture has: a language model chooses among known words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lexsearch.language import Ask, LanguageModel
from lexsearch.language.asking import ask_all
from lexsearch.language.remembered import Remembered
from lexsearch.records import Suggestion
from lexsearch.text.asking import GRAMMAR
from lexsearch.text.words import words_of

if TYPE_CHECKING:
    from lexsearch.index import Index

_OFFERED, _MOST, _LONGEST = 200, 3, 3  # words to choose from, chosen ones, words in a line of them
_SYSTEM = (
    "You help people find photos by the words of their descriptions. Answer with words of the "
    "list alone, one a line, or with a dash."
)


def meant_by(
    index: Index,
    keyword: str,
    model: LanguageModel,
    *,
    remembered: Remembered | None = None,
    fresh: bool = False,
) -> list[Suggestion]:
    """Up to three words that come nearest to a keyword, best first, with how many pictures say
    each; none where nothing fits.

    The model is sent the keyword and the 200 commonest words of the index, and what it answers
    beyond these is left out. Raises ModelUnavailable.
    """
    known = _commonest(index)
    asked = question(keyword, known)
    [answer] = ask_all(
        model, [asked], lambda said: bool(said.strip()), remembered=remembered, fresh=fresh
    )
    return chosen(answer, known) if isinstance(answer, str) else []


def question(keyword: str, known: Mapping[str, int]) -> Ask:
    user = (
        f"Somebody searches photos for: {keyword}\nNo description has that. Words that "
        f"descriptions have: {', '.join(known)}\nWhich of these words, at most {_MOST}, mean "
        "nearly the same, or are of what would be seen there? Write them one a line, the nearest "
        "first, or a dash if none fits."
    )
    return Ask(_SYSTEM, user, max_tokens=30)


def chosen(answer: str, known: Mapping[str, int]) -> list[Suggestion]:
    """The known words in an answer, whatever that is, in its order."""
    lines = (words_of(part) for part in answer.replace(",", "\n").splitlines())
    bare = ([word for word in words if not word.isdecimal()] for words in lines)
    said = (" ".join(words) for words in bare if len(words) <= _LONGEST)
    fitting = dict.fromkeys(word for word in said if word in known)
    return [Suggestion(word, known[word]) for word in fitting][:_MOST]


def _commonest(index: Index) -> dict[str, int]:
    telling = (
        one
        for one in index.vocabulary().words
        if one.word.isalpha() and len(one.word) > 2 and one.word not in GRAMMAR
    )
    common = sorted(telling, key=lambda one: (-one.count, one.word))[:_OFFERED]
    return {one.word: one.count for one in common}
