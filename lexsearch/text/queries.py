"""Read what a person typed as a query: pure, and total but for dates that cannot be.

    bus, traffic light, -person, "fire hydrant", +dog, text:"cero emisiones", date:2023-07

Commas separate keywords. A sign, a quote or a field begins a keyword of its own, so that
`dog -person` needs no comma. Signs mean what they look like: a dash of any length, !, NOT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lexsearch.errors import QueryError
from lexsearch.records import FAVOURITE, FIELDS, Keyword, Query
from lexsearch.text.asking import asked_for
from lexsearch.text.dates import read_date
from lexsearch.text.words import normal

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d-"
_PLUS, _MINUS = "+\uff0b", f"!\uff01{_DASHES}"
_COMMAS = ",;\uff0c\u060c\u3001\uff1b"
_QUOTES = (
    ("\uff02", "\uff02"),
    ("\u201c\u201e\u201f", "\u201c\u201d\u201f"),
    ("\u201d", "\u201d"),
    ("\u00ab", "\u00bb"),
    ("\u00bb", "\u00ab"),
    ("\u2039", "\u203a"),
    ("\u300c", "\u300d"),
    ("\u300e", "\u300f"),
)
_QUOTED = "|".join(f"[{begin}][^{end}]*[{end}]" for begin, end in _QUOTES)
_MARKS = "".join({'"': 0} | dict.fromkeys("".join(begin + end for begin, end in _QUOTES)))
_NAMES = "|".join(rf"{name}(?=:\s*\"?favou?rites?\b)" if name == "is" else name for name in FIELDS)
_BOUNDARY = rf"(?<![^\s({_COMMAS}{_MARKS}])"
_PART = re.compile(
    rf"""(?P<comma>(?<!\d)[{_COMMAS}] | [{_COMMAS}](?!\d))               # 1,299 is a number
    | (?P<sign>{_BOUNDARY}[{_PLUS}{_MINUS}]+(?=[^\s{_COMMAS}{_PLUS}{_MINUS}]))?
      (?P<field>(?:{_BOUNDARY} | (?<=[{_PLUS}{_MINUS}]))(?:{_NAMES}):
                \s*(?=[^\s{_COMMAS}]))?
      (?: "(?P<quoted>(?:[^"]|"")*)"
        | (?P<marked>{_QUOTED} | \u2018[^\u2018\u2019]+\u2019(?=[\s{_COMMAS}]|$))
        | (?P<word>(?:[^\s{_COMMAS}] | (?<=\d)[{_COMMAS}](?=\d))+))""",
    re.VERBOSE | re.IGNORECASE,
)
_UNKNOWN_FIELD = re.compile(r"([^\W\d_]{3,}):(?!/)\S+")
_PREFIX = re.compile(r"[^\W_]{2,}\*")
_MOST_DATE_WORDS = 5


class _Part(NamedTuple):
    """A comma (no text), a word, or what stood in quotes. alone: a keyword by itself."""

    text: str = ""
    sign: str = ""
    field: str = ""
    quoted: bool = False
    alone: bool = False


def parse(text: str) -> Query:
    """The keywords in a text; one without commas, signs and quotes is one sentence.

    >>> parse("bus, traffic light").keywords
    (Keyword(text='bus', sign='', quoted=False, field=''), \
Keyword(text='traffic light', sign='', quoted=False, field=''))
    >>> [str(keyword) for keyword in parse('big dog -person "fire hydrant"').keywords]
    ['big dog', '-person', '"fire hydrant"']

    Raises QueryError when there is no keyword in it, and for a date that cannot be.
    """
    parts = _with_operators(_with_dates([*_parts(text)]), text)
    return _query(_keywords(parts), _notes(parts, text))


def parse_plainly(text: str) -> Query:
    """Keywords between commas, with nothing else understood, as the paper has it."""
    parts = (" ".join(part.split()) for part in text.split(","))
    return _query(Keyword(part) for part in parts if part)


def _query(keywords: Iterable[Keyword], notes: Iterable[str] = ()) -> Query:
    each = tuple(dict.fromkeys(keywords))
    if not each:
        raise QueryError('nothing to search for: try lexsearch query "bus, traffic light"')
    return Query(each, tuple(dict.fromkeys(notes)))


def _parts(text: str) -> Iterator[_Part]:
    place = 0
    while part := _PART.search(text, place):
        place = part.end()
        field = (part["field"] or "").strip().rstrip(":").lower()
        sign = ("+" if part["sign"][0] in _PLUS else "-") if part["sign"] else ""
        quoted = part["quoted"] if part["marked"] is None else part["marked"][1:-1]
        if part["comma"]:
            yield _Part()
        elif field == "is":
            yield _Part(FAVOURITE, sign, field, alone=True)
        elif quoted is None:
            word = part["word"].strip(_MARKS)
            if word != part["word"] and not field:  # a quote that is never closed
                text = f"{text[: part.start('word')]}{word}{text[place:]}"
                place = part.start()
            elif word:
                said = word if field == "like" else normal(word)
                yield _Part(said, sign, field, alone=field == "kind")  # which is one word
        else:
            said = quoted.replace('""', '"')
            if field != "like":
                said = " ".join(normal(said).split())
            if said if field == "like" else said.strip():
                yield _Part(said, sign, field, quoted=True, alone=True)
            else:
                yield _Part()


def _with_operators(parts: Sequence[_Part], text: str) -> list[_Part]:
    """NOT and a dash before a single last word as a minus, AND and OR as commas; as words where
    nothing is in small letters: DO NOT ENTER.
    """
    understood: list[_Part] = []
    shouted = text == text.upper()
    negated = False
    for place, part in enumerate(parts):
        ahead = parts[place + 1 : place + 3]
        plain = part.text and not (part.quoted or part.field or part.sign)
        if plain and part.text in ("NOT", "AND", "OR", "&&", "||") and not shouted:
            negated = part.text == "NOT"
            understood += [] if negated else [_Part()]
        elif plain and not part.text.strip(_PLUS + _MINUS):
            # dog - cat, but not: a dog - on the beach
            said = [bool(one.text) for one in ahead]
            is_before_one = said in ([True], [True, False]) and not ahead[0].text[0].isdigit()
            negated = is_before_one and not part.text.strip(_DASHES)
        elif negated and part.text:
            understood.append(part._replace(sign="-"))
            negated = False
        else:
            understood.append(part)
    return understood


def _with_dates(parts: Sequence[_Part]) -> list[_Part]:
    """Dates in one way, with all their words: date:14 July 2019."""
    understood: list[_Part] = []
    skipped = 0
    for place, part in enumerate(parts):
        if skipped:
            skipped -= 1
        elif part.field == "date":
            more: list[str] = []
            for one in () if part.quoted else parts[place + 1 : place + _MOST_DATE_WORDS]:
                if not one.text or one.sign or one.field or one.quoted:
                    break
                more.append(one.text)
            read, skipped = _longest_date(part.text, more)
            understood.append(part._replace(text=read, alone=True))
        else:
            understood.append(part)
    return understood


def _longest_date(first: str, more: Sequence[str]) -> tuple[str, int]:
    for count in range(len(more), -1, -1):
        try:
            return read_date(" ".join([first, *more[:count]])), count
        except QueryError:
            continue
    return read_date(" ".join([first, *more])), 0  # the error, with all that was typed


def _keywords(parts: Iterable[_Part]) -> Iterator[Keyword]:
    """A sign or a field holds for all words up to the comma if it comes first, else for one."""
    words: list[str] = []
    sign = field = ""
    first = True

    def finish() -> Iterator[Keyword]:
        nonlocal sign, field
        if said := " ".join(words):
            yield Keyword(said if field else asked_for(said), sign, field=field)
        words.clear()
        sign = field = ""

    for part in parts:
        marked = part.sign or part.field
        if not part.text or marked or part.alone:
            yield from finish()
        if part.alone:
            yield Keyword(part.text, part.sign, part.quoted, part.field)
        elif part.text:
            sign, field = part.sign or sign, part.field or field
            words.append(part.text)
            if marked and not first:
                yield from finish()
        first = not part.text
    yield from finish()


def _notes(parts: Iterable[_Part], text: str) -> Iterator[str]:
    """What was typed that means nothing here, and what to type in its place."""
    for part in parts:
        if part.quoted or part.field:
            continue
        if unknown := _UNKNOWN_FIELD.fullmatch(part.text):
            fields = ", ".join(f"{name}:" for name in FIELDS)
            yield f"there is no field {unknown[1]}: (there are {fields}); its words are looked for"
        if "*" in part.text and not _PREFIX.fullmatch(part.text):
            yield f"{part.text}: a star stands for the rest of a word, at its end: hydr*"
    if without := re.match(r"(?:.*\b(?:without|but not|except)(?: an?)?|no) (\w+)", text, re.I):
        yield f"'without' and 'no' are words like others; -{without[1]} leaves {without[1]} out"
