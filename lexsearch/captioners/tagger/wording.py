"""Plain English for the things in a view."""

from __future__ import annotations

from collections.abc import Sequence

_PLURALS = {"person": "people", "knife": "knives", "mouse": "mice", "sheep": "sheep"}
_UNCOUNTED = ("broccoli", "scissors", "skis")
_SPELT = {"mouse": "computer mouse"}  # COCO's is a device, never the animal


def listed(parts: Sequence[str]) -> str:
    """("people", "a bus", "a kite") -> "people, a bus and a kite"."""
    *rest, last = parts or [""]
    return f"{', '.join(rest)} and {last}" if rest else last


def quantity(name: str, several: bool) -> str:
    """A thing, or several: "a bus", "people". Not how many: counts are right too seldom."""
    spelt = _SPELT.get(name, name)
    if name in _UNCOUNTED:
        return name
    if several:
        return spelt.removesuffix(name) + _plural(name)
    return f"{'an' if spelt[0] in 'aeiou' else 'a'} {spelt}"


def with_kinds(name: Sequence[str]) -> str:
    """("trolleybus", "bus", "vehicle") -> "trolleybus (bus, vehicle)"."""
    return f"{name[0]} ({', '.join(name[1:])})" if len(name) > 1 else "".join(name)


def _plural(name: str) -> str:
    ending = "es" if name.endswith(("s", "x", "ch", "sh")) else "s"
    return _PLURALS.get(name, name + ending)
