"""Captioners that judge a picture's views together, and what an upgrade of one does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fakes import picture

from lexsearch import Index
from lexsearch.captioners import Answer, Captioner, does_for
from lexsearch.errors import CaptionerError
from lexsearch.records import WHOLE, Caption, CaptionerKey, CaptionText, View


class Joint(Captioner):
    """Says of each crop its name, and of the whole how many patches it was seen with."""

    view_side = 64
    joint = True

    def __init__(self, revision: int = 3, fails: bool = False) -> None:
        self.key = CaptionerKey("tagger", f"{revision}:fake")
        self.views: list[View] = []
        self._fails = fails

    def caption(self, views: Sequence[View]) -> list[Answer]:
        self.views += views
        return [self._answer(view) for view in views]

    def _answer(self, view: View) -> Answer:
        if view.patches and self._fails:
            return CaptionerError("no patches today")
        whole = [
            CaptionText(f"a picture with {len(view.patches)} patches", crop=view.crop),
            CaptionText("thing", "seen", crop=view.crop),
        ]
        written = [] if view.patches else [CaptionText("EXIT", "text")]
        patches = [CaptionText(patch.crop.name, crop=patch.crop) for patch in view.patches]
        return [*whole, *written, *patches]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    picture(tmp_path / "photos" / "red.png", "red")
    with Index(tmp_path / "index") as index:
        yield index


def photos(index: Index) -> Path:
    return index.path.parent / "photos"


def captions(index: Index) -> dict[tuple[str, str], str | None]:
    described: Sequence[Caption] = index.describe(photos(index) / "red.png").captions
    return {(row.crop, row.field): row.text for row in described if row.source == "model"}


def test_the_whole_is_said_again_with_its_patches(index: Index) -> None:
    joint = Joint()
    report = index.add(photos(index), captioner=joint)
    assert (report.captioned, report.failed_views) == (1, 0)
    assert [len(view.patches) for view in joint.views] == [0, 17]
    said = captions(index)
    assert said[WHOLE, "caption"] == "a picture with 17 patches"
    assert said[WHOLE, "text"] == "EXIT"
    assert said["left half", "caption"] == "left half"
    assert len([field for _, field in said if field == "caption"]) == 18
    assert not index.add(photos(index), captioner=joint).captioned


def test_overlapped_patches_come_with_all_the_others(index: Index) -> None:
    joint = Joint()
    index.add(photos(index), captioner=joint, crops="overlapped")
    assert [len(view.patches) for view in joint.views] == [0, 17, 40]
    assert len([field for _, field in captions(index) if field == "caption"]) == 41


def test_patches_that_fail_leave_the_whole_as_it_was(index: Index) -> None:
    report = index.add(photos(index), captioner=Joint(fails=True))
    assert report.failed_views == 17
    assert captions(index)[WHOLE, "caption"] == "a picture with 0 patches"
    index.add(photos(index), captioner=Joint())
    assert captions(index)[WHOLE, "caption"] == "a picture with 17 patches"


def test_an_upgraded_tagger_describes_anew_only_when_asked(index: Index) -> None:
    index.add(photos(index), captioner=Joint(2))
    upgraded = Joint(3)
    picture(photos(index) / "blue.png", "blue")
    report = index.add(photos(index), captioner=upgraded)
    assert (report.captioned, report.outdated) == (1, 1)
    assert len(index.search("patches")) == 2
    report = index.add(photos(index), captioner=upgraded, again=True)
    assert (report.captioned, report.outdated) == (2, 0)


@pytest.mark.parametrize(
    ("earlier", "key", "does"),
    [
        (("tagger", "2:a+b"), ("tagger", "3:a"), True),
        (("tagger", "3:a"), ("tagger", "3:a+b"), False),
        (("tagger", "4:a"), ("tagger", "3:a"), False),
        (("mllm", "2:a"), ("mllm", "3:a"), False),
        (("server", "1:m pad #0a"), ("server", "1:m pad #0b"), True),
        (("server", "1:m pad"), ("server", "1:m pad #0b"), True),
        (("server", "1:m pad #0a"), ("server", "1:n pad #0b"), False),
        (("server", "1:m pad #0a"), ("server", "1:m pad #0a"), False),
    ],
)
def test_only_an_earlier_tagger_does_and_a_model_of_the_same_name(
    earlier: tuple[str, str], key: tuple[str, str], does: bool
) -> None:
    assert does_for(CaptionerKey(*earlier), CaptionerKey(*key)) is does
