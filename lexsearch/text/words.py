"""What counts as a word: in captions, in words read in a picture, in names of files, in queries."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

EXACT = ("date", "kind", "album", "is")
"""Fields whose texts are each compared as a whole."""

_EMOJI = "[\u2600-\u27bf\U0001f000-\U0001faff]"
_IDEOGRAPHS = "\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
_SPACED = {code: " " for code in range(128) if not chr(code).isalnum()}
_SPACED_LINES = {code: sign for code, sign in _SPACED.items() if code != ord("\n")}
_GROUPED = re.compile(r"(?<=\d)[,.'\u00a0\u2009\u202f](?=\d{3}(?!\d))")  # 1,299 and 1.299
_NUMBER = re.compile(r"\d+(?:[ /()-]{1,2}\d+)+")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:['.][a-z0-9]+)*")  # as _word, and ten times as fast
_PLATE = re.compile(  # two or three groups of letters side by side, and digits
    r"(?<![^\W_])(?:\d{1,5}[ .\u00b7-]{1,2})?[^\W\d_]{1,3}(?:[ .\u00b7-]{1,2}[^\W\d_]{1,2}){1,2}"
    r"(?:[ .\u00b7-]{1,2}\d{1,5}(?:[ .\u00b7-]{1,2}[^\W\d_]{1,3})?)?(?![^\W_])"
)
_MOST_LETTERS = 5  # of a number plate, that stand side by side
_LETTERS_APART = re.compile(r"(?<=[^\W\d_])[ .\u00b7-]{1,2}(?=[^\W\d_])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DIGITS = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_POINTS = re.compile(r"[_.]+")
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")


def _ranges(*pairs: tuple[int, int]) -> dict[int, str | None]:
    return {code: None for first, last in pairs for code in range(first, last + 1)}


_UNSEEN: dict[int, str | None] = {
    # Points of Hebrew and Arabic, which most people leave out, and what joins or turns letters.
    **_ranges((0x591, 0x5BD), (0x5BF, 0x5BF), (0x5C1, 0x5C2), (0x5C4, 0x5C5), (0x5C7, 0x5C7)),
    **_ranges((0x610, 0x61A), (0x640, 0x640), (0x64B, 0x65F), (0x670, 0x670), (0x6D6, 0x6DC)),
    **_ranges((0xAD, 0xAD), (0x200C, 0x200F), (0x202A, 0x202E), (0x2060, 0x2069)),
    **_ranges((0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    0x200B: " ",
    **dict.fromkeys(map(ord, "\u2018\u2019\u02bc\uff07"), "'"),
    ord("\u0130"): "I",  # its lower case would be two signs, the other of which is a mark
}


def normal(text: str) -> str:
    """One of the many ways in which Unicode writes the same text: composed (NFC), without points
    of Hebrew and Arabic and without signs that nobody sees.
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).translate(_UNSEEN))


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, emoji too, in order; of Chinese and Japanese each sign,
    as Lucene has it, and of Thai and other scripts without spaces each letter with its marks.
    """
    text = normal(text).lower()
    if not text.isascii():
        return _word().findall(text)
    plain = text.replace(". ", " ").removesuffix(".")
    if "." in plain or "'" in plain:
        return _ASCII_WORD.findall(text)
    return plain.translate(_SPACED).split()  # most captions


def words_of_each(texts: Sequence[str]) -> list[list[str]]:
    """The words of each of several texts, as `words_of` has them: plain lines all at once, which
    takes a third of the time.
    """
    joined = "\n".join(texts)
    if not joined.isascii() or joined.count("\n") != len(texts) - 1:
        return [words_of(text) for text in texts]
    joined = joined.lower().replace(". ", " ").replace(".\n", "\n").removesuffix(".")
    lines = joined.translate(_SPACED_LINES).split("\n")
    if "." not in joined and "'" not in joined:
        return [line.split() for line in lines]
    marked = zip(lines, joined.split("\n"), texts, strict=True)
    return [
        words_of(text) if "." in line or "'" in line else plain.split()
        for plain, line, text in marked
    ]


@cache
def _word() -> re.Pattern[str]:
    """What a word looks like; a letter may have marks, which are no letters to `re`."""
    codes = (*range(0x300, 0x12000), *range(0x1E000, 0x1E950))
    marks = "".join(chr(code) for code in codes if unicodedata.category(chr(code))[0] == "M")
    letter = rf"[^\W_{_IDEOGRAPHS}{_UNSPACED}]"
    letters = rf"{letter}(?:{letter}|[{marks}])*"
    signs = rf"(?:[{_IDEOGRAPHS}]|(?=[^\W_])[{_UNSPACED}])[{marks}]*"
    return re.compile(rf"{letters}(?:['.]{letters})*|{signs}|{_EMOJI}")


def fold(text: str) -> str:
    """Without accents: é is e."""
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def key_of(text: str) -> str:
    """What a text is compared by as a whole: case, accents and spaces make no difference."""
    plain = normal(text.encode("utf-8", "replace").decode().replace("\0", " "))
    return " ".join(fold(plain).casefold().split())


def words_in(text: str, field: str) -> list[str]:
    """The words of a text in a field: of an exact one its key alone. In names and in words read in
    a picture, letters and digits part, numbers lose what groups their digits, and words their
    apostrophes, so that AB-12 CDE is found however it is written.
    """
    if field in EXACT:
        return [key_of(text)]
    if field not in ("name", "text"):
        return words_of(text)
    text = _GROUPED.sub("", normal(text)).replace("'", "")
    return [word.lower() for word in _divided(text)]


def words_in_each(texts: Sequence[str], field: str) -> list[list[str]]:
    """The words of each of several texts in a field."""
    if field in ("name", "text", *EXACT):
        return [words_in(text, field) for text in texts]
    return words_of_each(texts)


def joined_in(text: str) -> list[str]:
    """The words of numbers whose digits stand in groups, as of telephones, and of number plates
    whose letters do, written together: 030 12 34 is 0301234, B-AB 1234 is bab and 1234.
    """
    text = _GROUPED.sub("", normal(text))
    joined = [re.sub(r"\D", "", one) for one in _NUMBER.findall(text)]
    for plate in _PLATE.findall(_DIGITS.sub(" ", text)):
        words = _word().findall(_LETTERS_APART.sub("", plate).lower())
        longest = max(len(word) for word in words if not word.isdigit())
        if longest <= _MOST_LETTERS and any(map(str.isdigit, words)):
            joined += words
    return list(dict.fromkeys(joined))


def names_of(path: str) -> list[str]:
    """The words in a path, of its folders, file and ending, as people may type them: divided at
    capitals (my Holiday), and, where that makes a difference, not (iphone).
    """
    whole = _divided(normal(path.encode("utf-8", "replace").decode()).replace("'", ""))
    plain = " ".join(whole)
    divided = _CAMEL.sub(" ", plain)
    return [divided] if divided == plain else [divided, plain]


def _divided(text: str) -> list[str]:
    return _word().findall(_DIGITS.sub(" ", _POINTS.sub(" ", text)))


def spaced(text: str) -> str:
    """With spaces between the letters of scripts that have none between words, for an engine that
    would take a whole line for one word.
    """
    if text.isascii():
        return text
    return _UNSPACED_RUN.sub(lambda run: " ".join(_word().findall(run[0])), text)


def edits(one: str, other: str) -> int:
    """How many letters must be put in, taken out, changed or swapped with their neighbour to make
    one word of the other (optimal string alignment).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, its in enumerate(other, 1):
            cost = min(
                last[column] + 1, current[column - 1] + 1, last[column - 1] + (letter != its)
            )
            if before and column > 1 and one[row - 2] == its and letter == other[column - 2]:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, last = last, current
    return last[-1]
