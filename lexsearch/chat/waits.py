"""How long a server asks to be left alone: in its headers, or in words."""

from __future__ import annotations

import datetime
import email.utils
import math
import re
import time
from collections.abc import Mapping

_DURATION = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|"
    r"hours?|hrs?|h|days?|d)(?![a-z])",
    re.I,
)
_SECONDS = {"ms": 0.001, "mi": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_ASKED = re.compile(
    r"(?:try again|retry|wait|reset|available|resume)s?\b(?: your request)?[^.\d]{0,40}?"
    rf"(?P<for>(?:{_DURATION.pattern.replace('?P<number>', '?:').replace('?P<unit>', '?:')}\s*)+)",
    re.I,
)
_NAMED = re.compile(
    r'"(?P<name>retry_?delay|retry_?after(?:_seconds)?|retry_?after_?ms|estimated_time|'
    r'reset_?after)"\s*:\s*"?(?P<value>\d+(?:\.\d+)?)(?P<unit>ms|s)?',
    re.I,
)
_EPOCH = 1e9  # what is larger is a moment, not a duration
_MILLISECONDS = 1e11


def seconds_to_wait(headers: Mapping[str, str], body: str = "") -> float:
    """Seconds from now; 0 where neither header nor body says so. The headers count first."""
    told = [
        _scaled(headers.get("retry-after-ms"), 0.001),
        _scaled(headers.get("x-ms-retry-after-ms"), 0.001),
        moment(headers.get("retry-after")),
        _in_words(body),
        _until_reset(headers),
    ]
    return next((seconds for seconds in told if seconds), 0.0)


def moment(value: str | None) -> float:
    """Seconds from now until what a header names: seconds, "6m0s", a date, or since 1970."""
    if not value:
        return 0.0
    value = value.strip()
    try:
        number = float(value)
    except ValueError:
        return _duration(value) or _date(value)
    if not math.isfinite(number):
        return 0.0
    if number >= _MILLISECONDS:
        number /= 1000
    return max(0.0, number - time.time() if number >= _EPOCH else number)


def _scaled(value: str | None, unit: float) -> float:
    return moment(value) * unit


def _date(value: str) -> float:
    try:
        if value[:4].isdigit():
            at = datetime.datetime.fromisoformat(value)
        else:
            at = email.utils.parsedate_to_datetime(value)
        return max(0.0, at.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, OSError):
        return 0.0


def _duration(value: str) -> float:
    """Seconds in "7m12.5s", "20 seconds" or "2 min"; 0 where it is none."""
    return sum(
        float(part["number"]) * _unit(part["unit"]) for part in _DURATION.finditer(value[:100])
    )


def _unit(name: str) -> float:
    name = name.lower()
    if name.startswith(("ms", "milli")):
        return _SECONDS["ms"]
    return _SECONDS[name[0]]


def _in_words(body: str) -> float:
    if found := _NAMED.search(body):
        is_ms = found["unit"] == "ms" or found["name"].lower().endswith("ms")
        return float(found["value"]) * (0.001 if is_ms else 1.0)
    found = _ASKED.search(body)
    return _duration(found["for"]) if found else 0.0


def _until_reset(headers: Mapping[str, str]) -> float:
    """When the limit that is used up begins anew; where no header tells which, the latest."""
    resets = {}
    used_up = {}
    for name, value in headers.items():
        name = name.lower()
        if "ratelimit" in name and "reset" in name:
            resets[name] = moment(value)
            left = headers.get(name.replace("reset", "remaining"), "")
            if left.strip() == "0":
                used_up[name] = resets[name]
    return max((used_up or resets).values(), default=0.0)
