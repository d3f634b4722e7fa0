"""Where a thing most likely is."""

from __future__ import annotations

import pytest

from lexsearch.crops import fixed, whole
from lexsearch.records import Box
from lexsearch.regions import locate

CROPS = {crop.name: crop.box for crop in (*whole(600, 600), *fixed(600, 600))}


def located(*names: str) -> Box | None:
    return locate({box: float(name in names) for name, box in CROPS.items()})


@pytest.mark.parametrize("name", list(CROPS))
def test_what_one_crop_alone_names_is_in_it(name: str) -> None:
    assert located(name) == CROPS[name]


def test_crops_within_each_other_narrow_it_down() -> None:
    assert located("whole", "left half", "top left quarter") == CROPS["top left quarter"]
    assert located("whole", "left half", "top half") == CROPS["top left quarter"]


def test_equal_votes_tell_no_place_from_another() -> None:
    assert located("whole", "top left ninth", "top right ninth") == Box(0, 0, 600, 200)


def test_what_nobody_names_is_nowhere() -> None:
    assert located() is None
    assert locate({}) is None
