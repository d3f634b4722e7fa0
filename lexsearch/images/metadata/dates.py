"""Dates as cameras, programs and people write them, as YYYY-MM-DD."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

_WRITTEN = re.compile(r"\s*([12]\d{3})([:\-/.]?)([01]\d)\2([0-3]\d)(?!\d)")
_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_. ]?)([01]\d)\2([0-3]\d)"
    r"(?!\d)|(?<!\d)((?:19|20)\d\d)([01]\d)([0-3]\d)(?=[0-2]\d[0-5]\d[0-5]\d(?:\d{3})?(?!\d))"
)
_MILLISECONDS = re.compile(r"(?<!\d)1[0-9]{12}(?!\d)")  # since 1970: 2001 to 2033


def first(texts: Iterable[str]) -> str | None:
    """The date of the first text that begins with one that the calendar has."""
    for text in texts:
        match = _WRITTEN.match(text)
        if match and (found := _valid(match[1], match[3], match[4])):
            return found
    return None


def in_name(name: str) -> str | None:
    """The date in a file's name: IMG-20190714-WA0001, 2019-07-14 12.00.00, 20190714120000."""
    for match in _NAME.finditer(name):
        year, _, month, day, *glued = match.groups()
        if found := _valid(year, month, day) if year else _valid(*glued):
            return found
    since_1970 = _MILLISECONDS.search(name)
    return of_seconds(int(since_1970[0]) / 1000) if since_1970 else None


def of_seconds(seconds: float) -> str:
    """The day, in UTC, of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _valid(year: str, month: str, day: str) -> str | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found.isoformat() if found.year >= 1800 and found.year <= 2100 else None
