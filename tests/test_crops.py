"""Cutting pictures into named boxes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexsearch.images.crops import (
    MIN_SIDE,
    NAMES,
    SCHEMES,
    STAGES,
    between,
    fixed,
    overlapped,
    stage_of,
    whole,
)
from lexsearch.records import Box, Crop

sides = st.integers(1, 5000)


def patterns(crops: tuple[Crop, ...]) -> dict[str, list[Crop]]:
    """Patches by pattern: the two pairs of halves apart, quarters, ninths."""
    found: dict[str, list[Crop]] = {}
    for crop in crops:
        noun = crop.name.split()[-1]
        if noun == "half":
            noun = "columns" if crop.name.split()[0] in ("left", "right") else "rows"
        found.setdefault(noun, []).append(crop)
    return found


@given(sides, sides)
def test_each_fixed_pattern_covers_every_pixel_once(width: int, height: int) -> None:
    for tiles in patterns(fixed(width, height, min_side=1)).values():
        assert sum(crop.box.area for crop in tiles) == width * height
        rows = sorted({(crop.box.top, crop.box.bottom) for crop in tiles})
        columns = sorted({(crop.box.left, crop.box.right) for crop in tiles})
        for spans, end in ((rows, height), (columns, width)):
            assert [spans[0][0], spans[-1][1]] == [0, end]
            assert all(a[1] == b[0] for a, b in pairwise(spans))
        assert len(tiles) == len(rows) * len(columns)


@given(sides, sides)
def test_patches_of_a_pattern_differ_by_at_most_a_pixel_in_each_side(
    width: int, height: int
) -> None:
    for tiles in patterns(fixed(width, height)).values():
        for lengths in ([c.box.width for c in tiles], [c.box.height for c in tiles]):
            assert max(lengths) - min(lengths) <= 1


@given(sides, sides)
def test_fixed_patches_are_among_the_overlapped_ones(width: int, height: int) -> None:
    assert set(fixed(width, height)) <= set(overlapped(width, height))
    assert set(fixed(width, height)).isdisjoint(between(width, height))
    assert len(fixed(width, height)) + len(between(width, height)) == len(overlapped(width, height))


@given(sides, sides)
def test_boxes_lie_within_the_picture_and_are_no_shorter_than_allowed(
    width: int, height: int
) -> None:
    for crop in overlapped(width, height):
        box = crop.box
        assert 0 <= box.left < box.right <= width
        assert 0 <= box.top < box.bottom <= height
        assert min(box.width, box.height) >= MIN_SIDE


def test_a_large_picture_gives_17_fixed_and_40_overlapped_patches_with_names_of_their_own() -> None:
    assert len(fixed(640, 480)) == 17
    assert len(overlapped(640, 480)) == 40
    assert len({crop.name for crop in overlapped(640, 480)}) == 40
    assert len(NAMES) == 41


@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("left half", Box(0, 0, 320, 480)),
        ("bottom half", Box(0, 240, 640, 480)),
        ("top right quarter", Box(320, 0, 640, 240)),
        ("top right ninth", Box(426, 0, 640, 160)),
        ("centre ninth", Box(213, 160, 426, 320)),
    ],
)
def test_names_say_where(name: str, box: Box) -> None:
    assert dict(fixed(640, 480))[name] == box


def test_overlapped_patches_start_at_half_a_patch() -> None:
    boxes = dict(overlapped(640, 480))
    assert boxes["centre half"] == Box(160, 0, 480, 480)
    assert boxes["centre quarter"] == Box(160, 120, 480, 360)


@pytest.mark.parametrize(
    ("size", "count"), [((1, 1), 0), ((31, 31), 0), ((32, 32), 8), ((48, 48), 17)]
)
def test_patterns_that_would_be_too_small_are_left_out(size: tuple[int, int], count: int) -> None:
    assert len(fixed(*size)) == count
    assert whole(*size) == (Crop("whole", Box(0, 0, *size)),)


def test_every_crop_has_its_stage_and_every_scheme_its_stages() -> None:
    for stage, cut in STAGES.items():
        assert {stage_of(crop.name) for crop in cut(640, 480)} == {stage}
    assert stage_of("somewhere else") is None
    assert set(SCHEMES["overlapped"]) == set(STAGES)
