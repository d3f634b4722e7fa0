"""Dates as people type them, and the beginnings of YYYY-MM-DD that stand for them: pure.

2019   2019-7   2019/07/14   14.07.2019   July 2019   14 July 2019   July   14 July
2018-2020   2019-03..2019-05   >=2019   <2020-06   ..2018
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta

from lexsearch.errors import QueryError

_LEAP = 2000
_FIRST, _LAST = date(1000, 1, 1), date(2999, 12, 31)
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": 9}
_MONTH = rf"(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_DAY = r"\d\d?(?:st|nd|rd|th|\.)?"
_YEAR = r"[12]\d{3}"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<y>{_YEAR})(?:[-/.](?P<m>\d\d?)(?:[-/.](?P<d>\d\d?))?)?",
        rf"(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>{_YEAR})",
        rf"(?P<m>\d\d?)[/.](?P<y>{_YEAR})",
        rf"(?:(?P<d>{_DAY})\s+(?:of\s+)?)?(?P<m>{_MONTH}),?\s+(?P<y>{_YEAR})",
        rf"(?P<m>{_MONTH})\s+(?P<d>{_DAY}),?\s+(?P<y>{_YEAR})",
        rf"(?P<y>{_YEAR})\s+(?P<m>{_MONTH})",
    )
)
_SLASHED = re.compile(rf"(?P<a>\d\d?)/(?P<b>\d\d?)/(?P<y>{_YEAR})")
_DAYS_OF_A_YEAR = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<d>{_DAY})\s+(?:of\s+)?(?P<m>{_MONTH})",
        rf"(?P<m>{_MONTH})\s+(?P<d>{_DAY})",
    )
)
_RANGE = re.compile(r"(?P<from>.*?)\s*(?:\.{2,}|…|\s(?:-|to|until)\s)\s*(?P<to>.*)", re.IGNORECASE)
_YEARS = re.compile(rf"({_YEAR})-({_YEAR})")
_BOUND = re.compile(
    r"(?P<how>>=|<=|>|<|since\s|from\s|after\s|before\s|until\s)\s*(?P<one>.+)", re.IGNORECASE
)
_SAID = re.compile(
    rf"\b(?:{_DAY}\s+)?{_MONTH}(?:\s+{_DAY})?,?\s+{_YEAR}\b"
    rf"|(?<![\w.-]){_YEAR}-\d\d?(?:-\d\d?)?(?![\w-])"
    rf"|(?<![\w.])\d\d?\.\d\d?\.{_YEAR}\b"
    rf"|(?<![\w.$€£#-]){_YEAR}(?![\w-]|\.\d)",
    re.IGNORECASE,
)
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))


def read_date(text: str) -> str:
    """A date or range in one way: 2019, 2019-07, 2019-07-14, or two of these with `..` between, of
    which one may be missing; july and 14 july of every year.

    Raises QueryError, with the forms that exist, when it is no date, or no possible one.
    """
    text = " ".join(text.translate(_DASHES).split())
    if text.lower().rstrip(".") in _MONTHS:
        return calendar.month_name[_MONTHS[text.lower().rstrip(".")]].lower()
    for form in _DAYS_OF_A_YEAR:
        if said := form.fullmatch(text):
            month, day = _MONTHS[said["m"].lower().rstrip(".")], int(re.sub(r"\D", "", said["d"]))
            if not 1 <= day <= calendar.monthrange(_LEAP, month)[1]:
                raise _no_date(text)
            return f"{day} {calendar.month_name[month].lower()}"
    if years := _YEARS.fullmatch(text):
        text = "..".join(years.groups())
    if bound := _BOUND.fullmatch(text):
        how, one = bound["how"].strip().lower(), _read_one(bound["one"])
        if how in (">", "after"):
            return f"{_next_day(_span(one)[1])}.."
        if how in ("<", "before"):
            return f"..{_span(one)[0] - timedelta(1)}"
        return f"{one}.." if how in (">=", "since", "from") else f"..{one}"
    if both := _RANGE.fullmatch(text):
        ends = [_read_one(end) if end else "" for end in (both["from"], both["to"])]
        if not any(ends):
            raise _no_date(text)
        start, end = _bounds(ends[0], ends[1])
        if start > end:
            raise QueryError(f"date:{text} ends before it begins")
        return "..".join(ends)
    return _read_one(text)


def beginnings(read: str) -> tuple[str, ...]:
    """The beginnings of YYYY-MM-DD that are in a date or range as `read_date` gives it."""
    day, _, month = read.rpartition(" ")
    if number := _MONTHS.get(month):
        rest = f"{number:02}-{int(day):02}" if day else f"{number:02}"
        return tuple(f"{year}-{rest}" for year in range(1826, 2100))
    start, dots, end = read.partition("..")
    return tuple(_cover(*_bounds(start, end))) if dots else (read,)


def said_dates(text: str) -> list[tuple[str, str]]:
    """(as written, as read) of the dates in a free text."""
    found = []
    for match in _SAID.finditer(text):
        try:
            found.append((match[0], _read_one(match[0])))
        except QueryError:
            continue  # the 99.99.2019 of a receipt
    return found


def _read_one(text: str) -> str:
    if slashed := _SLASHED.fullmatch(text):
        return _read_slashed(text, int(slashed["a"]), int(slashed["b"]), slashed["y"])
    for form in _FORMS:
        if match := form.fullmatch(text):
            parts = match.groupdict()
            month = (parts.get("m") or "").lower().rstrip(".")
            day = re.sub(r"\D", "", parts.get("d") or "")
            return _possible(text, parts["y"], _MONTHS.get(month, month), day)
    raise _no_date(text)


def _read_slashed(text: str, one: int, other: int, year: str) -> str:
    if one <= 12 and other <= 12 and one != other:
        raise QueryError(
            f"date:{text} may be {year}-{one:02}-{other:02} or {year}-{other:02}-{one:02}; "
            "type it in one of these ways"
        )
    day, month = (one, other) if one > 12 else (other, one)
    return _possible(text, year, month, str(day))


def _possible(text: str, year: str, month: str | int, day: str) -> str:
    read = "-".join([year, *(f"{int(part):02}" for part in (month, day) if part)])
    try:
        _span(read)
    except ValueError:
        raise _no_date(text) from None
    return read


def _no_date(text: str) -> QueryError:
    return QueryError(
        f"{text!r} is no date; type date: and 2019, 2019-07, 2019-07-14, 14.07.2019, July 2019, "
        "14 July of every year, 2018..2020, >=2019 or <2020-06"
    )


def _span(read: str) -> tuple[date, date]:
    """The first and the last day."""
    year, month, day = (*map(int, read.split("-")), 0, 0)[:3]
    if day:
        return date(year, month, day), date(year, month, day)
    if month:
        return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
    return date(year, 1, 1), date(year, 12, 31)


def _bounds(start: str, end: str) -> tuple[date, date]:
    return _span(start)[0] if start else _FIRST, _span(end)[1] if end else _LAST


def _next_day(day: date) -> date:
    return min(day + timedelta(1), _LAST)


def _cover(start: date, end: date) -> Iterator[str]:
    """Beginnings that hold all days from start to end, and no others: the shortest."""
    while start <= end:
        for years in (1000, 100, 10, 1):
            last = date(start.year + years - 1, 12, 31)
            whole = start.year % years == 0 and (start.month, start.day) == (1, 1)
            if whole and last <= end:
                yield str(start.year)[: 4 - len(str(years)) + 1]
                break
        else:
            last = _span(f"{start:%Y-%m}")[1]
            if start.day == 1 and last <= end:
                yield f"{start:%Y-%m}"
            else:
                last = start
                yield f"{start:%Y-%m-%d}"
        if last == _LAST:
            return
        start = last + timedelta(1)
