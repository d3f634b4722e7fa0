"""Where a thing most likely is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexsearch.images.crops import fixed, overlapped, whole
from lexsearch.records import Box
from lexsearch.searching.regions import agreed, locate

CROPS = {crop.name: crop.box for crop in (*whole(600, 600), *fixed(600, 600))}


def located(*names: str) -> Box | None:
    return locate({box: float(name in names) for name, box in CROPS.items()})


@pytest.mark.parametrize("name", list(CROPS))
def test_what_one_crop_alone_names_is_in_it(name: str) -> None:
    assert located(name) == CROPS[name]


def test_crops_within_each_other_narrow_it_down() -> None:
    assert located("whole", "left half", "top left quarter") == CROPS["top left quarter"]
    assert located("whole", "left half", "top half") == CROPS["top left quarter"]


@given(st.sets(st.sampled_from(list(CROPS)), min_size=1))
def test_a_place_is_in_the_picture_and_touches_what_names_it(names: set[str]) -> None:
    box = located(*names)
    assert box is not None
    assert 0 <= box.left < box.right <= 600
    assert 0 <= box.top < box.bottom <= 600
    named = [CROPS[name] for name in names]
    assert any(box.left < one.right and one.left < box.right for one in named)


def test_of_boxes_seen_the_one_that_others_agree_on() -> None:
    apart, one, other = Box(0, 0, 50, 50), Box(100, 100, 200, 200), Box(110, 100, 210, 200)
    assert agreed([apart, one, other]) == one
    assert agreed([]) is None


def test_what_nobody_names_is_nowhere() -> None:
    assert located() is None
    assert locate({}) is None


def test_overlapped_patches_are_still_told_apart_by_their_edges() -> None:
    crops = {crop.name: crop.box for crop in (*whole(997, 601), *overlapped(997, 601))}
    named = ("whole", "left half", "top half")
    box = locate({box: float(name in named) for name, box in crops.items()})
    assert box is not None
    assert box not in (crops["whole"], crops["left half"], crops["top half"])


_BOXES = st.builds(
    lambda left, top, width, height: Box(left, top, left + width, top + height),
    *[st.integers(0, 5000)] * 2,
    *[st.integers(1, 5000)] * 2,
)


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(_BOXES, st.sampled_from([0.0, 0.5, 1.0]), min_size=60, max_size=300))
def test_of_very_many_regions_one_that_names_it_is_told(crops: dict[Box, float]) -> None:
    box = locate(crops)
    assert (box is None) == (not any(crops.values()))
    if box is not None:
        assert box in crops
